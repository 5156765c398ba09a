import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { PROGRAMS_MAX } from '@rollcall/shared/protocol/processes.ts';
import { FakeHost } from '../../host/testing.ts';
import { readLines } from '../testing.ts';
import { processesSampler } from './processes.linux.ts';
import { fieldsOfStat, parsePageBytes, parseProcessIo, parseProcessUse } from './processes.ts';
import { ProcessWatch, SNAPSHOTS_MAX } from './watch.ts';

interface FakeProcess {
  readonly name?: string | Buffer;
  readonly ticks?: number;
  readonly start?: number;
  readonly pages?: number;
  readonly read?: number;
  readonly written?: number;
}

/** AT_PAGESZ of 4 KiB behind another entry, as the kernel lays it out. */
const AUXILIARY = Buffer.alloc(48);
AUXILIARY.writeBigUInt64LE(33n, 0);
AUXILIARY.writeBigUInt64LE(6n, 16);
AUXILIARY.writeBigUInt64LE(4_096n, 24);

class Machine {
  readonly clock = new FakeClock();
  readonly host = new FakeHost();
  readonly watch = new ProcessWatch(this.clock);
  readonly sampler = processesSampler(this.clock, this.watch);

  constructor() {
    this.host.files.set('/proc/self/auxv', AUXILIARY);
    this.set(1, { name: 'init' });
  }

  set(pid: number, { name = 'a', ticks = 0, start = 1, pages = 0, read, written }: FakeProcess): void {
    const rest = `) S ${'0 '.repeat(10)}${ticks} 0 0 0 0 0 1 0 ${start} 0 ${pages} 0\n`;
    const stat = Buffer.concat([Buffer.from(`${pid} (`), Buffer.from(name), Buffer.from(rest)]);
    this.host.files.set(`/proc/${pid}/stat`, stat);
    if (read === undefined && written === undefined) return;
    this.host.files.set(`/proc/${pid}/io`, `read_bytes: ${read ?? 0}\nwrite_bytes: ${written ?? 0}\n`);
  }

  /** The root's own can be read only by root. */
  asRoot(): this {
    this.host.files.set('/proc/1/io', 'read_bytes: 0\nwrite_bytes: 0\n');
    return this;
  }

  async look(): Promise<void> {
    const lines = await readLines(this.sampler, this.host);
    const failed = lines.find((line) => line.startsWith('failed'));
    if (failed !== undefined) throw new Error(failed);
    await this.clock.advance(60_000);
  }

  newest() {
    return this.watch.snapshots.at(-1)?.programs ?? [];
  }
}

describe('ProcessWatch', () => {
  it('tells what was used between two looks, by name', async () => {
    const machine = new Machine().asRoot();
    machine.set(10, { name: 'postgres', ticks: 100, pages: 10, read: 1_000 });
    machine.set(11, { name: 'postgres', ticks: 900, pages: 20, read: 0, written: 5 });
    await machine.look();
    expect(machine.watch.snapshots).toEqual([]);
    machine.set(10, { name: 'postgres', ticks: 3_100, pages: 10, read: 61_000 });
    machine.set(11, { name: 'postgres', ticks: 3_900, pages: 20, read: 0, written: 600_005 });
    const atMs = machine.clock.wallMs();
    await machine.look();
    expect(machine.watch.snapshots).toEqual([
      {
        atMs,
        spanMs: 60_000,
        programs: [
          {
            name: 'postgres',
            count: 2,
            pid: 10,
            cpus: 1,
            memoryBytes: 30 * 4_096,
            readBytesPerSecond: 1_000,
            writtenBytesPerSecond: 10_000,
          },
        ],
      },
    ]);
  });

  it('counts all that a new process used, and takes no new one for an old one with its number', async () => {
    const machine = new Machine();
    machine.set(10, { ticks: 6_000, start: 5 });
    await machine.look();
    machine.set(10, { ticks: 3_000, start: 7 });
    await machine.look();
    expect(machine.newest()).toMatchObject([{ cpus: 0.5 }]);
  });

  it('knows no disk where it may not be read, and no memory without the size of a page', async () => {
    const machine = new Machine();
    machine.host.files.delete('/proc/self/auxv');
    machine.host.files.set('/proc/1/io', { fails: 'denied' });
    machine.set(10, { ticks: 1, pages: 3, read: 5 });
    await machine.look();
    machine.set(10, { ticks: 61, pages: 3, read: 50 });
    await machine.look();
    expect(machine.newest()).toMatchObject([
      { memoryBytes: null, readBytesPerSecond: null, writtenBytesPerSecond: null },
    ]);
  });

  it('reads the disk file only of those that used the processor', async () => {
    const machine = new Machine().asRoot();
    for (let pid = 10; pid < 20; pid++) machine.set(pid, { name: `p${pid}`, ticks: 5, read: 1 });
    await machine.look();
    const read: string[] = [];
    const readOnce = machine.host.readOnce.bind(machine.host);
    machine.host.readOnce = (path) => {
      if (path.endsWith('/io')) read.push(path);
      return readOnce(path);
    };
    machine.set(12, { name: 'p12', ticks: 6, read: 60_001 });
    await machine.look();
    expect(read).toEqual(['/proc/1/io', '/proc/12/io']);
    expect(machine.newest()).toMatchObject([{ name: 'p12', readBytesPerSecond: 1_000 }]);
  });

  it('keeps the last ten, and of each the busiest programs', async () => {
    const machine = new Machine();
    for (let look = 0; look < SNAPSHOTS_MAX + 5; look++) {
      for (let pid = 10; pid < 200; pid++) {
        machine.set(pid, { name: `p${pid}`, ticks: look * pid, pages: 1_000 - pid });
      }
      await machine.look();
    }
    expect(machine.watch.snapshots).toHaveLength(SNAPSHOTS_MAX);
    const names = machine.newest().map(({ name }) => name);
    expect(names.length).toBeLessThanOrEqual(PROGRAMS_MAX);
    expect(names.slice(0, 2)).toEqual(['p199', 'p198']);
    expect(names).toContain('p10');
  });

  it('bears hostile names, and never tells arguments', async () => {
    const machine = new Machine();
    machine.host.files.set('/proc/10/cmdline', 'mysql\0--password=hunter2');
    const names = [') S 1 (', '<b>"\n\u202e', 'x'.repeat(16_384), Buffer.from([0xff, 0xfe, 0x80]), ''];
    const set = (ticks: number): void => names.forEach((name, i) => machine.set(10 + i, { name, ticks }));
    set(0);
    await machine.look();
    set(60);
    await machine.look();
    const told = machine.newest().map(({ name }) => name);
    expect(told.toSorted()).toEqual(['', ') S 1 (', '<b>"', 'x'.repeat(32), '\ufffd\ufffd\ufffd'].toSorted());
    expect(JSON.stringify(machine.watch.snapshots)).not.toContain('hunter2');
  });

  it('forgets a look that did not get to its end', async () => {
    const machine = new Machine();
    machine.set(10, { ticks: 0 });
    await machine.look();
    machine.host.files.set('/proc/11/stat', 'garbage');
    await readLines(machine.sampler, machine.host);
    await machine.clock.advance(60_000);
    machine.host.files.delete('/proc/11/stat');
    machine.set(10, { ticks: 12_000 });
    await machine.look();
    expect(machine.watch.snapshots).toMatchObject([{ spanMs: 120_000, programs: [{ cpus: 1 }] }]);
  });
});

describe('what of a process is parsed', () => {
  it.each(['', '1 a S 0', '1 (a S 0', ') (', '1 (a) S', `1 (a) S ${'x '.repeat(30)}`])(
    'refuses %j',
    (text) => {
      expect(() => parseProcessUse(text, fieldsOfStat(text))).toThrow('parse /proc/<pid>/stat');
    },
  );

  it.each(['', 'read_bytes: 1\n', 'write_bytes: 1\n', 'read_bytes: x\nwrite_bytes: 1\n'])(
    'refuses io %j',
    (text) => {
      expect(() => parseProcessIo(text)).toThrow('/proc/<pid>/io');
    },
  );

  it('finds the size of a page, and none in anything else', () => {
    expect(parsePageBytes(AUXILIARY)).toBe(4_096);
    expect(parsePageBytes(AUXILIARY.subarray(0, 31))).toBeUndefined();
    expect(parsePageBytes(Buffer.from('garbage'))).toBeUndefined();
  });
});
