/** The same two ticks, once as the agent announces them and once as the collector reads them from the store. */
import { expect, it } from 'vitest';
import { VITALS_SCHEMA as schema, vitalsValues } from '@rollcall/shared/testing/vitals-ticks.ts';
import { NewestVitals } from '../../agent/src/self/vitals.ts';
import { FleetVitals } from '../../collector/src/fleet/vitals.ts';

const PROCESSORS = [
  [100, 0, 0],
  [102, 7, 1],
] as const;

it('an announcement says what the stored readings of the same tick say', () => {
  const agent = new NewestVitals();
  const stored = new FleetVitals();
  for (const [i, processors] of PROCESSORS.entries()) {
    const timeMs = 10_000 * (i + 1);
    const values = Float64Array.from(vitalsValues(processors));
    const part = { schema, values, present: undefined, errors: [] };
    const run = { kind: 'values', sampler: 'all', problems: [], offsetMs: 0, durationMs: 0 } as const;
    agent.note({ wallMs: timeMs, results: [{ ...run, parts: [part] }] });
    const block = { kind: 'values', schemaNumber: 1, offsetMs: 0, ...part } as const;
    const tick = { pos: 1, laneId: 1, agentId: 'a', epochId: 'e', timeMs, blocks: [block] };
    stored.committed([tick]);
  }
  const announced = new FleetVitals();
  announced.announced('a', agent.current() ?? {}, { receivedMs: 20_000, bootedMs: null });
  const told = (vitals: FleetVitals) => {
    const found = vitals.of('a');
    const { mountpoint, usedRatio } = found?.fullestFilesystem ?? {};
    return { cpuBusyRatio: found?.cpuBusyRatio, mountpoint, usedRatio };
  };
  expect(told(stored)).toEqual({ cpuBusyRatio: 0.1, mountpoint: '/', usedRatio: 500 / 950 });
  expect(told(announced)).toEqual(told(stored));
});
