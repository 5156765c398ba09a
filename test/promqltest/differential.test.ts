import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createQueryEngine } from '../../collector/src/query/query.ts';
import { Labels } from '../../collector/src/storage/labels.ts';
import { MemoryStorage } from '../../collector/src/storage/memory/memory.ts';
import { compareAnswers } from './compare.ts';
import { createDataset, randomNumbers, toOpenMetrics } from './dataset.ts';
import { QUERY_END_MS, QUERY_START_MS, queryGenerator } from './queries.ts';
import { hasPrometheus, startPrometheus } from './reference.ts';
import type { Reference } from './reference.ts';

/** Give another seed to ask other questions; a failure names its seed and query. */
const SEED = Number(process.env['ROLLCALL_SEED'] ?? 1);
const QUERY_COUNT = Number(process.env['ROLLCALL_QUERIES'] ?? 300);
/** Rounding adds up in deep queries; `npm run bench -- differential` tells how much. */
const RELATIVE_MAX = 1e-5;
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
      const difference = compareAnswers(theirs, ours, RELATIVE_MAX);
      if (difference !== undefined) differences.push(`${query}\n  ${difference.text}`);
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
