import { expect, it } from 'vitest';
import { expectedReads } from './expected-reads.ts';

const cases: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
  ['up == 0', { up: 0 }],
  ['{__name__="a"} and {b="c"}', {}],
  ['sum by (instance) (rate(a[5m])) / on (instance) b', { a: 300_000, b: 0 }],
  ['rate(a[5m] offset 10m) - rate(b[5m] offset -10m)', { a: 900_000, b: 300_000 }],
  ['predict_linear(a[1h:5m], 60)', { a: 3_900_000 }],
  ['max_over_time(rate(a[5m])[1h:5m] offset 1m)', { a: 3_960_000 }],
  ['a @ 100 + rate(b[5m] @ end()) + c', { c: 0 }],
  ['quantile(scalar(a), b)', { a: 0, b: 0 }],
  ['rate(a[', {}],
];

it.each(cases)('%s', (text, expected) => {
  expect(Object.fromEntries(expectedReads(text).map(({ metric, backMs }) => [metric, backMs]))).toEqual(
    expected,
  );
});

it('knows the steps of the innermost subquery', () => {
  const steps = (text: string): readonly unknown[] => expectedReads(text).map(({ stepMs }) => stepMs);
  expect(steps('max_over_time(a[1h:5m]) + b')).toEqual([300_000, undefined]);
  expect(steps('max_over_time(max_over_time(a[1h:1m])[1h:5m])')).toEqual([60_000]);
  expect(steps('max_over_time(rate(a[5m])[1h:5m])')).toEqual([undefined]);
  expect(steps('max_over_time(a[1h:])')).toEqual([60_000]);
});
