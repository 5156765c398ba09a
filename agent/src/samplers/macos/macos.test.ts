import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { HostError } from '../../host/host.ts';
import { FakeHost } from '../../host/testing.ts';
import type { Sampler } from '../sampler.ts';
import { readLines } from '../testing.ts';
import { macSamplers, type MacProgram } from './macos.darwin.ts';
import { parseIoreg, parseMount, parseNetstat, parseSysctl, parseVmStat } from './macos.ts';

function recorded(name: MacProgram): string {
  return readFileSync(join(import.meta.dirname, 'documented', `${name}.txt`), 'utf8');
}

function sampler(name: string, answer: (program: MacProgram) => string = recorded): Sampler {
  const samplers = macSamplers({ clock: new FakeClock(), mountTimeoutMs: 1_000 }, (program) =>
    Promise.resolve(program).then(answer),
  );
  const found = samplers.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no sampler ${name}`);
  return found;
}

describe('samplers of macOS', () => {
  it('read memory under the names of both worlds', async () => {
    expect(await readLines(sampler('memory'), new FakeHost())).toEqual([
      'node_boot_time_seconds 1726000000',
      `node_memory_MemAvailable_bytes ${(12_345 + 290_000) * 16_384}`,
      `node_memory_MemFree_bytes ${12_345 * 16_384}`,
      'node_memory_MemTotal_bytes 17179869184',
      `node_memory_SwapFree_bytes ${1_023.5 * 1_048_576}`,
      'node_memory_SwapTotal_bytes 2147483648',
      `node_memory_active_bytes ${300_000 * 16_384}`,
      `node_memory_compressed_bytes ${250_000 * 16_384}`,
      `node_memory_free_bytes ${12_345 * 16_384}`,
      `node_memory_inactive_bytes ${290_000 * 16_384}`,
      `node_memory_internal_bytes ${414_000 * 16_384}`,
      `node_memory_purgeable_bytes ${2_000 * 16_384}`,
      'node_memory_swap_total_bytes 2147483648',
      `node_memory_swap_used_bytes ${1_024.5 * 1_048_576}`,
      `node_memory_swapped_in_bytes_total ${1_000 * 16_384}`,
      `node_memory_swapped_out_bytes_total ${2_000 * 16_384}`,
      'node_memory_total_bytes 17179869184',
      `node_memory_wired_bytes ${120_000 * 16_384}`,
    ]);
  });

  it('read disks without their partitions', async () => {
    expect(await readLines(sampler('disk'), new FakeHost())).toEqual([
      'node_disk_read_bytes_total{device="disk0"} 98765432100',
      'node_disk_read_time_seconds_total{device="disk0"} 1234.567890123',
      'node_disk_reads_completed_total{device="disk0"} 3456789',
      'node_disk_write_time_seconds_total{device="disk0"} 2345.678901234',
      'node_disk_writes_completed_total{device="disk0"} 2345678',
      'node_disk_written_bytes_total{device="disk0"} 123456789000',
    ]);
  });

  it('read each interface once', () => {
    expect(parseNetstat(recorded('netstat'))).toEqual([
      expect.objectContaining({ device: 'lo0', receivePackets: 102_030, transmitBytes: 20_304_050 }),
      expect.objectContaining({ device: 'gif0', receiveBytes: 0 }),
      {
        device: 'en0',
        receivePackets: 9_080_706,
        receiveErrors: 3,
        receiveBytes: 7_060_504_030,
        transmitPackets: 5_040_302,
        transmitErrors: 1,
        transmitBytes: 3_020_100_900,
      },
    ]);
  });

  it('read file systems, and say which one did not answer', async () => {
    const host = new FakeHost();
    host.mounts.set('/', {
      blockBytes: 4_096,
      blocks: 100,
      blocksFree: 50,
      blocksAvailable: 40,
      files: 9,
      filesFree: 8,
    });
    const lines = await readLines(sampler('filesystem'), host);
    const root = 'device="/dev/disk3s1s1",fstype="apfs",mountpoint="/"';
    expect(lines).toContain(`node_filesystem_avail_bytes{${root}} ${40 * 4_096}`);
    expect(lines).toContain(`node_filesystem_readonly{${root}} 1`);
    const backup = 'device="//ada@nas/backup",fstype="smbfs",mountpoint="/Volumes/My Backup"';
    expect(lines).toContain(`node_filesystem_device_error{${backup}} 1`);
    expect(lines).toContain(`node_filesystem_size_bytes{${backup}}: VANISHED`);
    expect(lines.filter((line) => line.includes('autofs') || line.includes('devfs'))).toEqual([]);
  });

  it.each(['memory', 'disk', 'network', 'filesystem'])('%s fails when its program does', async (name) => {
    const denied = (): never => {
      throw new HostError('denied', 'run it');
    };
    expect(await readLines(sampler(name, denied), new FakeHost())).toEqual(['failed: run it']);
  });

  it.each(['cpu', 'load', 'memory', 'disk', 'network', 'filesystem', 'uname'])(
    '%s emits only what it declares',
    async (name) => {
      const each = sampler(name);
      const declared: ReadonlySet<string> = new Set(each.metrics);
      const names = (await readLines(each, new FakeHost())).map((line) => /^\w+/.exec(line)?.[0] ?? line);
      expect(names.length).toBeGreaterThan(0);
      expect(names.filter((metric) => !declared.has(metric) || !isMetricName(metric))).toEqual([]);
    },
  );
});

describe('parsers of macOS', () => {
  it('survive any output, and make nothing up', () => {
    const piece = fc.constantFrom(
      'Pages free: ',
      '<Link#1>',
      '"Statistics" = {',
      '"BSD Name" = "x"',
      ' on / (apfs)',
      '\n',
      '9',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
        const output = pieces.join('');
        expect(() => [
          parseNetstat(output),
          parseIoreg(output),
          parseMount(output),
          parseSysctl(output),
        ]).not.toThrow();
      }),
    );
    expect(() => parseVmStat('')).toThrow('no page size');
    expect(parseSysctl('')).toEqual({});
    expect(parseMount('x on /y')).toEqual([]);
  });

  it('leave a number that is missing without a value', async () => {
    const answer = (): string => '"Statistics" = {"Bytes (Read)"=7}\n"BSD Name" = "disk9"\n';
    const lines = await readLines(sampler('disk', answer), new FakeHost());
    expect(lines).toContain('node_disk_read_bytes_total{device="disk9"} 7');
    expect(lines).toContain('node_disk_reads_completed_total{device="disk9"}: NOT_FINITE');
  });
});
