import { execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { HostError } from './host.ts';
import { LocalHost, MACHINE_ROOTS } from './local-host.ts';

/** A host whose /proc is an empty folder. */
function fakeProc() {
  const folder = tempDir();
  const clock = new FakeClock();
  const host = new LocalHost(
    { procPath: folder.path, sysPath: '/nonexistent', rootPath: folder.path },
    { clock },
  );
  return {
    folder: folder.path,
    clock,
    host,
    [Symbol.dispose]: () => {
      host.close();
      folder[Symbol.dispose]();
    },
  };
}

function kindOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof HostError) return error.kind;
    throw error;
  }
  return 'none';
}

/** How many files below a folder this process has open. Others are no business of these tests: files share a process. */
function openFilesBelow(folder: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/`);
    } catch {
      return false; // closed since the listing
    }
  }).length;
}

describe('LocalHost', () => {
  it('reads new content through the file that it keeps open', () => {
    using test = fakeProc();
    writeFileSync(join(test.folder, 'stat'), 'a longer text');
    expect(test.host.read('/proc/stat').toString()).toBe('a longer text');
    writeFileSync(join(test.folder, 'stat'), 'short');
    expect(test.host.read('/proc/stat').toString()).toBe('short');
  });

  it('reads an empty file, and one larger than the first buffer', () => {
    using test = fakeProc();
    writeFileSync(join(test.folder, 'empty'), '');
    writeFileSync(join(test.folder, 'large'), 'x'.repeat(300_000));
    expect(test.host.read('/proc/empty')).toHaveLength(0);
    expect(test.host.read('/proc/large')).toHaveLength(300_000);
  });

  it('refuses a file over the limit', () => {
    using test = fakeProc();
    writeFileSync(join(test.folder, 'huge'), Buffer.alloc(4 * 1024 * 1024));
    expect(kindOf(() => test.host.read('/proc/huge'))).toBe('too_large');
    expect(kindOf(() => test.host.read('/proc/huge'))).toBe('too_large');
  });

  it.runIf(process.platform === 'linux')('reads settings of the kernel after a file of megabytes', () => {
    using folder = tempDir();
    using host = new LocalHost(MACHINE_ROOTS);
    const large = join(folder.path, 'large');
    writeFileSync(large, Buffer.alloc(2 * 1024 * 1024));
    expect(host.readOnce(large)).toHaveLength(2 * 1024 * 1024);
    expect(host.read('/proc/sys/kernel/pid_max').toString()).toMatch(/^\d+\n$/);
    expect(host.read('/proc/stat').buffer.byteLength).toBe(64 * 1024);
  });

  it('tells absent, and finds the file once it appears', () => {
    using test = fakeProc();
    expect(kindOf(() => test.host.read('/proc/late'))).toBe('absent');
    expect(kindOf(() => test.host.list('/proc/late'))).toBe('absent');
    expect(kindOf(() => test.host.readLink('/proc/late'))).toBe('absent');
    writeFileSync(join(test.folder, 'late'), 'here');
    expect(test.host.read('/proc/late').toString()).toBe('here');
  });

  it('tells whether there is something, and remembers for a minute what is not there', async () => {
    using test = fakeProc();
    expect(test.host.has('/proc/late')).toBe(false);
    writeFileSync(join(test.folder, 'late'), 'here');
    mkdirSync(join(test.folder, 'folder'));
    await test.clock.advance(59_999);
    expect(test.host.has('/proc/late')).toBe(false);
    await test.clock.advance(1);
    expect(test.host.has('/proc/late')).toBe(true);
    expect(test.host.has('/proc/folder')).toBe(true);
    test.host.read('/proc/late');
    expect(test.host.has('/proc/late')).toBe(true);
  });

  it.each([1_023, 1_024, 1_025, 4_095, 4_096, 4_097])('reads a file of %d bytes whole', (size) => {
    using test = fakeProc();
    mkdirSync(join(test.folder, 'sys'));
    for (const path of ['/proc/file', '/proc/sys/file', '/proc/mountinfo', '/file']) {
      writeFileSync(join(test.folder, path.replace('/proc', '')), 'x'.repeat(size));
      expect(test.host.read(path)).toHaveLength(size);
    }
  });

  it('tells io for a folder', () => {
    using test = fakeProc();
    mkdirSync(join(test.folder, 'folder'));
    expect(kindOf(() => test.host.read('/proc/folder'))).toBe('io');
  });

  it('sees the replacement of a file that it does not keep open', () => {
    using test = fakeProc();
    writeFileSync(join(test.folder, 'os-release'), 'old');
    expect(test.host.readOnce('/os-release').toString()).toBe('old');
    writeFileSync(join(test.folder, 'new'), 'new');
    renameSync(join(test.folder, 'new'), join(test.folder, 'os-release'));
    expect(test.host.readOnce('/os-release').toString()).toBe('new');
  });

  it.runIf(process.platform === 'linux')('keeps a bounded number of files open and closes them all', () => {
    using test = fakeProc();
    for (let i = 0; i < 800; i++) {
      writeFileSync(join(test.folder, `f${i}`), `${i}`);
      expect(test.host.read(`/proc/f${i}`).toString()).toBe(`${i}`);
    }
    expect(openFilesBelow(test.folder)).toBe(768);
    test.host.close();
    test.host.close();
    expect(openFilesBelow(test.folder)).toBe(0);
  });

  it('gives up files that nobody reads any more for others', () => {
    using test = fakeProc();
    const path = (i: number): string => `/proc/f${i}`;
    for (let i = 0; i < 769; i++) writeFileSync(join(test.folder, `f${i}`), 'x');
    for (let i = 0; i < 768; i++) test.host.read(path(i));
    // A file that is kept open is still read when its name is gone; another one is not.
    rmSync(join(test.folder, 'f0'));
    rmSync(join(test.folder, 'f1'));
    for (let i = 0; i < 15_000; i++) test.host.read(path(0));
    test.host.read(path(768));
    expect(kindOf(() => test.host.read(path(0)))).toBe('none');
    expect(kindOf(() => test.host.read(path(1)))).toBe('absent');
  });

  it('tells what a file is, through a link', () => {
    using local = fakeProc();
    writeFileSync(join(local.folder, 'a'), 'four');
    symlinkSync('a', join(local.folder, 'link'));
    const facts = local.host.stat('/a');
    expect(facts).toMatchObject({ isFile: true, bytes: 4 });
    expect(facts.modifiedMs).toBeGreaterThan(1_600_000_000_000);
    expect(local.host.stat('/link')).toEqual(facts);
    expect(local.host.stat('/').isFile).toBe(false);
    expect(kindOf(() => local.host.stat('/absent'))).toBe('absent');
  });

  it.runIf(process.platform === 'linux')('does not wait for a pipe that nobody writes to', () => {
    using local = fakeProc();
    execFileSync('mkfifo', [join(local.folder, 'pipe')]);
    expect(local.host.stat('/pipe').isFile).toBe(false);
    expect(kindOf(() => local.host.readOnce('/pipe'))).toBe('io');
  });

  it('lists names and follows no link when asked for its target', () => {
    using test = fakeProc();
    writeFileSync(join(test.folder, 'a'), '');
    symlinkSync('../elsewhere', join(test.folder, 'link'));
    expect([...test.host.list('/')].sort()).toEqual(['a', 'link']);
    expect(test.host.readLink('/proc/link')).toBe('../elsewhere');
    rmSync(join(test.folder, 'a'));
  });

  it('asks the kernel for the usage of a file system', async () => {
    using test = fakeProc();
    const usage = await test.host.statfs(
      { path: Buffer.from('/'), isRemote: false },
      new AbortController().signal,
    );
    expect(usage.blockBytes).toBeGreaterThan(0);
    expect(usage.blocks).toBeGreaterThanOrEqual(usage.blocksFree);
    expect(usage.blocksFree).toBeGreaterThanOrEqual(usage.blocksAvailable);
    await expect(
      test.host.statfs({ path: Buffer.from('/none'), isRemote: false }, new AbortController().signal),
    ).rejects.toMatchObject({ kind: 'absent' });
  });

  it.runIf(process.platform === 'linux')('notices that what it keeps open has gone', async () => {
    using host = new LocalHost(MACHINE_ROOTS);
    const child = spawn('/bin/sleep', ['600']);
    const path = `/proc/${child.pid}/stat`;
    expect(host.read(path).toString()).toContain('(sleep)');
    const open = readdirSync('/proc/self/fd').length;
    const exited = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await exited;
    expect(kindOf(() => host.read(path))).toBe('absent');
    expect(kindOf(() => host.read(path))).toBe('absent');
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(open);
  });

  it.runIf(process.platform === 'linux')('reads real kernel files whole, again and again', () => {
    using host = new LocalHost(MACHINE_ROOTS);
    for (let i = 0; i < 3; i++) {
      expect(host.read('/proc/stat').toString()).toMatch(/^cpu .*\nprocs_blocked \d+\n/s);
      expect(host.read('/proc/meminfo').toString()).toMatch(/^MemTotal: .*kB\n$/s);
    }
    expect(host.kernelNames().sysname).toBe('Linux');
  });

  it('tells the usage of a file system at once as it does in time', async () => {
    using test = fakeProc();
    const path = Buffer.from('/');
    const later = await test.host.statfs({ path, isRemote: false }, new AbortController().signal);
    const { blockBytes, blocks, files } = test.host.statfsNow(path);
    expect({ blockBytes, blocks, files }).toEqual({
      blockBytes: later.blockBytes,
      blocks: later.blocks,
      files: later.files,
    });
    expect(kindOf(() => test.host.statfsNow(Buffer.from('/nowhere')))).toBe('absent');
  });
});
