/** The same two ticks, once as the agent announces them and once as the collector reads them from the store. */
import { expect, it } from 'vitest';
import { createSchema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import { NewestVitals } from '../../agent/src/self/vitals.ts';
import { FleetVitals } from '../../collector/src/fleet/vitals.ts';

function metric(
  name: string,
  labelNames: readonly string[],
  series: readonly (readonly string[])[],
): SchemaMetric {
  return { name, unit: '', type: 'gauge', encoding: 'float64', scale: 0, labelNames, series };
}

const LABELS = ['device', 'fstype', 'mountpoint'];
const MOUNTS = [
  ['/dev/a', 'ext4', '/'],
  ['nas:/x', 'nfs4', '/nas'],
  ['tmpfs', 'tmpfs', '/run'],
];
const SCHEMA = createSchema({
  sampler: 'all',
  intervalMs: 10_000,
  metrics: [
    metric(
      'node_cpu_seconds_total',
      ['cpu', 'mode'],
      [
        ['0', 'idle'],
        ['0', 'steal'],
        ['0', 'user'],
      ],
    ),
    metric('node_filesystem_avail_bytes', LABELS, MOUNTS),
    metric('node_filesystem_free_bytes', LABELS, MOUNTS),
    metric('node_filesystem_readonly', LABELS, MOUNTS),
    metric('node_filesystem_size_bytes', LABELS, MOUNTS),
  ],
});
const FILESYSTEMS = [450, 10, 0, 500, 10, 0, 0, 0, 0, 1_000, 1_000, 100];
const PROCESSORS = [
  [100, 0, 0],
  [102, 7, 1],
];

it('an announcement says what the stored readings of the same tick say', () => {
  const agent = new NewestVitals();
  const stored = new FleetVitals();
  for (const [i, processors] of PROCESSORS.entries()) {
    const timeMs = 10_000 * (i + 1);
    const values = Float64Array.from([...processors, ...FILESYSTEMS]);
    const part = { schema: SCHEMA, values, present: undefined, errors: [] };
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
