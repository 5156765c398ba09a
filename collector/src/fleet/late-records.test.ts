import { createSchema } from '@rollcall/shared/protocol/schema.ts';
import { describe, expect, it } from 'vitest';
import { COLLECTOR_AGENT_ID, type CommittedSamples } from '../journal/journal.ts';
import { LateRecords } from './late-records.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = 100 * HOUR_MS;

function tick(agentId: string, timeMs: number, intervalMs = 10_000): CommittedSamples {
  const schema = createSchema({
    sampler: 'load',
    intervalMs,
    metrics: [
      {
        name: 'node_load1',
        unit: '',
        type: 'gauge',
        encoding: 'integer',
        scale: 2,
        labelNames: [],
        series: [[]],
      },
    ],
  });
  const block = {
    kind: 'values' as const,
    schemaNumber: 1,
    schema,
    offsetMs: 0,
    values: Float64Array.of(1),
    present: undefined,
    errors: [],
  };
  return { pos: 1, laneId: 1, agentId, epochId: 'e', timeMs, blocks: [block] };
}

/** Ticks every ten seconds in [fromMs, toMs]. */
function ticks(agentId: string, fromMs: number, toMs: number): CommittedSamples[] {
  const list: CommittedSamples[] = [];
  for (let timeMs = fromMs; timeMs <= toMs; timeMs += 10_000) list.push(tick(agentId, timeMs));
  return list;
}

function watch() {
  const found: string[] = [];
  const late = new LateRecords((hostId, { fromMs, toMs }) => {
    found.push(`${hostId} ${(fromMs - NOW_MS) / 1000} ${(toMs - NOW_MS) / 1000}`);
  });
  return { late, found };
}

describe('LateRecords', () => {
  it('finds nothing in ticks that come in time, whoever sends them', () => {
    const { late, found } = watch();
    late.committed([...ticks('a', NOW_MS - 20_000, NOW_MS), tick('b', NOW_MS + 5_000)], NOW_MS);
    late.committed([tick(COLLECTOR_AGENT_ID, 0)], NOW_MS);
    expect(found).toEqual([]);
  });

  it('finds a span that grows with each commit, up to the first tick that is in time', () => {
    const { late, found } = watch();
    late.committed(ticks('a', NOW_MS - HOUR_MS, NOW_MS - 1_800_000), NOW_MS);
    late.committed(ticks('a', NOW_MS - 1_790_000, NOW_MS), NOW_MS);
    late.committed(ticks('a', NOW_MS + 10_000, NOW_MS + 20_000), NOW_MS + 20_000);
    expect(found).toEqual(['a -3600 -1800', 'a -3600 -30']);
  });

  it('keeps the time in which a host did not measure out of its spans', () => {
    const { late, found } = watch();
    const backlog = [
      ...ticks('a', NOW_MS - HOUR_MS, NOW_MS - 3_000_000),
      ...ticks('a', NOW_MS - 600_000, NOW_MS - 300_000),
    ];
    late.committed(backlog, NOW_MS);
    expect(found).toEqual(['a -3600 -3000', 'a -600 -300']);
  });

  it('goes by the interval of hosts that measure seldom', () => {
    const { late, found } = watch();
    late.committed(
      [3, 2, 1].map((hours) => tick('a', NOW_MS - hours * HOUR_MS, HOUR_MS)),
      NOW_MS,
    );
    expect(found).toEqual([`a ${-3 * 3_600} ${-3_600}`]);
  });

  it('does not mix hosts, nor take a step back for time that was measured', () => {
    const { late, found } = watch();
    late.committed(
      [tick('a', NOW_MS - 100_000), tick('b', NOW_MS - 90_000), tick('a', NOW_MS - 500_000)],
      NOW_MS,
    );
    expect(new Set(found)).toEqual(new Set(['a -100 -100', 'b -90 -90', 'a -500 -500']));
  });
});
