import { expect, it } from 'vitest';
import { createSchema } from '@rollcall/shared/protocol/schema.ts';
import { gaugeMetric as metric, VITALS_SCHEMA, vitalsValues } from '@rollcall/shared/testing/vitals-ticks.ts';
import type { SchemaValues } from '../samplers/readings.ts';
import type { SamplerResult } from '../scheduler/sampler-run.ts';
import { NewestVitals } from './vitals.ts';

const CPU = createSchema({
  sampler: 'cpu',
  intervalMs: 10_000,
  metrics: [
    metric(
      'node_cpu_seconds_total',
      ['cpu', 'mode'],
      [
        ['0', 'idle'],
        ['0', 'iowait'],
        ['0', 'user'],
      ],
    ),
    metric('node_load1', [], [[]]),
  ],
});
const MEMORY = createSchema({
  sampler: 'memory',
  intervalMs: 10_000,
  metrics: [
    metric('node_memory_MemAvailable_bytes', [], [[]]),
    metric('node_memory_MemTotal_bytes', [], [[]]),
  ],
});
const FS_LABELS = ['device', 'mountpoint'];
const MOUNTS = [
  ['/dev/a', '/'],
  ['/dev/b', '/data'],
];
const FILESYSTEM = createSchema({
  sampler: 'filesystem',
  intervalMs: 10_000,
  metrics: [
    metric('node_filesystem_avail_bytes', FS_LABELS, MOUNTS),
    metric('node_filesystem_size_bytes', FS_LABELS, MOUNTS),
  ],
});

function read(
  schema: SchemaValues['schema'],
  values: readonly number[],
  present?: readonly number[],
): SamplerResult {
  const bits = present === undefined ? undefined : Uint8Array.from(present);
  const part = { schema, values: Float64Array.from(values), present: bits, errors: [] };
  return {
    kind: 'values',
    sampler: schema.sampler,
    parts: [part],
    problems: [],
    offsetMs: 0,
    durationMs: 0,
  } as const;
}

it('has nothing to say before the first tick', () => {
  expect(new NewestVitals().current()).toBeNull();
});

it('knows how busy processor, memory and the fullest file system are', () => {
  const vitals = new NewestVitals();
  vitals.note({ wallMs: 1_000, results: [read(CPU, [100, 10, 50, 0.5])] });
  expect(vitals.current()).toEqual({ timeMs: 1_000, load1: 0.5 });
  vitals.note({
    wallMs: 11_000,
    results: [read(CPU, [106, 11, 53, 0.7]), read(MEMORY, [25, 100]), read(FILESYSTEM, [50, 10, 100, 100])],
  });
  expect(vitals.current()).toEqual({
    timeMs: 11_000,
    cpuBusyRatio: 0.3,
    load1: 0.7,
    memoryUsedRatio: 0.75,
    fullestRatio: 0.9,
    fullestMountpoint: '/data',
  });
});

it('counts as the collector does: no stolen time, no remote or read-only file system, and as df', () => {
  const vitals = new NewestVitals();
  vitals.note({ wallMs: 1, results: [read(VITALS_SCHEMA, vitalsValues([100, 0, 0]))] });
  vitals.note({ wallMs: 2, results: [read(VITALS_SCHEMA, vitalsValues([102, 7, 1]))] });
  expect(vitals.current()).toEqual({
    timeMs: 2,
    cpuBusyRatio: 0.1,
    fullestRatio: 500 / 950,
    fullestMountpoint: '/',
  });
  // A processor of which a part could not be read: not a part of it for the whole.
  const values = vitalsValues([103, 7, 2]);
  const present = values.map((_, index) => (index === 2 ? 0 : 1));
  vitals.note({ wallMs: 3, results: [read(VITALS_SCHEMA, values, present)] });
  expect(vitals.cpuBusyRatio).toBeUndefined();
});

it('keeps what a tick did not ask, and forgets what it could not read', () => {
  const vitals = new NewestVitals();
  vitals.note({ wallMs: 1, results: [read(FILESYSTEM, [50, 10, 100, 100]), read(MEMORY, [25, 100])] });
  vitals.note({ wallMs: 2, results: [read(MEMORY, [50, 100])] });
  expect(vitals.current()).toEqual({
    timeMs: 2,
    fullestRatio: 0.9,
    fullestMountpoint: '/data',
    memoryUsedRatio: 0.5,
  });
  const failed = { kind: 'failed', sampler: 'filesystem', offsetMs: 0, durationMs: 0, code: 7 } as const;
  vitals.note({ wallMs: 3, results: [{ ...failed, error: new Error('x'), schemas: [] }] });
  expect(vitals.current()).toEqual({ timeMs: 3, memoryUsedRatio: 0.5 });
});

it('leaves out what could not be read', () => {
  const vitals = new NewestVitals();
  vitals.note({
    wallMs: 1,
    results: [read(FILESYSTEM, [50, 10, 100, 100], [1, 0, 1, 1]), read(MEMORY, [25, 0])],
  });
  expect(vitals.current()).toEqual({ timeMs: 1, fullestRatio: 0.5, fullestMountpoint: '/' });
});
