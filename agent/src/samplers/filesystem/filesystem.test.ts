import { describe, expect, it } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { FakeHost } from '../../host/testing.ts';
import { fixtures, readLines } from '../testing.ts';
import { filesystemSampler } from './filesystem.linux.ts';
import { parseMounts } from './filesystem.ts';

const USAGE = { blockBytes: 1, blocks: 4, blocksFree: 3, blocksAvailable: 2, files: 1, filesFree: 0 };

describe('filesystem sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    const clock = new FakeClock();
    const lines = readLines(filesystemSampler({ clock, mountTimeoutMs: 2_000 }), host);
    await clock.advance(2_000);
    expect(await lines).toEqual(expected);
    expect(clock.timerCount).toBe(0);
  });

  it('falls back to its own mounts when those of process 1 are denied', async () => {
    const host = new FakeHost();
    host.files.set('/proc/1/mountinfo', { fails: 'denied' });
    host.files.set('/proc/self/mountinfo', '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n');
    host.mounts.set('/', USAGE);
    const sampler = filesystemSampler({ clock: new FakeClock(), mountTimeoutMs: 1 });
    expect(await readLines(sampler, host)).toHaveLength(7);
  });

  it('asks for many mounts without a warning', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    const host = new FakeHost();
    const count = 200;
    const lines = Array.from({ length: count }, (_, i) => `${i} 1 8:1 / /m${i} rw - nfs s:/m${i} rw\n`);
    host.files.set('/proc/1/mountinfo', lines.join(''));
    for (let i = 0; i < count; i++) host.mounts.set(`/m${i}`, { hangs: true });
    const clock = new FakeClock();
    const result = readLines(filesystemSampler({ clock, mountTimeoutMs: 100 }), host);
    await clock.advance(100);
    expect((await result).filter((line) => line.endsWith('TIMEOUT'))).toHaveLength(5 * count);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('keeps the bytes of a mount point that is not UTF-8', () => {
    const line = Buffer.from('22 1 8:1 / /a\xff\\040b rw - ext4 /dev/sda1 rw\n', 'latin1');
    const [mount] = parseMounts(line);
    expect(mount?.path).toEqual(Buffer.from('/a\xff b', 'latin1'));
    expect(mount?.mountpoint).toBe('/a\ufffd b');
  });

  it.each([
    ['/ ext4', '/ true'],
    ['/ nfs4\n/a ext4', '/ false, /a false'],
    ['/ ext4\n/a fuse.sshfs\n/a/b xfs\n/ab tmpfs', '/ true, /a false, /a/b false, /ab true'],
    ['/ ext4\n/run tmpfs\n/run/a autofs\n/run/a/b ext4', '/ true, /run true, /run/a/b false'],
    ['/ ext4\n/boot vfat', '/ true, /boot false'],
    ['/ ext4\n/proc proc\n/o overlay\n/o/x btrfs', '/ true, /o/x true'],
  ])('knows which of %j need not be waited for', (text, expected) => {
    const lines = text.split('\n').map((line) => {
      const [path = '', fstype = ''] = line.split(' ');
      return `22 1 8:1 / ${path} rw - ${fstype} x rw\n`;
    });
    const mounts = parseMounts(Buffer.from(lines.join('')));
    expect(mounts.map((each) => `${each.mountpoint} ${each.isImmediate}`).join(', ')).toBe(expected);
  });

  it('takes time linear in the length of hostile lines', () => {
    const line = `1 1 1:1 / /var/lib/docker/${'a/'.repeat(200_000)} rw ${'- '.repeat(100_000)}`;
    const startMs = systemClock.monoMs();
    expect(parseMounts(Buffer.from(line))).toHaveLength(0);
    expect(systemClock.monoMs() - startMs).toBeLessThan(1_000);
  });
});
