import { expect, it } from 'vitest';
import { ParsedQueries } from './parsed-queries.ts';

it('parses a text once', () => {
  const queries = new ParsedQueries();
  const first = queries.of('rate(a[5m])');
  expect(queries.of('rate(a[5m])')).toBe(first);
  expect(queries.of('rate(a[6m])')).not.toBe(first);
});

it('forgets the text that was not asked for longest', () => {
  const queries = new ParsedQueries();
  const first = queries.of('metric_0');
  const second = queries.of('metric_1');
  for (let i = 2; i < 1_000; i++) queries.of(`metric_${i}`);
  expect(queries.of('metric_0')).toBe(first);
  queries.of('one_more');
  expect(queries.size).toBe(1_000);
  expect(queries.of('metric_0')).toBe(first);
  expect(queries.of('metric_1')).not.toBe(second);
});

it('keeps neither long texts nor wrong ones', () => {
  const queries = new ParsedQueries();
  const long = `metric{label="${'x'.repeat(2_000)}"}`;
  expect(queries.of(long).expr).toEqual(queries.of(long).expr);
  for (let i = 0; i < 2; i++) expect(() => queries.of('rate(')).toThrow('parse error');
  expect(queries.size).toBe(0);
});
