import { describe, expect, it } from 'vitest';
import type { FailedBlock, ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import { createSchema, type Schema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import type { CommittedSamples } from '../journal/journal.ts';
import { FleetVitals } from './vitals.ts';

const metric = (
  name: string,
  labelNames: readonly string[] = [],
  series: readonly (readonly string[])[] = [[]],
): SchemaMetric => ({
  name,
  unit: '',
  type: 'gauge',
  encoding: 'float64',
  scale: 0,
  labelNames,
  series,
});
const schemaOf = (...metrics: readonly SchemaMetric[]): Schema =>
  createSchema({ sampler: 's', intervalMs: 10_000, metrics });

/** Values by `metric` or `metric:label:label`; a series without one is absent. */
function block(schema: Schema, values: Readonly<Record<string, number>>, offsetMs = 0): ValuesBlock {
  const keys = schema.metrics.flatMap(({ name, series }) =>
    series.map((labels) => [name, ...labels].join(':')),
  );
  return {
    kind: 'values',
    schemaNumber: 1,
    schema,
    offsetMs,
    values: Float64Array.from(keys, (key) => values[key] ?? 0),
    present: Uint8Array.from(keys, (key) => (key in values ? 1 : 0)),
    errors: [],
  };
}

const tick = (timeMs: number, ...blocks: readonly (ValuesBlock | FailedBlock)[]): CommittedSamples => {
  const committed = { pos: 1, laneId: 1, agentId: 'a', epochId: 'e', timeMs, blocks };
  return committed;
};

const at = (receivedMs: number) => ({ receivedMs, bootedMs: null });

const CPU = schemaOf(
  metric(
    'node_cpu_seconds_total',
    ['cpu', 'mode'],
    [
      ['0', 'idle'],
      ['0', 'user'],
      ['1', 'idle'],
      ['1', 'system'],
    ],
  ),
);
const cpu = (idle0: number, user0: number, idle1: number, system1: number) =>
  block(CPU, {
    'node_cpu_seconds_total:0:idle': idle0,
    'node_cpu_seconds_total:0:user': user0,
    'node_cpu_seconds_total:1:idle': idle1,
    'node_cpu_seconds_total:1:system': system1,
  });

describe('FleetVitals', () => {
  it('knows nothing of a host without ticks', () => {
    const vitals = new FleetVitals();
    expect([vitals.of('a'), vitals.newestDataMs('a')]).toEqual([null, null]);
  });

  it('computes the busy share between two ticks, over all processors', () => {
    const vitals = new FleetVitals();
    vitals.committed([tick(10_000, cpu(100, 10, 100, 20))]);
    expect(vitals.of('a')).toMatchObject({ cpuBusyRatio: null, cpuCount: 2 });
    vitals.committed([tick(20_000, cpu(105, 15, 109, 21))]);
    expect(vitals.of('a')?.cpuBusyRatio).toBeCloseTo(6 / 20);
  });

  it('takes no share across a reset of the counters', () => {
    const vitals = new FleetVitals();
    vitals.committed([tick(10_000, cpu(100, 10, 100, 20)), tick(20_000, cpu(1, 1, 1, 1))]);
    expect(vitals.of('a')?.cpuBusyRatio).toBeNull();
    vitals.committed([tick(30_000, cpu(6, 6, 11, 1))]);
    expect(vitals.of('a')?.cpuBusyRatio).toBeCloseTo(5 / 20);
  });

  it('takes no share when a processor is missing from one of the ticks', () => {
    const vitals = new FleetVitals();
    const partial = block(CPU, { 'node_cpu_seconds_total:0:idle': 105, 'node_cpu_seconds_total:0:user': 15 });
    vitals.committed([tick(10_000, cpu(100, 10, 100, 20)), tick(20_000, partial)]);
    expect(vitals.of('a')?.cpuBusyRatio).toBeNull();
  });

  it('reads memory, load and boot time', () => {
    const schema = schemaOf(
      metric('node_boot_time_seconds'),
      metric('node_load1'),
      metric('node_memory_MemAvailable_bytes'),
      metric('node_memory_MemTotal_bytes'),
    );
    const vitals = new FleetVitals();
    const values = { node_boot_time_seconds: 1.5, node_load1: 0.25, node_memory_MemTotal_bytes: 8 };
    vitals.committed([tick(1, block(schema, { ...values, node_memory_MemAvailable_bytes: 2 }))]);
    expect(vitals.of('a')).toMatchObject({
      bootedMs: 1_500,
      load1: 0.25,
      memoryUsedRatio: 0.75,
      memoryTotalBytes: 8,
    });
    expect(vitals.of('a')).toMatchObject({
      cpuBusyRatio: null,
      fullestFilesystem: null,
      receiveBytesPerSecond: null,
    });
  });

  it('finds the fullest local, writable file system', () => {
    const series = [
      ['/dev/a', 'ext4', '/'],
      ['/dev/b', 'ext4', '/cd'],
      ['nas', 'nfs4', '/nas'],
      ['overlay', 'overlay', '/var/lib/docker/overlay2/x'],
      ['tmpfs', 'tmpfs', '/tmp'],
      ['x', 'xfs', '/data'],
    ];
    const names = ['avail_bytes', 'free_bytes', 'readonly', 'size_bytes'];
    const schema = schemaOf(
      ...names.map((name) => metric(`node_filesystem_${name}`, ['device', 'fstype', 'mountpoint'], series)),
    );
    const values: Record<string, number> = {};
    for (const labels of series) {
      const key = labels.join(':');
      values[`node_filesystem_size_bytes:${key}`] = 1_000;
      values[`node_filesystem_free_bytes:${key}`] = 10;
      values[`node_filesystem_avail_bytes:${key}`] = 10;
      values[`node_filesystem_readonly:${key}`] = labels[2] === '/cd' ? 1 : 0;
    }
    values['node_filesystem_free_bytes:/dev/a:ext4:/'] = 500;
    values['node_filesystem_avail_bytes:/dev/a:ext4:/'] = 450;
    values['node_filesystem_free_bytes:x:xfs:/data'] = 600;
    values['node_filesystem_avail_bytes:x:xfs:/data'] = 600;
    const vitals = new FleetVitals();
    vitals.committed([tick(1, block(schema, values))]);
    expect(vitals.of('a')?.fullestFilesystem).toEqual({
      mountpoint: '/',
      usedRatio: 500 / 950,
      sizeBytes: 1_000,
    });
  });

  it('computes network rates without loopback and container pairs, by the time of the reading', () => {
    const devices = [['eth0'], ['eth1'], ['lo'], ['veth12']];
    const [rx, tx] = ['node_network_receive_bytes_total', 'node_network_transmit_bytes_total'] as const;
    const schema = schemaOf(metric(rx, ['device'], devices), metric(tx, ['device'], devices));
    const net = (bytes: number, offsetMs: number) =>
      block(
        schema,
        Object.fromEntries(
          devices.flatMap(([device]) => [
            [`${rx}:${device}`, bytes],
            [`${tx}:${device}`, 2 * bytes],
          ]),
        ),
        offsetMs,
      );
    const vitals = new FleetVitals();
    vitals.committed([tick(10_000, net(1_000, 0)), tick(20_000, net(2_000, 0))]);
    expect(vitals.of('a')).toMatchObject({ receiveBytesPerSecond: 200, transmitBytesPerSecond: 400 });
    vitals.committed([tick(30_000, net(3_000, -5_000))]);
    expect(vitals.of('a')).toMatchObject({ receiveBytesPerSecond: 400, transmitBytesPerSecond: 800 });
  });

  it('keeps a slow sampler’s reading for five minutes, and ignores older ticks', () => {
    const [load, memory] = [schemaOf(metric('node_load1')), schemaOf(metric('node_memory_MemTotal_bytes'))];
    const vitals = new FleetVitals();
    vitals.committed([tick(0, block(load, { node_load1: 1 }))]);
    vitals.committed([tick(300_000, { kind: 'failed', schemaNumber: 1, offsetMs: 0, code: 2 })]);
    expect(vitals.of('a')?.load1).toBe(1);
    vitals.committed([tick(300_001, block(memory, {}))]);
    expect(vitals.of('a')?.load1).toBeNull();
    vitals.committed([tick(200_000, block(load, { node_load1: 7 }))]);
    expect([vitals.of('a')?.load1, vitals.newestDataMs('a')]).toEqual([null, 300_001]);
    vitals.announced('a', { cpuBusyRatio: 0.5 }, at(400_000));
    vitals.forget('a');
    expect(vitals.of('a')).toBeNull();
  });

  it('shows what a host with a backlog announces until its ticks are newer', () => {
    const load = schemaOf(metric('node_load1'));
    const vitals = new FleetVitals();
    vitals.committed([tick(10_000, cpu(100, 10, 100, 20)), tick(20_000, cpu(105, 15, 109, 21))]);
    const announcement = {
      timeMs: 9e15,
      cpuBusyRatio: 0.9,
      load1: 7,
      memoryUsedRatio: 0.4,
      fullestRatio: 0.8,
      fullestMountpoint: '/var',
    };
    vitals.announced('a', announcement, { receivedMs: 500_000, bootedMs: 300_000 });
    expect(vitals.of('a')).toEqual({
      timeMs: 500_000,
      cpuBusyRatio: 0.9,
      cpuCount: 2,
      memoryUsedRatio: 0.4,
      memoryTotalBytes: null,
      load1: 7,
      fullestFilesystem: { mountpoint: '/var', usedRatio: 0.8, sizeBytes: null },
      receiveBytesPerSecond: null,
      transmitBytesPerSecond: null,
      bootedMs: 300_000,
    });
    // One that is no newer than what is stored says nothing, as at the login of a host without a backlog.
    vitals.announced('a', { ...announcement, timeMs: 20_000, load1: 9 }, at(600_000));
    expect(vitals.of('a')).toMatchObject({ timeMs: 20_000, load1: null });
    vitals.announced('a', announcement, at(500_000));
    // What proves nothing about stored data: alerts look at ticks alone.
    expect(vitals.newestDataMs('a')).toBe(20_000);
    vitals.committed([tick(490_000, block(load, { node_load1: 1 }))]);
    expect(vitals.of('a')).toMatchObject({ timeMs: 500_000, load1: 7 });
    vitals.committed([tick(500_000, block(load, { node_load1: 2 }))]);
    expect(vitals.of('a')).toMatchObject({ timeMs: 500_000, load1: 2, cpuBusyRatio: null });
  });

  it('shows what an agent announces whose clock is ahead by more than its backlog', () => {
    const load = schemaOf(metric('node_load1'));
    const vitals = new FleetVitals();
    // Ten minutes ahead; the oldest eight minutes still wait.
    const [nowMs, aheadMs] = [10_000_000, 600_000];
    vitals.committed([tick(nowMs + aheadMs - 480_000, block(load, { node_load1: 1 }))]);
    vitals.announced('a', { timeMs: nowMs + aheadMs, load1: 90 }, at(nowMs));
    expect(vitals.of('a')).toMatchObject({ timeMs: nowMs, load1: 90 });
    vitals.committed([tick(nowMs + aheadMs - 10_000, block(load, { node_load1: 2 }))]);
    expect(vitals.of('a')).toMatchObject({ load1: 90 });
    vitals.committed([tick(nowMs + aheadMs, block(load, { node_load1: 3 }))]);
    expect(vitals.of('a')).toMatchObject({ load1: 3 });
  });

  it('does not show the boot before the last one beside what is announced', () => {
    const boot = schemaOf(metric('node_boot_time_seconds'));
    const vitals = new FleetVitals();
    vitals.committed([tick(10_000, block(boot, { node_boot_time_seconds: 5 }))]);
    vitals.announced('a', { timeMs: 500_000 }, at(500_000));
    expect(vitals.of('a')).toMatchObject({ timeMs: 500_000, bootedMs: null });
  });

  it('shows nothing of an announcement that is none', () => {
    const vitals = new FleetVitals();
    vitals.announced(
      'a',
      { cpuBusyRatio: 1.5, load1: -1, memoryUsedRatio: 'x', fullestRatio: 0.5, other: 1 },
      at(1_000),
    );
    expect(vitals.of('a')).toMatchObject({
      timeMs: 1_000,
      cpuBusyRatio: null,
      load1: null,
      memoryUsedRatio: null,
      fullestFilesystem: null,
    });
  });
});
