import { describe, expect, it } from 'vitest';
import { LocalHost, MACHINE_ROOTS } from '../host/local-host.ts';
import { FakeHost } from '../host/testing.ts';
import { Manifest, recordingHost } from './manifest.ts';

describe('recordingHost', () => {
  it('notes every path and how reading it ended', async () => {
    const host = new FakeHost();
    host.files.set('/a', 'x');
    host.files.set('/folder/file', 'y');
    host.files.set('/b', { fails: 'denied' });
    const manifest = new Manifest();
    const recorded = recordingHost(host, manifest);
    expect(recorded.read('/a').toString()).toBe('x');
    expect(() => recorded.readOnce('/b')).toThrow('read /b');
    expect(() => recorded.readLink('/c')).toThrow('open /c');
    expect(recorded.has('/d')).toBe(false);
    expect(recorded.list('/folder')).toEqual(['file']);
    const mount = { path: Buffer.from('/mnt'), isRemote: false };
    await expect(recorded.statfs(mount, new AbortController().signal)).rejects.toThrow('statfs /mnt');
    expect(recorded.kernelNames().sysname).toBe('Linux');
    expect(manifest.lists().files).toEqual([
      { what: '/a', outcome: 'ok' },
      { what: '/b', outcome: 'denied' },
      { what: '/c', outcome: 'absent' },
      { what: '/d', outcome: 'absent' },
      { what: '/folder', outcome: 'ok' },
      { what: '/mnt', outcome: 'absent' },
    ]);
  });

  it('works on a host with private members', () => {
    using host = new LocalHost(MACHINE_ROOTS);
    const manifest = new Manifest();
    expect(recordingHost(host, manifest).read('/proc/stat').length).toBeGreaterThan(0);
    expect(manifest.lists().files).toEqual([{ what: '/proc/stat', outcome: 'ok' }]);
  });
});

describe('Manifest', () => {
  it('lists processes as one, keeps the best outcome, and takes the lists of another', () => {
    const manifest = new Manifest();
    manifest.file('/proc/12/fd/3', 'denied');
    manifest.file('/proc/13/fd/4', 'ok');
    manifest.file('/proc/14/fd/5', 'denied');
    manifest.program('/bin/sh\u001b[31m -c x', 'asked');
    const other = new Manifest();
    other.add(manifest.lists());
    expect(other.lists()).toEqual({
      files: [{ what: '/proc/<pid>/fd/<n>', outcome: 'ok' }],
      programs: [{ what: '/bin/sh[31m -c x', outcome: 'asked' }],
    });
  });
});
