/** Queries whose answers must not depend on the store, for the samples of one host. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { expect } from 'vitest';
import { encodeQueryValue } from '../../collector/src/query/encode/encode.ts';
import { createQueryEngine } from '../../collector/src/query/query.ts';
import { createMatcher } from '../../collector/src/storage/matcher.ts';
import type { QueryValue } from '../../collector/src/query/results.ts';
import type { StorageReader } from '../../collector/src/storage/storage.ts';
import { ask } from './query-api.ts';

const forever = new AbortController().signal;

const instants = (host: string): readonly string[] => [
  `node_load1{instance="${host}"}`,
  `sum by (mode) (rate(node_cpu_seconds_total{instance="${host}"}[1m]))`,
  `avg_over_time(node_memory_MemAvailable_bytes{instance="${host}"}[1m])`,
  `count({__name__=~"node_.+", instance="${host}"})`,
  `topk(3, node_filesystem_size_bytes{instance="${host}", fstype!~"tmpfs|none"})`,
];
const rangeOf = (host: string): string =>
  `sum by (instance) (irate(node_cpu_seconds_total{mode!="idle", instance="${host}"}[1m]))`;
const LABEL = 'mode';

/** What a store gives to each query, as the API prints it; none is empty. */
export async function answers(
  storage: StorageReader,
  host: string,
  toMs: number,
): Promise<Readonly<Record<string, unknown>>> {
  const engine = createQueryEngine({ storage, clock: systemClock });
  const found: Record<string, unknown> = {};
  for (const query of instants(host)) {
    const { value } = await engine.instant(query, { timeMs: toMs }, forever);
    found[query] = parsed(value);
    expect(found[query]).toMatchObject({ result: expect.arrayContaining([expect.anything()]) });
  }
  const range = { startMs: toMs - 5_000, endMs: toMs, stepMs: 1_000 };
  const { value } = await engine.range(rangeOf(host), range, forever);
  found[rangeOf(host)] = parsed(value);
  const request = { matcherSets: [[createMatcher('instance', '=', host)]], limit: 0 };
  const rangeMs = { fromMs: toMs - 60_000, toMs };
  found[LABEL] = await storage.labelValues(LABEL, { ...request, ...rangeMs }, forever);
  return found;
}

function parsed(value: QueryValue): unknown {
  const pieces = Array.from(encodeQueryValue(value), (piece) => Buffer.from(piece));
  return JSON.parse(Buffer.concat(pieces).toString());
}

/** The collector reads from `storage`, and from nothing else. */
export async function expectSameThroughApi(
  url: string,
  wanted: Readonly<Record<string, unknown>>,
  host: string,
  toMs: number,
): Promise<void> {
  const toS = toMs / 1_000;
  const data = (answer: Awaited<ReturnType<typeof ask>>): unknown =>
    answer.status === 'success' ? answer.data : answer.error;
  for (const query of instants(host)) {
    expect(data(await ask(url, 'query', { query, time: toS }))).toEqual(wanted[query]);
  }
  const range = { query: rangeOf(host), start: toS - 5, end: toS, step: 1 };
  expect(data(await ask(url, 'query_range', range))).toEqual(wanted[rangeOf(host)]);
  const match = new URLSearchParams({
    'match[]': `{instance="${host}"}`,
    start: String(toS - 60),
    end: String(toS),
  });
  const values: unknown = await (await fetch(`${url}/api/v1/label/${LABEL}/values?${String(match)}`)).json();
  expect(values).toEqual({ status: 'success', data: wanted[LABEL] });
}
