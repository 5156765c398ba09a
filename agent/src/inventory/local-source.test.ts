import { describe, expect, it } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { FakeHost } from '../host/testing.ts';
import { COMMANDS } from './commands.ts';
import { localSource } from './local-source.ts';
import { Manifest } from './manifest.ts';

describe('localSource', () => {
  it('notes what it reads and starts, also when that fails', async () => {
    const manifest = new Manifest();
    const source = localSource({ host: new FakeHost(), clock: systemClock, manifest });
    expect(source.host.has('/etc/passwd')).toBe(false);
    // A program of another operating system: nowhere are both installed.
    const other = process.platform === 'linux' ? 'fileVault' : 'systemdUnitFiles';
    await expect(source.run(other)).rejects.toMatchObject({ kind: 'absent' });
    expect(manifest.lists()).toEqual({
      files: [{ what: '/etc/passwd', outcome: 'absent' }],
      programs: [{ what: [COMMANDS[other].program, ...COMMANDS[other].args].join(' '), outcome: 'absent' }],
    });
  });

  it.each([undefined, '', '/dev/sda; rm', '/dev/../etc', '-a', '/dev/sda /dev/sdb'])(
    'never passes on the operand %j',
    async (operand) => {
      const source = localSource({ host: new FakeHost(), clock: systemClock, manifest: new Manifest() });
      await expect(source.run('smart', operand)).rejects.toThrow('operand of smart');
    },
  );

  it('takes no operand where none is meant', async () => {
    const source = localSource({ host: new FakeHost(), clock: systemClock, manifest: new Manifest() });
    await expect(source.run('aptUpdates', 'install')).rejects.toThrow('operand of aptUpdates');
  });
});

it.each(Object.entries(COMMANDS))(
  '%s is a program by its absolute path, and no shell of Unix',
  (_, command) => {
    expect(command.program).toMatch(/^(\/(usr\/|)s?bin\/[\w-]+|C:\\Windows\\System32\\[\w\\.]+\.exe)$/);
    expect(command.program).not.toMatch(/\/(ba|da|z|k)?sh$/);
  },
);
