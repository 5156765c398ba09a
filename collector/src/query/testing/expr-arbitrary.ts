/** Random PromQL syntax trees for property tests: well-typed, and in the form in which the parser builds them. */
import * as fc from 'fast-check';
import type { AtModifier, Expr, MatcherNode, SelectorNode } from '../parse/ast.ts';

const SPAN = { start: 0, end: 0 } as const;
const NAME = fc.stringMatching(/^m_[a-zA-Z0-9_:]{0,6}$/);
const TEXT = fc.string({ unit: 'binary', maxLength: 8 });
const LABEL = fc.oneof(
  fc.stringMatching(/^l_[a-zA-Z0-9_]{0,4}$/),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }),
);
const LABELS = fc.uniqueArray(
  LABEL.filter((label) => !label.startsWith('__')),
  { maxLength: 3 },
);
const DURATION_MS = fc.integer({ min: 1, max: 10_000_000_000 });

const MATCHER: fc.Arbitrary<MatcherNode> = fc.oneof(
  fc.record({ name: LABEL, operator: fc.constantFrom('=', '!='), value: TEXT }),
  fc.record({
    name: LABEL,
    operator: fc.constantFrom('=~', '!~'),
    value: fc.constantFrom('a.*', 'x|y', '[0-9]+'),
  }),
);

const AT: fc.Arbitrary<AtModifier | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<AtModifier>({ kind: 'start' }, { kind: 'end' }),
  fc.integer({ min: -1e9, max: 1e13 }).map((timeMs): AtModifier => ({ kind: 'time', timeMs })),
);
const OFFSET = fc.option(fc.integer({ min: -1e9, max: 1e9 }), { nil: undefined });

const SELECTOR: fc.Arbitrary<SelectorNode> = fc.record({
  kind: fc.constant('selector' as const),
  name: fc.oneof(NAME, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 })),
  matchers: fc.array(MATCHER, { maxLength: 2 }),
  offsetMs: OFFSET,
  at: AT,
  start: fc.constant(0),
  end: fc.constant(0),
});

const NUMBER: fc.Arbitrary<Expr> = fc
  .oneof(fc.double({ min: 0, noNaN: true }), fc.constantFrom(NaN, Infinity, 0))
  .map((value): Expr => ({ kind: 'number', value: value === 0 ? 0 : value, ...SPAN }));

function paren(inner: Expr): Expr {
  return { kind: 'paren', inner, ...SPAN };
}

const scalar: fc.Memo<Expr> = fc.memo((depth) =>
  depth <= 1
    ? NUMBER
    : fc.oneof(
        NUMBER,
        fc.constantFrom<Expr>({ kind: 'call', name: 'time', args: [], ...SPAN }),
        vector().map((inner): Expr => ({ kind: 'call', name: 'scalar', args: [inner], ...SPAN })),
        fc
          .record({
            left: scalar().map(paren),
            right: scalar().map(paren),
            operator: fc.constantFrom('+', '^', '%'),
          })
          .map(({ left, right, operator }): Expr => ({
            kind: 'binary',
            operatorStart: 0,
            operator,
            left,
            right,
            returnsBool: false,
            matching: undefined,
            ...SPAN,
          })),
      ),
);

const matrix: fc.Memo<Expr> = fc.memo(() =>
  fc.oneof(
    fc
      .record({ selector: SELECTOR, rangeMs: DURATION_MS })
      .map((range): Expr => ({ kind: 'range', ...range, ...SPAN })),
    fc
      .record({
        inner: vector().map(paren),
        rangeMs: DURATION_MS,
        stepMs: fc.option(DURATION_MS, { nil: undefined }),
        offsetMs: OFFSET,
        at: AT,
      })
      .map((subquery): Expr => ({ kind: 'subquery', ...subquery, ...SPAN })),
  ),
);

const vector: fc.Memo<Expr> = fc.memo((depth) =>
  depth <= 1
    ? SELECTOR
    : fc.oneof(
        matrix().map((arg): Expr => ({ kind: 'call', name: 'rate', args: [arg], ...SPAN })),
        fc.tuple(vector(), TEXT).map(([arg, value]): Expr => ({
          kind: 'call',
          name: 'label_replace',
          args: [
            arg,
            ...['l', value, 'l', '.*'].map((text): Expr => ({ kind: 'string', value: text, ...SPAN })),
          ],
          ...SPAN,
        })),
        vector().map((inner): Expr => ({ kind: 'unary', operator: '-', inner: paren(inner), ...SPAN })),
        fc
          .record({
            inner: vector(),
            operator: fc.constantFrom('sum', 'max'),
            grouping: LABELS,
            isWithout: fc.boolean(),
          })
          .map((aggregate): Expr => ({ kind: 'aggregate', ...aggregate, param: undefined, ...SPAN })),
        fc
          .record({ inner: vector(), param: scalar(), grouping: LABELS })
          .map((topk): Expr => ({ kind: 'aggregate', operator: 'topk', isWithout: false, ...topk, ...SPAN })),
        fc
          .record({
            left: vector().map(paren),
            right: vector().map(paren),
            operator: fc.constantFrom('==', '<=', '>'),
            returnsBool: fc.boolean(),
            labels: LABELS,
            isOn: fc.boolean(),
            manySide: fc.constantFrom('none', 'left', 'right'),
          })
          .map(({ labels, isOn, manySide, ...binary }): Expr => ({
            kind: 'binary',
            operatorStart: 0,
            ...binary,
            matching: { isOn, labels, manySide, include: manySide === 'none' ? [] : ['copied'] },
            ...SPAN,
          })),
      ),
);

const DEPTH = 3;

/** Any expression of type scalar or vector. */
export const exprArbitrary: fc.Arbitrary<Expr> = fc.oneof(vector(DEPTH), scalar(DEPTH));
