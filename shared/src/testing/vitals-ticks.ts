/** Ticks of which agent and collector must make the same vital readings. */
import { createSchema, type HashedSchema, type SchemaMetric } from '../protocol/schema.ts';

/** A gauge of floats without a unit. */
export function gaugeMetric(
  name: string,
  labelNames: readonly string[],
  series: readonly (readonly string[])[],
): SchemaMetric {
  return { name, unit: '', type: 'gauge', encoding: 'float64', scale: 0, labelNames, series };
}

const LABELS = ['device', 'fstype', 'mountpoint'];
/** Only the first one counts: the others are read-only, remote and in memory. */
const MOUNTS = [
  ['/dev/a', 'ext4', '/'],
  ['/dev/sr0', 'ext4', '/cd'],
  ['nas:/x', 'nfs4', '/nas'],
  ['tmpfs', 'tmpfs', '/run'],
];
const AVAILABLE = [450, 0, 10, 0];
const FREE = [500, 0, 10, 0];
const READONLY = [0, 1, 0, 0];
const SIZE = [1_000, 1_000, 1_000, 100];

/** A processor and four file systems. */
export const VITALS_SCHEMA: HashedSchema = createSchema({
  sampler: 'all',
  intervalMs: 10_000,
  metrics: [
    gaugeMetric(
      'node_cpu_seconds_total',
      ['cpu', 'mode'],
      [
        ['0', 'idle'],
        ['0', 'steal'],
        ['0', 'user'],
      ],
    ),
    gaugeMetric('node_filesystem_avail_bytes', LABELS, MOUNTS),
    gaugeMetric('node_filesystem_free_bytes', LABELS, MOUNTS),
    gaugeMetric('node_filesystem_readonly', LABELS, MOUNTS),
    gaugeMetric('node_filesystem_size_bytes', LABELS, MOUNTS),
  ],
});

/** Values of that schema: a file system of 1,000 bytes with 500 free, of which 450 are for everybody. */
export function vitalsValues(
  processor: readonly [idleSeconds: number, stealSeconds: number, userSeconds: number],
): number[] {
  return [...processor, ...AVAILABLE, ...FREE, ...READONLY, ...SIZE];
}
