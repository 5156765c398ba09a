import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, it } from 'vitest';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';
import { createMatcher } from '../../matcher.ts';
import type { CatalogueHost } from '../catalogue.ts';
import { ColumnReads } from './column-reads.ts';
import { newMatch } from './known-matches.ts';
import { Pace } from './pace.ts';
import { HostColumns } from '../recent/recent-columns.ts';

const VERSIONS = 60;
const MINUTE_MS = 60_000;
const NOW_MS = VERSIONS * MINUTE_MS;
/** The series of one sampler, which are others in each minute. */
const schemas = Array.from({ length: VERSIONS }, (_, at) =>
  gaugeSchema('containers', { memory: [`${at} a`, `${at} b`] }),
);

/** A host that had each schema for a minute, and is in memory. */
function world() {
  const uses = new Map(
    schemas.map((schema, at) => [at, { schema, firstMs: at * MINUTE_MS, lastMs: (at + 1) * MINUTE_MS - 1 }]),
  );
  const lane = { laneId: 1, oldestMs: 0, newestMs: NOW_MS, offsetMsMax: 0, uses };
  const host: CatalogueHost = { agentId: 'a', lanes: new Map([[1, lane]]) };
  const columns = new HostColumns(0, 1, undefined);
  /** The host reads values of a schema, in a minute. */
  const append = (at: number, minute: number): void => {
    const schema = schemas[at];
    const use = uses.get(at);
    if (schema === undefined || use === undefined) throw new Error(`no schema ${at}`);
    const timeMs = minute * MINUTE_MS;
    use.lastMs = Math.max(use.lastMs, timeMs);
    columns.append({
      pos: minute,
      schema,
      timeMs,
      values: Float64Array.of(minute, minute),
      states: undefined,
    });
  };
  for (const at of schemas.keys()) append(at, at);
  const reads = new ColumnReads({ whole: (agentId) => (agentId === host.agentId ? columns : undefined) });
  const known = newMatch([createMatcher('__name__', '=', 'memory')]);
  const match = known.matching.host([]);
  if (match === undefined) throw new Error('the host is ruled out');
  const foundBy = (one: CatalogueHost) => ({
    by: known,
    host: one,
    identity: [],
    match,
    part: undefined,
    labels: undefined,
  });
  // As the collector itself: it fits, has no columns, and used no schema that is wanted.
  const hosts = [foundBy(host), foundBy({ agentId: 'without', lanes: new Map() })];
  const files = { areThere: false, haveWanted: false };
  const read = async (minutes: number, { toMinute = VERSIONS, samplesMax = 1e6, isInstant = true } = {}) => {
    const toMs = toMinute * MINUTE_MS;
    const request = { matchers: [], fromMs: toMs - minutes * MINUTE_MS, toMs, samplesMax };
    const found = await reads.select(
      {
        request: isInstant ? { ...request, hints: {} } : request,
        known,
        hosts,
        hasFiles: () => files.areThere,
        isInFiles: () => files.haveWanted,
      },
      new Pace({
        clock: new FakeClock(NOW_MS),
        turnMs: 1e9,
        yieldToLoop: nextTurn,
        signal: new AbortController().signal,
      }),
    );
    if (found === undefined) return undefined;
    const series = found.series.map(({ labels, values }) => `${labels.get('series')}=${values[0]}`);
    return { series, isRest: found.rest.length > 0 };
  };
  return { read, append, known, files };
}

it('makes label sets of what was in use in the range alone, and of more when more is asked', async () => {
  const { read, known } = world();
  expect(await read(3)).toEqual({ series: ['59 a=59', '59 b=59'], isRest: false });
  expect(known.weight).toBeLessThanOrEqual(8);
  expect((await read(10, { isInstant: false }))?.series).toHaveLength(20);
  expect(known.weight).toBeLessThanOrEqual(22);
  expect((await read(3, { toMinute: 20 }))?.series).toEqual(['20 a=20', '20 b=20']);
});

it('plans anew when a schema is used again that was not in use', async () => {
  const { read, append } = world();
  await read(3);
  append(7, VERSIONS);
  expect(await read(3)).toBeUndefined();
  expect(await read(3)).toEqual({ series: ['7 a=60', '7 b=60'], isRest: false });
});

it('sees a host again that had nothing wanted in the range', async () => {
  const { read, append } = world();
  expect(await read(3, { toMinute: VERSIONS + 10 })).toEqual({ series: [], isRest: false });
  append(7, VERSIONS + 10);
  expect(await read(3, { toMinute: VERSIONS + 10 })).toBeUndefined();
  expect((await read(3, { toMinute: VERSIONS + 10 }))?.series).toEqual(['7 a=70', '7 b=70']);
});

it('gives a plan up that has more series than may be read, before it makes any label set', async () => {
  const { read, known } = world();
  expect(await read(60, { samplesMax: 50, isInstant: false })).toEqual({ series: [], isRest: true });
  expect(known.weight).toBe(0);
  expect((await read(60, { isInstant: false }))?.series).toHaveLength(120);
});

it('reads of a host without columns only when files have wanted series of it', async () => {
  const { read, files } = world();
  files.areThere = true;
  expect(await read(3)).toEqual({ series: ['59 a=59', '59 b=59'], isRest: false });
  files.haveWanted = true;
  expect(await read(3)).toEqual({ series: ['59 a=59', '59 b=59'], isRest: true });
  files.areThere = false;
  expect(await read(3)).toEqual({ series: ['59 a=59', '59 b=59'], isRest: false });
});
