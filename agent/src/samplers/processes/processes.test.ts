import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { FakeHost } from '../../host/testing.ts';
import { ParseError } from '../parse.ts';
import { fixtures, readLines } from '../testing.ts';
import { processesSampler } from './processes.linux.ts';
import { fieldsOfStat, parseProcess } from './processes.ts';

describe('processes sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(processesSampler(new FakeClock()), host)).toEqual(expected);
  });

  it('counts once a minute, and not those that ended since they were listed', async () => {
    const clock = new FakeClock();
    const host = new FakeHost();
    const sampler = processesSampler(clock);
    const stat = `(a) S ${'0 '.repeat(16)}3 0\n`;
    host.files.set('/proc/1/stat', `1 ${stat}`);
    host.files.set('/proc/2/stat', { fails: 'absent' });
    const count = async (): Promise<string | undefined> =>
      (await readLines(sampler, host)).find((line) => line.startsWith('node_processes_pids'));
    expect(await count()).toBe('node_processes_pids 1');
    host.files.set('/proc/2/stat', `2 ${stat}`);
    expect(await count()).toBe('node_processes_pids 1');
    await clock.advance(60_000);
    expect(await count()).toBe('node_processes_pids 2');
  });
});

it('does not take what it may see for all', async () => {
  const host = new FakeHost();
  host.files.set('/proc/77/stat', '77 (a) S');
  expect(await readLines(processesSampler(new FakeClock()), host)).toEqual([
    'failed: list /proc: it hides processes of others',
  ]);
});

it.each(['', '1 (a)', '1 (a) S', '1 (a) SS 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1', 'x'.repeat(100_000)])(
  'refuses %j',
  (text) => {
    expect(() => parseProcess(fieldsOfStat(text))).toThrow(ParseError);
  },
);
