/** What a rule asks of history, where neither its alerts nor what its file records are stored. */
import type { Expr, SelectorNode } from '../../query/parse/ast.ts';
import { unwrapParens } from '../../query/parse/ast.ts';
import { parseQuery } from '../../query/parse/parse.ts';
import { printExpr } from '../../query/parse/print.ts';
import type { AlertingFileRule, RuleGroup } from '../rule-files/rule-file.ts';
import { mapExpr } from '../rules/rewrite.ts';

/** The two questions of a rule, as PromQL. */
export interface HistoryQuestions {
  /** What an object must be in to begin. */
  readonly raise: string;
  /** What an object must be in to stay; equal to `raise` for a rule with one level. */
  readonly stay: string;
  /** Recorded series that are read as they are stored, since only a part of them is wanted. */
  readonly storedSeries: readonly string[];
}

/** How often a recorded series may read another one. */
const NESTING_MAX = 10;
const DEFAULT_STEP_MS = 60_000;
/** A vector without series. */
const NOTHING = parseQuery('(vector(1) > 2)');

/** @throws AppError BAD_QUERY */
export function questionsOf(rule: AlertingFileRule, groups: readonly RuleGroup[]): HistoryQuestions {
  const recorded = new Map(
    groups.flatMap(({ rules, intervalMs = DEFAULT_STEP_MS }) =>
      rules.flatMap(({ kind, name, expr }) =>
        kind === 'recording' ? [[name, { expr, intervalMs }] as const] : [],
      ),
    ),
  );
  const stored = new Set<string>();
  const inlined = (expr: Expr, depth: number): Expr =>
    mapExpr(expr, (node) => {
      const selector = node.kind === 'range' ? node.selector : node;
      const source = selector.kind === 'selector' ? recorded.get(selector.name) : undefined;
      if (selector.kind !== 'selector' || source === undefined) return node;
      if (selector.matchers.length > 0 || depth >= NESTING_MAX) {
        stored.add(selector.name);
        return node;
      }
      const paren: Expr = {
        kind: 'paren',
        inner: inlined(parseQuery(source.expr), depth + 1),
        ...spanOf(node),
      };
      if (node.kind === 'range') return overRange(paren, node.rangeMs, selector, source.intervalMs);
      if (selector.offsetMs === undefined && selector.at === undefined) return paren;
      // A moment in the past of something computed: the last value of a window that holds one step.
      return {
        kind: 'call',
        name: 'last_over_time',
        args: [overRange(paren, source.intervalMs, selector, source.intervalMs)],
        ...spanOf(node),
      };
    });
  const expr = inlined(parseQuery(rule.expr), 0);
  const asked = (areFiring: boolean): string =>
    printExpr(mapExpr(expr, (node) => withAlerts(node, rule.name, areFiring)));
  return { raise: asked(false), stay: asked(true), storedSeries: [...stored] };
}

function overRange(inner: Expr, rangeMs: number, shift: SelectorNode, stepMs: number): Expr {
  const { offsetMs, at } = shift;
  return { kind: 'subquery', inner, rangeMs, stepMs, offsetMs, at, ...spanOf(shift) };
}

/** `x and ALERTS{…}` of the rule itself is `x` while it fires, and nothing before. */
function withAlerts(node: Expr, name: string, areFiring: boolean): Expr {
  if (node.kind !== 'binary' || node.operator !== 'and') return node;
  const right = unwrapParens(node.right);
  const isOwn =
    right.kind === 'selector' &&
    right.name === 'ALERTS' &&
    right.matchers.some((matcher) => matcher.name === 'alertname' && matcher.value === name);
  if (!isOwn) return node;
  return areFiring ? node.left : NOTHING;
}

function spanOf({ start, end }: Expr) {
  return { start, end };
}
