import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../host/testing.ts';
import { Readings } from '../readings.ts';
import { fixtures, readLines } from '../testing.ts';
import { CpuCounters } from './cpu.ts';
import { cpuSampler } from './cpu.linux.ts';

describe('cpu sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(cpuSampler(), host)).toEqual(expected);
  });
});

describe('CpuCounters', () => {
  const times = (cpu: string, idle: number, iowait: number) => ({
    cpu,
    jiffies: [0, 0, 0, idle, iowait, 0, 0, 0, 0, 0],
  });

  it('holds a time that falls a little', () => {
    const counters = new CpuCounters();
    counters.hold([times('0', 1_000, 50)]);
    expect(counters.hold([times('0', 999, 49)])).toEqual([times('0', 1_000, 50)]);
    expect(counters.hold([times('0', 1_001, 51)])).toEqual([times('0', 1_001, 51)]);
  });

  it('takes a fall of the idle time by 3 s for a new processor', () => {
    const counters = new CpuCounters();
    counters.hold([times('0', 1_000, 50)]);
    expect(counters.hold([times('0', 700, 0)])).toEqual([times('0', 700, 0)]);
  });

  it('forgets a processor that was taken out', () => {
    const counters = new CpuCounters();
    counters.hold([times('0', 1_000, 50), times('1', 1_000, 50)]);
    expect(counters.hold([times('0', 1_000, 50)])).toHaveLength(1);
    expect(counters.hold([times('0', 1_000, 50), times('1', 900, 3)])[1]).toEqual(times('1', 900, 3));
  });
});

it('drops the series of a processor that is taken out', async () => {
  const sampler = cpuSampler();
  const readings = new Readings({ sampler: 'cpu', intervalMs: 10_000 });
  const host = new FakeHost();
  host.files.set('/proc/stat', 'cpu  1 0 0 2\ncpu0 1 0 0 1\ncpu1 0 0 0 1\n');
  expect(await readLines(sampler, host, readings)).toHaveLength(20);
  host.files.set('/proc/stat', 'cpu  1 0 0 2\ncpu0 1 0 0 1\n');
  expect(await readLines(sampler, host, readings)).toHaveLength(10);
  host.files.set('/proc/stat', { fails: 'denied' });
  expect(await readLines(sampler, host, readings)).toEqual(['failed: read /proc/stat']);
});
