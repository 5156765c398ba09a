import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import { inHostParts } from '../../storage/testing/host-parts.ts';
import { isPerHost } from './host-parts.ts';
import { parseQuery } from '../parse/parse.ts';
import { createQueryEngine, type QueryEngine } from '../query.ts';

const NEVER = new AbortController().signal;

describe('isPerHost', () => {
  it.each([
    'm',
    'rate(m[5m]) > 0.1',
    'sum by (instance, mode) (rate(m[5m])) / on (instance) group_left () n',
    'max without (mode) (m) - ignoring (mode) n',
    'quantile_over_time(0.9, m[5m]) * time()',
    'count_values by (instance) ("mode", m)',
    'label_replace(m, "mode", "$1", "instance", "(.*)")',
    'max_over_time(rate(m[5m])[1h:1m]) unless n',
  ])('says that %s may be evaluated host by host', (text) => {
    expect(isPerHost(parseQuery(text))).toBe(true);
  });

  it.each([
    '1',
    'sum(m)',
    'sum without (instance) (m)',
    'm / on (mode) group_left () n',
    'm / ignoring (instance) n',
    'm * on (mode) group_left (instance) n',
    'absent(m)',
    'vector(1) or m',
    'm > scalar(n)',
    'sort(m)',
    'label_replace(m, "instance", "a", "mode", ".*")',
    'label_join(m, ("instance"), "-", "mode")',
    'count_values by (instance) ("instance", m)',
    'topk by (instance) (scalar(n), m)',
    'hour() > 1',
  ])('says that %s may not', (text) => {
    expect(isPerHost(parseQuery(text))).toBe(false);
  });
});

const labelNames = fc.subarray(['instance', 'mode', 'z']).map((names) => names.join());
const matching = fc.oneof(
  fc.constant(''),
  fc
    .tuple(
      fc.constantFrom('on', 'ignoring'),
      labelNames,
      fc.constantFrom('', ' group_left ()', ' group_left (z)', ' group_left (instance)'),
    )
    .map(([how, names, many]) => `${how} (${names})${many}`),
);
const written = fc.constantFrom('instance', 'mode', 'z');
const { vector } = fc.letrec<{ vector: string }>((tie) => ({
  vector: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom('m', 'n', 'm{mode="x"}', 'rate(m[10m])', 'n{instance="h2"}', 'nothing', 'vector(1)'),
    tie('vector').map((inner) => `(-${inner})`),
    tie('vector').map((inner) => `clamp_max(${inner}, scalar(n{instance="h2",mode="x"}))`),
    tie('vector').map(
      (inner) => `sum by (instance) (label_replace(${inner}, "instance", "$1", "mode", "(.*)"))`,
    ),
    fc
      .tuple(fc.constantFrom('abs', 'absent', 'sort_desc', 'timestamp', 'hour'), tie('vector'))
      .map(([name, inner]) => `${name}(${inner})`),
    fc
      .tuple(
        fc.constantFrom('sum', 'max', 'count', 'topk', 'count_values'),
        fc.boolean(),
        labelNames,
        written,
        tie('vector'),
      )
      .map(([name, isBy, names, label, inner]) => {
        const parameter = name === 'topk' ? '1, ' : name === 'count_values' ? `"${label}", ` : '';
        return `${name} ${isBy ? 'by' : 'without'} (${names}) (${parameter}${inner})`;
      }),
    fc
      .tuple(written, fc.constantFrom('instance', 'mode'), tie('vector'))
      .map(([to, from, inner]) => `label_replace(${inner}, "${to}", "$1", "${from}", "(.*)")`),
    fc
      .tuple(tie('vector'), fc.constantFrom('+', '>', '== bool'), fc.constantFrom('1', 'time()', 'scalar(n)'))
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    fc
      .tuple(tie('vector'), fc.constantFrom('+', '>', 'and', 'or', 'unless'), matching, tie('vector'))
      .map(([left, operator, how, right]) => {
        const plain = ['and', 'or', 'unless'].includes(operator) ? how.replace(/ group_left.*/, '') : how;
        return `(${left} ${operator} ${plain} ${right})`;
      }),
    fc
      .tuple(fc.constantFrom('max_over_time', 'sum_over_time'), tie('vector'))
      .map(([name, inner]) => `${name}((${inner})[10m:5m])`),
  ),
}));

/** Series of three hosts and of none, with and without other labels. */
async function fleet(): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  const batch = ['', 'h1', 'h2', 'h3'].flatMap((instance, host) =>
    ['m', 'n'].flatMap((name, metric) =>
      ['', 'x', 'y'].map((mode, at) => ({
        labels: Labels.of({ __name__: name, instance, mode, z: host === at ? 'one' : '' }),
        samples: Array.from({ length: 5 }, (_, i) => ({
          timeMs: i * 300_000,
          value: i * (1 + host) * (2 + metric) + at,
        })),
      })),
    ),
  );
  await storage.append(batch);
  return storage;
}

/** What an engine says, with series and notes in no order; or that it refuses. */
async function said(engine: QueryEngine, text: string, isUnordered: boolean): Promise<unknown> {
  try {
    const { value, warnings, infos } = await engine.instant(text, { timeMs: 1_200_000, isUnordered }, NEVER);
    // A part without samples may leave its notes later.
    const notes = [...warnings, ...infos].sort();
    if (value.kind !== 'vector') return value;
    const samples = value.samples.map(({ labels, value: number }) => [labels.key, number]);
    return { samples: samples.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)), notes };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.code;
  }
}

describe('a fleet in parts', () => {
  it('gives what all of it at once gives, whatever is asked', async () => {
    const storage = await fleet();
    const parts = { count: 0 };
    const split = inHostParts(storage, 3);
    const counting = {
      ...split,
      select: (...call: Parameters<typeof split.select>) => {
        if (call[0].part !== undefined) parts.count++;
        return split.select(...call);
      },
    };
    const whole = createQueryEngine({ storage, clock: systemClock });
    const inParts = createQueryEngine({ storage: counting, clock: systemClock });
    const property = fc.asyncProperty(vector, async (text) => {
      expect(await said(inParts, text, true)).toEqual(await said(whole, text, false));
    });
    await expect(fc.assert(property, { numRuns: 2_000 })).resolves.toBeUndefined();
    expect(parts.count).toBeGreaterThan(100);
  });

  it('is left alone where the order is wanted', async () => {
    const split = inHostParts(await fleet(), 3);
    const asked: unknown[] = [];
    const storage = {
      ...split,
      select: (...call: Parameters<typeof split.select>) => {
        asked.push(call[0].part);
        return split.select(...call);
      },
    };
    await createQueryEngine({ storage, clock: systemClock }).instant('m', { timeMs: 1_200_000 }, NEVER);
    expect(asked).toEqual([undefined]);
  });
});
