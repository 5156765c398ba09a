import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../host/testing.ts';
import { cpuSampler } from '../cpu/cpu.linux.ts';
import { fixtures, readLines } from '../testing.ts';
import { StatFile } from './stat-file.ts';
import { statSampler } from './stat.linux.ts';

describe('stat sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(statSampler(), host)).toEqual(expected);
  });
});

it('takes what the sampler of processors has read in the tick, and reads by itself without it', async () => {
  const file = new StatFile();
  const [cpu, stat] = [cpuSampler(file), statSampler(file)];
  const host = new FakeHost();
  const contentOf = (running: number): string =>
    `cpu0 1 0 0 1\nintr 5\nctxt 6\nbtime 7\nprocesses 8\nprocs_running ${running}\nprocs_blocked 0\n`;
  for (const running of [1, 2]) {
    host.files.set('/proc/stat', contentOf(running));
    await readLines(cpu, host);
    host.files.set('/proc/stat', contentOf(9));
    expect(await readLines(stat, host)).toContain(`node_procs_running ${running}`);
  }
  expect(await readLines(stat, host)).toContain('node_procs_running 9');
  host.files.set('/proc/stat', { fails: 'denied' });
  await readLines(cpu, host);
  expect(await readLines(stat, host)).toEqual(['failed: read /proc/stat']);
});
