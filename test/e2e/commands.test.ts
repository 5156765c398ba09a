/** The commands of the collector as people and scripts use them. */
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createToken,
  killAll,
  runCollectorCommand,
  runCollectorCommandOnFullDisk,
  startCollector,
} from '../harness/processes.ts';

afterEach(killAll);

describe('rollcall-collector', () => {
  it.each([[['--help']], [['run', '--help']], [['token', 'create', '--help']], [['--version']]])(
    'prints what %j asks for and nothing else',
    (parameters) => {
      const { status, stdout, stderr } = runCollectorCommand(parameters);
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).not.toBe('');
    },
  );

  it.each([
    [['bogus'], /^rollcall-collector: unknown command 'bogus'; --help tells what there is\n$/],
    [['run', '--nope'], /^rollcall-collector: unknown option '--nope'; --help/],
    [['token', 'create', '--uses', 'x'], /--uses.*must be a whole number from 1 to 10000/],
    [
      ['run', '--down-grace', 'x', '--log-level', 'loud'],
      /2 problem\(s\):\n {2}.*log-level = "loud".*\n {2}.*down-grace = "x"/,
    ],
    [['run', '--config', '/nonexistent/rollcall.yaml'], /nonexistent\/rollcall.yaml: cannot be read/],
    [['run', '--listen', '0.0.0.0:0'], /needs tls-cert-file and tls-key-file, or insecure/],
  ])('refuses %j with exit code 2 and says why, once', (parameters, message) => {
    const { status, stdout, stderr } = runCollectorCommand(parameters);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  it.skipIf(process.platform !== 'linux')('fails when what it prints cannot be written', () => {
    using dir = tempDir();
    const { status, stderr } = runCollectorCommandOnFullDisk(['token', 'create', '--data-dir', dir.path]);
    expect([status, stderr]).toEqual([
      1,
      'rollcall-collector: write to standard output: ENOSPC: no space left on device, write\n',
    ]);
  });

  it('makes, lists and revokes tokens while a collector runs on the same data', async () => {
    using dir = tempDir();
    const dataDir = join(dir.path, 'data');
    const collector = await startCollector(dataDir);
    const token = createToken(dataDir, ['--uses', '3', '--expires', '24']);
    const list = (): string => runCollectorCommand(['token', 'list', '--data-dir', dataDir]).stdout;
    const [, id = ''] = token.split('_');
    expect(list()).toMatch(new RegExp(`${id} .* 0 of 3 .* valid`));
    expect(list()).not.toContain(token);
    expect(runCollectorCommand(['token', 'revoke', id, '--data-dir', dataDir]).status).toBe(0);
    expect(list()).toMatch(new RegExp(`${id} .* revoked`));
    expect(runCollectorCommand(['token', 'revoke', 'nope', '--data-dir', dataDir])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there is no enrolment token nope'),
    });

    const second = runCollectorCommand(['run', '--data-dir', dataDir, '--listen', '127.0.0.1:0']);
    expect([second.status, second.stderr]).toEqual([
      2,
      expect.stringContaining('is in use by another collector'),
    ]);
    expect(await collector.stop()).toBe(0);
  });
});
