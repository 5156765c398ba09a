import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../host/testing.ts';
import { Readings } from '../readings.ts';
import { fixtures, readLines } from '../testing.ts';
import { diskSampler } from './disk.linux.ts';

describe('disk sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(diskSampler, host)).toEqual(expected);
  });
});

it('follows disks that come and go, and counters that restart', async () => {
  const readings = new Readings({ sampler: 'disk', intervalMs: 10_000 });
  const host = new FakeHost();
  const line = (device: string, reads: number): string => `8 0 ${device} ${reads} 0 0 0 0 0 0 0 0 0 0\n`;
  host.files.set('/proc/diskstats', line('sda', 900) + line('sdb', 5));
  expect(await readLines(diskSampler, host, readings)).toHaveLength(22);
  host.files.set('/proc/diskstats', line('sda', 1));
  const lines = await readLines(diskSampler, host, readings);
  expect(lines).toHaveLength(11);
  expect(lines).toContain('node_disk_reads_completed_total{device="sda"} 1');
});
