import { describe, expect, it } from 'vitest';
import { FakeHost } from '../host/testing.ts';
import { addNumberFile, attempt, listIfPresent, readFact, readIfPresent } from './files.ts';
import { Readings } from './readings.ts';
import type { Sampler } from './sampler.ts';
import { readLines } from './testing.ts';

/** A sampler of one file. */
const sampler: Sampler = {
  name: 'test',
  metrics: ['node_entropy_available_bits'],
  sample(host, readings) {
    addNumberFile(
      { host, readings },
      '/proc/x',
      { metric: 'node_entropy_available_bits', times: 3, per: 2 },
      [],
    );
  },
};

describe('addNumberFile', () => {
  it.each([
    ['a number', '8\n', ['node_entropy_available_bits 12']],
    ['a negative one', '-8', ['node_entropy_available_bits -12']],
    ['garbage', 'x', ['node_entropy_available_bits: PARSE']],
    ['nothing', '', ['node_entropy_available_bits: PARSE']],
    ['denied', { fails: 'denied' } as const, ['node_entropy_available_bits: NOT_PERMITTED']],
    ['broken', { fails: 'io' } as const, ['node_entropy_available_bits: SAMPLER']],
    ['no value at the moment', { fails: 'unsupported' } as const, []],
    ['absent', { fails: 'absent' } as const, []],
  ])('reads a file that is %s', async (_what, content, lines) => {
    const host = new FakeHost();
    host.files.set('/proc/x', content);
    expect(await readLines(sampler, host)).toEqual(lines);
  });
});

it('tells a file that is not there from one that cannot be read', () => {
  const host = new FakeHost();
  expect(readIfPresent(host, '/proc/x')).toBeUndefined();
  expect(readFact(host, '/proc/x')).toBe('');
  host.files.set('/proc/x', { fails: 'io' });
  expect(() => readIfPresent(host, '/proc/x')).toThrow('read /proc/x');
  expect(readFact(host, '/proc/x')).toBe('');
  host.files.set('/proc/x', ' a fact \n');
  expect(readFact(host, '/proc/x')).toBe('a fact');
});

it('lists the names that match in the order of their numbers', () => {
  const host = new FakeHost();
  expect(listIfPresent(host, '/sys/x', /^x/)).toEqual([]);
  for (const name of ['x10', 'x2', 'y1', 'x1']) host.files.set(`/sys/x/${name}/file`, '');
  expect(listIfPresent(host, '/sys/x', /^x/)).toEqual(['x1', 'x2', 'x10']);
});

it('does not take a bug for a failed reading', () => {
  const readings = new Readings({ sampler: 'test', intervalMs: 1_000 });
  const buggy = (): void => {
    throw new TypeError('bug');
  };
  expect(() => attempt(readings, ['node_load1'], [], buggy)).toThrow('bug');
});
