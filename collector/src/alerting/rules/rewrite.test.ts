import { describe, expect, it } from 'vitest';
import { parseQuery, QUERY_LENGTH_MAX } from '../../query/parse/parse.ts';
import { printExpr } from '../../query/parse/print.ts';
import { PATTERN_LENGTH_MAX } from '../../storage/matcher.ts';
import { mapExpr, ofHosts, withLevels } from './rewrite.ts';

describe('withLevels', () => {
  const levels = new Map([
    [0.8, 0.9],
    [2, 3],
  ]);

  it.each([
    ['a > 0.8', 'a > 0.9'],
    ['0.8 < a', '0.9 < a'],
    [
      '(a > 0.80 or a > 0.77 and on (x) b) and c < 10 * 2 ^ 30',
      '(a > 0.9 or a > 0.77 and on (x) b) and c < 10 * 2 ^ 30',
    ],
    ['a / clamp_min(b, 2) > 2', 'a / clamp_min(b, 2) > 3'],
    ['max by (x) (a > 0.8) unless -a > 0.8 * b', 'max by (x) (a > 0.9) unless -a > 0.8 * b'],
    ['topk(2, a offset 1h) > bool 2', 'topk(2, a offset 1h) > bool 3'],
    ['a', 'a'],
  ])('makes of %s', (before, after) => {
    expect(withLevels(before, levels)).toBe(printExpr(parseQuery(after)));
  });
});

describe('ofHosts', () => {
  it('names the hosts in each selector, as long as a query and a pattern may be', () => {
    expect(ofHosts('rate(a[5m]) + b', ['x.y', 'z'])).toBe(
      String.raw`rate(a{instance=~"x\\.y|z"}[5m]) + b{instance=~"x\\.y|z"}`,
    );
    const long = 'x'.repeat(PATTERN_LENGTH_MAX);
    expect(ofHosts('a', [long])).toContain(long);
    expect(ofHosts('a', [`${long}x`])).toBeUndefined();
    const half = 'x'.repeat(QUERY_LENGTH_MAX / 4);
    expect(ofHosts('a or b or c', [half])).toContain(half);
    expect(ofHosts('a or b or c or d', [half])).toBeUndefined();
  });
});

describe('mapExpr', () => {
  it('leaves a tree as it is when nothing changes', () => {
    const text = 'sum by (a) (rate(b{c="d"}[5m])) / -max_over_time(e[1h:5m] offset 1d) > topk(3, (f or g))';
    const expr = parseQuery(text);
    expect(mapExpr(expr, (node) => node)).toEqual(expr);
  });
});
