import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { HostError } from '../../host/host.ts';
import { FakeHost } from '../../host/testing.ts';
import { Readings } from '../readings.ts';
import { readLines } from '../testing.ts';
import { addWindowsReading, parseWindowsReading, WINDOWS_SAMPLERS } from './windows.ts';
import { windowsSamplers, type Counters } from './windows.win32.ts';

const DOCUMENTED = readFileSync(join(import.meta.dirname, 'documented/counters.json'), 'utf8');

async function lines(counters: Counters): Promise<string[]> {
  const all = windowsSamplers(new FakeClock(), counters).map((sampler) => readLines(sampler, new FakeHost()));
  return (await Promise.all(all)).flat();
}

describe('samplers of Windows', () => {
  it('read counters under the names of both worlds, without sums and hidden volumes', async () => {
    const found = await lines({ ask: () => Promise.resolve(DOCUMENTED) });
    for (const line of [
      'windows_cpu_time_total{core="0",mode="idle"} 123456.789',
      'windows_cpu_time_total{core="0",mode="privileged"} 3456.789',
      'node_cpu_seconds_total{cpu="0",mode="system"} 3098.766',
      'node_cpu_seconds_total{cpu="0",mode="irq"} 123.456',
      'windows_cpu_logical_processor 8',
      'node_memory_MemTotal_bytes 17068195840',
      'node_memory_MemAvailable_bytes 8589934592',
      `windows_pagefile_free_bytes ${2_400_000 * 1_024}`,
      `windows_logical_disk_size_bytes{volume="C:"} ${243_587 * 1_048_576}`,
      `node_filesystem_avail_bytes{device="C:",fstype="ntfs",mountpoint="C:"} ${101_234 * 1_048_576}`,
      'windows_physical_disk_requests_queued{disk="0 C:"} 2',
      'node_disk_read_bytes_total{device="0 C:"} 98765432100',
      'windows_net_current_bandwidth_bytes{nic="Intel[R] Ethernet Connection"} 125000000',
      'node_network_receive_errs_total{device="Intel[R] Ethernet Connection"} 3',
      'windows_system_processes 178',
      'node_boot_time_seconds 1726000000.123',
    ]) {
      expect(found).toContain(line);
    }
    expect(found.filter((line) => /_Total"|HarddiskVolume|dropped|failed/.test(line))).toEqual([]);
  });

  it('ask once in a tick, and again in the next one', async () => {
    const clock = new FakeClock();
    let count = 0;
    const counters: Counters = {
      ask: () => {
        count++;
        return Promise.resolve(DOCUMENTED);
      },
    };
    const samplers = windowsSamplers(clock, counters);
    const tick = () => Promise.all(samplers.map((sampler) => readLines(sampler, new FakeHost())));
    await tick();
    expect(count).toBe(1);
    await clock.advance(1_000);
    await tick();
    expect(count).toBe(2);
  });

  it('fail together when there is no answer, or none that can be read', async () => {
    const silent = await lines({ ask: () => Promise.reject(new HostError('timeout', 'ask powershell')) });
    expect(silent).toEqual(WINDOWS_SAMPLERS.map(() => 'failed: ask powershell'));
    for (const answer of ['', '[]', 'null', 'Get-CimInstance : Access denied']) {
      const broken = await lines({ ask: () => Promise.resolve(answer) });
      expect(broken.filter((line) => !line.startsWith('failed: parse counters of Windows'))).toEqual([]);
      expect(broken).toHaveLength(WINDOWS_SAMPLERS.length);
    }
  });

  it('take any JSON, and nothing that is no number', () => {
    const instance = fc.dictionary(
      fc.constantFrom('Name', 'PercentIdleTime', 'AvailableBytes', 'BootMs'),
      fc.jsonValue(),
    );
    const keys = fc.constantFrom('cpu', 'memory', 'os', 'volumes', 'x');
    fc.assert(
      fc.property(fc.dictionary(keys, fc.oneof(fc.jsonValue(), fc.array(instance))), (root) => {
        const reading = parseWindowsReading(JSON.stringify(root));
        for (const sampler of WINDOWS_SAMPLERS) {
          const readings = new Readings({ sampler, intervalMs: 10_000 });
          readings.begin();
          addWindowsReading(sampler, reading, readings);
          for (const { errors } of readings.finish()) expect(errors).toEqual([]);
        }
      }),
      // Each makes a schema for each sampler.
      { numRuns: 25 },
    );
  });
});
