import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createQueryEngine } from '../../collector/src/query/query.ts';
import type { QueryValue } from '../../collector/src/query/results.ts';
import { Labels } from '../../collector/src/storage/labels.ts';
import { MemoryStorage } from '../../collector/src/storage/memory/memory.ts';
import { createDataset, randomNumbers, toOpenMetrics } from './dataset.ts';
import { QUERY_END_MS, QUERY_START_MS, queryGenerator } from './queries.ts';
import { hasPrometheus, startPrometheus } from './reference.ts';
import type { Reference, ReferenceAnswer } from './reference.ts';

/** Give another seed to ask other questions; a failure names its seed and query. */
const SEED = Number(process.env['ROLLCALL_SEED'] ?? 1);
const QUERY_COUNT = Number(process.env['ROLLCALL_QUERIES'] ?? 300);
const TIMES = { startMs: QUERY_START_MS, endMs: QUERY_END_MS, stepMs: 30_000 };

describe.skipIf(!hasPrometheus() && process.env['CI'] !== 'true')('compared with Prometheus', () => {
  const storage = new MemoryStorage();
  const engine = createQueryEngine({ storage, clock: systemClock });
  const folder = tempDir();
  let prometheus: Reference;

  beforeAll(async () => {
    const dataset = createDataset(randomNumbers(42));
    for (const { name, labels, points } of dataset) {
      const samples = points.map(([timeMs, value]) => ({ timeMs, value }));
      await storage.append([{ labels: Labels.of({ ...labels, __name__: name }), samples }]);
    }
    prometheus = await startPrometheus(folder.path, toOpenMetrics(dataset));
  });

  afterAll(async () => {
    await prometheus.stop();
    folder[Symbol.dispose]();
  });

  it(`gives the same answers to ${QUERY_COUNT} random queries with seed ${SEED}`, async () => {
    const nextQuery = queryGenerator(randomNumbers(SEED));
    const differences: string[] = [];
    let withData = 0;
    for (let i = 0; i < QUERY_COUNT; i++) {
      const query = nextQuery();
      const theirs = await prometheus.queryRange(query, TIMES);
      const ours = await engine.range(query, TIMES, new AbortController().signal).then(
        ({ value }) => value,
        (error: unknown) => (error instanceof AppError ? error : Promise.reject(toError(error))),
      );
      const difference = compare(theirs, ours);
      if (difference !== undefined) differences.push(`${query}\n  ${difference}`);
      if (theirs.status === 'success' && theirs.data.result.length > 0) withData++;
    }
    expect(differences).toEqual([]);
    // Queries without a result prove little.
    expect(withData).toBeGreaterThan(QUERY_COUNT / 3);
  });
});

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function compare(theirs: ReferenceAnswer, ours: QueryValue | AppError): string | undefined {
  if (theirs.status === 'error') {
    if (!(ours instanceof AppError)) return `they fail: ${theirs.error}`;
    // Which of several conflicting series is named first may differ.
    const [expected, actual] = [theirs.error, ours.message].map((text) => text.slice(0, 40));
    return expected === actual ? undefined : `they fail: ${theirs.error}, we: ${ours.message}`;
  }
  if (ours instanceof AppError) return `we fail: ${ours.message}`;
  if (ours.kind !== 'matrix') return `we give a ${ours.kind}`;
  const expected = theirs.data.result.map(({ metric, values }) => ({
    labels: Labels.of(metric),
    points: values.map(([seconds, value]) => [Math.round(seconds * 1000), toNumber(value)] as const),
  }));
  const actual = new Map(ours.series.map((series) => [series.labels.key, series]));
  if (actual.size !== expected.length) return `${expected.length} series expected, ${actual.size} given`;
  for (const { labels, points } of expected) {
    const series = actual.get(labels.key);
    if (series === undefined) return `${labels.toString()} is missing`;
    if (series.values.length !== points.length) {
      return `${labels.toString()}: ${points.length} points expected, ${series.values.length} given`;
    }
    for (const [i, [timeMs, value]] of points.entries()) {
      const own = series.values[i] ?? NaN;
      if (series.timestamps[i] === timeMs && isClose(value, own)) continue;
      return `${labels.toString()} at ${timeMs}: ${value} expected, ${own} given`;
    }
  }
  return undefined;
}

function toNumber(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

/** Sums in another order differ in the last digits, and differences of nearly equal numbers in more of them. */
function isClose(left: number, right: number): boolean {
  if (Object.is(left, right) || left === right) return true;
  const difference = Math.abs(left - right);
  return difference <= 1e-5 * Math.max(Math.abs(left), Math.abs(right)) || difference < 1e-9;
}
