import { parser as lezerParser } from '@prometheus-io/lezer-promql';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Expr, MatcherNode } from './ast.ts';
import { childrenOf } from './ast.ts';
import { exprArbitrary } from '../testing/expr-arbitrary.ts';
import { NESTING_MAX, parseQuery } from './parse.ts';
import { prettyExpr, printExpr } from './print.ts';

/** The tree without positions, and without what means the same: the order of matchers, `ignoring ()`. */
function withoutSpans(whole: Expr): unknown {
  const expr = plain(whole);
  const fields = Object.entries(expr).filter(([key]) => !['start', 'end', 'operatorStart'].includes(key));
  const isNode = (value: unknown): value is Expr => childrenOf(expr).some((child) => child === value);
  const strip = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(strip) : isNode(value) ? withoutSpans(value) : value;
  return Object.fromEntries(fields.map(([key, value]) => [key, strip(value)]));
}

function plain(expr: Expr): Expr {
  if (expr.kind === 'selector') {
    const textOf = (matcher: MatcherNode): string => JSON.stringify(matcher);
    const matchers = expr.matchers.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
    return { ...expr, matchers };
  }
  if (expr.kind !== 'binary') return expr;
  const { isOn = false, labels = [], manySide = 'none' } = expr.matching ?? {};
  return !isOn && labels.length === 0 && manySide === 'none' ? { ...expr, matching: undefined } : expr;
}

describe('printExpr', () => {
  it('gives text that parses to the same tree', () => {
    fc.assert(
      fc.property(exprArbitrary, (expr) => {
        expect(withoutSpans(parseQuery(printExpr(expr)))).toEqual(withoutSpans(expr));
      }),
    );
  });

  it('gives text that the grammar of Prometheus accepts', () => {
    fc.assert(
      fc.property(exprArbitrary, (expr) => {
        let hasError = false;
        lezerParser.parse(printExpr(expr)).iterate({
          enter(node) {
            if (node.type.isError) hasError = true;
          },
        });
        expect(hasError).toBe(false);
      }),
    );
  });

  it.each([
    'a + b * c ^ -d ^ e',
    '-a ^ 2 + -b',
    'a or b and c unless d == bool e',
    '1 - (2 - 3) - 4',
    '(a + b)[5m:] @ end() offset -1h',
  ])('keeps the structure of %s', (text) => {
    const tree = parseQuery(text);
    expect(withoutSpans(parseQuery(printExpr(tree)))).toEqual(withoutSpans(tree));
  });

  it.each([
    ['x > 5m', 'x > 5m'],
    ['x - -1h30m', 'x - -1h30m'],
    ['vector(90s) * 300', 'vector(1m30s) * 300'],
    ['x[300] offset 60', 'x[5m] offset 1m'],
  ])('prints %s as a duration where one was written', (text, printed) => {
    expect(printExpr(parseQuery(text))).toBe(printed);
  });
});

describe('prettyExpr', () => {
  it('keeps short expressions on one line', () => {
    expect(prettyExpr(parseQuery('sum(rate(x[5m]))by(a)'))).toBe('sum by (a) (rate(x[5m]))');
  });

  it('breaks up long ones', () => {
    const selector = `node_filesystem_avail_bytes{device!="x",device=~"/dev/.*",fstype!="tmpfs",mountpoint="/"}`;
    const text = `sum by (instance) (${selector}) / on (instance) group_left () count(${selector} > 0)`;
    expect(prettyExpr(parseQuery(text))).toBe(
      [
        '  sum by (instance) (',
        `    ${selector}`,
        '  )',
        '/ on (instance) group_left ()',
        `  count(${selector} > 0)`,
      ].join('\n'),
    );
  });

  it('takes no longer for a long text that is deep inside', () => {
    const depth = NESTING_MAX - 10;
    const text = `${'('.repeat(depth)}x{a="${'\u00e4'.repeat(100_000)}"}${')'.repeat(depth)}`;
    const startMs = performance.now();
    expect(prettyExpr(parseQuery(text)).split('\n')).toHaveLength(2 * depth + 1);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  it('puts signs in front of what is broken up', () => {
    const long = `x{a="${'y'.repeat(100)}"}`;
    expect(prettyExpr(parseQuery(`-(-${long} ^ 2)`))).toBe(`-(\n  -${long}\n  ^\n    2\n)`);
  });

  it('keeps the meaning', () => {
    fc.assert(
      fc.property(exprArbitrary, (expr) => {
        expect(withoutSpans(parseQuery(prettyExpr(expr)))).toEqual(withoutSpans(expr));
      }),
    );
  });
});
