import { assert, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { parseExportLine } from './export-line.ts';

test('reads samples, stale markers, and infinite values that are no JSON', () => {
  const line =
    '{"metric":{"__name__":"m","a":"],\\"timestamps\\":[ ,\\"values\\":["},"values":[1.5,null,+Inf,-Inf,-2e-7],"timestamps":[10,20,30,40,50]}';
  const parsed = parseExportLine(line);
  expect(parsed?.labels.toObject()).toEqual({ __name__: 'm', a: '],"timestamps":[ ,"values":[' });
  expect(parsed?.samples).toEqual([
    { timeMs: 10, value: 1.5 },
    { timeMs: 20, value: Number.NaN, isStale: true },
    { timeMs: 30, value: Infinity },
    { timeMs: 40, value: -Infinity },
    { timeMs: 50, value: -2e-7 },
  ]);
  expect(parseExportLine('{"metric":{"__name__":"m"},"values":[NaN],"timestamps":[10]}')?.samples).toEqual([
    { timeMs: 10, value: Number.NaN, isStale: true },
  ]);
});

test.each([
  ['', 'nothing'],
  ['{}', 'no parts'],
  ['{"metric":{"__name__":"m"},"values":[1,2],"timestamps":[10]}', 'fewer times than values'],
  ['{"metric":{"__name__":"m"},"values":[],"timestamps":[]}', 'no samples'],
  ['{"metric":{"__name__":"m"},"values":["1"],"timestamps":[10]}', 'text for a number'],
  ['{"metric":{"__name__":"m"},"values":[1],"timestamps":[1e99]}', 'no time'],
  ['{"metric":{"__name__":7},"values":[1],"timestamps":[10]}', 'a label that is no text'],
  ['{"metric":{"__name__":"m"},"values":[1],"timestamps":[10]', 'a cut line'],
])('refuses %s (%s)', (line) => {
  expect(parseExportLine(line)).toBeUndefined();
});

test('never throws, whatever the line', () => {
  const around = (middle: string): string => `{"metric":{},"values":[${middle}],"timestamps":[1]}`;
  assert(property(string(), (text) => parseExportLine(text) === undefined || text.startsWith('{')));
  assert(property(string(), (text) => (parseExportLine(around(text))?.samples.length ?? 1) === 1));
});
