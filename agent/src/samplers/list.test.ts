import { expect, it } from 'vitest';
import { isMetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { SAMPLER_NAMES } from '@rollcall/shared/catalogue/samplers.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { LocalHost, MACHINE_ROOTS } from '../host/local-host.ts';
import { createSamplers } from './list.ts';
import { readLines } from './testing.ts';

const samplers = createSamplers(process.platform, {
  clock: systemClock,
  agent: { version: '0.0.0', arch: process.arch, os: process.platform },
  mountTimeoutMs: 1_000,
});

it('has a different name for each sampler', () => {
  expect(new Set(samplers.map(({ name }) => name)).size).toBe(samplers.length);
});

it.each(samplers)('$name emits only the metrics that it declares', async (sampler) => {
  using host = new LocalHost(MACHINE_ROOTS);
  const lines = await readLines(sampler, host);
  expect(lines.filter((line) => line.startsWith('failed:'))).toEqual([]);
  const declared: ReadonlySet<string> = new Set(sampler.metrics);
  const names = lines
    .filter((line) => !line.startsWith('dropped:'))
    .map((line) => /^[a-zA-Z0-9_]+/.exec(line)?.[0] ?? line);
  expect(names.filter((name) => !declared.has(name) || !isMetricName(name))).toEqual([]);
});

it.each(['linux', 'darwin', 'win32', 'aix'] as const)(
  'reads text files on %s when a folder is named',
  (os) => {
    const options = {
      clock: systemClock,
      agent: { version: '0', arch: 'x', os },
      mountTimeoutMs: 1,
    };
    const names = (dir?: string): string[] =>
      createSamplers(os, { ...options, textfileDir: dir }).map(({ name }) => name);
    expect(names('/a')).toEqual([...names(), 'textfile']);
  },
);

it('has the names that the collector lets people switch off, and no others', () => {
  const names = (['linux', 'darwin', 'win32'] as const).flatMap((os) =>
    createSamplers(os, {
      clock: systemClock,
      agent: { version: '0', arch: 'x', os },
      mountTimeoutMs: 1,
      textfileDir: '/a',
    }).map(({ name }) => name),
  );
  expect([...new Set(names)].toSorted()).toEqual(SAMPLER_NAMES);
});

it('runs what needs nothing of the system elsewhere', () => {
  const names = createSamplers('aix', {
    clock: systemClock,
    agent: { version: '0', arch: 'x', os: 'aix' },
    mountTimeoutMs: 1,
  }).map(({ name }) => name);
  expect(names).toEqual(['time']);
});

it('asks the same program of Windows with samplers that are made again', async () => {
  let questions = 0;
  const counters = {
    ask() {
      questions++;
      return Promise.resolve('{}');
    },
  };
  using host = new LocalHost(MACHINE_ROOTS);
  const options = { clock: systemClock, agent: { version: '0', arch: 'x', os: 'win32' }, mountTimeoutMs: 1 };
  for (const count of [1, 2]) {
    for (const sampler of createSamplers('win32', { ...options, counters })) await readLines(sampler, host);
    expect(questions).toBe(count);
  }
});
