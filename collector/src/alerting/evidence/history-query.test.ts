import { describe, expect, it } from 'vitest';
import { parseQuery } from '../../query/parse/parse.ts';
import { stockRules } from '../rules/stock.ts';
import { historyQuery } from './history-query.ts';

describe('the query for the history of a condition', () => {
  it.each([
    // The threshold goes, the value stays.
    ['x > 5', 'x{instance="a"}'],
    ['5 < x', 'x{instance="a"}'],
    ['(x > 5) > 7', '(x{instance="a"})'],
    ['x > -5', 'x{instance="a"}'],
    ['x > 5 and y < 3', 'x{instance="a"}'],
    ['x > 5 unless on (instance) y', 'x{instance="a"}'],
    ['a / b > 0.9', 'a{instance="a"} / b{instance="a"}'],
    ['max by (instance, mountpoint) (x > 5)', 'max by (instance, mountpoint) (x{instance="a"})'],
    ['rate(x{job="node"}[5m]) > 1', 'rate(x{instance="a",job="node"}[5m])'],
    ['x > y', 'x{instance="a"}'],
    // What the comparison does not decide alone stays as it is.
    ['x > 5 or y > 3', 'x{instance="a"} > 5 or y{instance="a"} > 3'],
    ['x > bool 5', 'x{instance="a"} > bool 5'],
    ['avg by (instance) (x > 5)', 'avg by (instance) (x{instance="a"} > 5)'],
    ['-x', '-x{instance="a"}'],
    ['max_over_time(x[1h:1m]) > 2', 'max_over_time(x{instance="a"}[1h:1m])'],
    ['x offset 5m > 2', 'x{instance="a"} offset 5m'],
    // What looks at other hosts too is asked about all of them.
    ['sum(x) > 5', 'sum(x)'],
    ['sum without (instance) (x) > 5', 'sum without (instance) (x)'],
    ['sum without (cpu) (x) > 5', 'sum without (cpu) (x{instance="a"})'],
    ['x / on (cluster) group_left () y > 5', 'x / on (cluster) group_left () y'],
    ['x / ignoring (instance) y > 5', 'x / ignoring (instance) y'],
    ['x / scalar(sum(y)) > 5', 'x / scalar(sum(y))'],
    ['absent(x)', 'absent(x)'],
    [
      'label_replace(x, "instance", "$1", "host", "(.*)") > 1',
      'label_replace(x, "instance", "$1", "host", "(.*)")',
    ],
  ])('of %s is %s', (condition, expected) => {
    expect(historyQuery(condition, 'a')).toBe(historyQuery(expected, ''));
    expect(historyQuery(condition, 'a').replaceAll(' ', '')).toBe(expected.replaceAll(' ', ''));
  });

  it('asks for no host where there is none, and bears hostile names', () => {
    expect(historyQuery('x > 5', '')).toBe('x');
    const query = historyQuery('x > 5', 'a"} or {__name__=~".+');
    expect(parseQuery(query)).toMatchObject({
      kind: 'selector',
      matchers: [{ value: 'a"} or {__name__=~".+' }],
    });
  });

  it('is there for every stock rule', () => {
    const conditions = stockRules().flatMap((rule) => (rule.source === 'expression' ? [rule.raise] : []));
    expect(conditions.map((condition) => historyQuery(condition, 'web-1'))).toEqual(
      conditions.map(() => expect.stringContaining('instance="web-1"')),
    );
  });
});
