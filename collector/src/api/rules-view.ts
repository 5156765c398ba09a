/** The rules in force in the shape of our own API. */
import type { RulesView } from '../alerting/pipeline.ts';
import type { Rule } from '../alerting/rules/rule.ts';
import { levelOf } from '../alerting/thresholds/apply.ts';
import { NO_SHIFT } from '../query/parse/ast.ts';
import { printExpr } from '../query/parse/print.ts';
import type { Matcher } from '../storage/matcher.ts';
import type { RulesAnswer, RuleShape } from './types.ts';

export function rulesInForce(view: RulesView): RulesAnswer {
  const { rules, groups } = view.book;
  const ofFiles = groups.flatMap(({ file, steps }) =>
    steps.flatMap((step) => (step.kind === 'alerting' ? [ruleShape(step.loaded.rule, file, view)] : [])),
  );
  return {
    rules: [...rules.map(({ rule }) => ruleShape(rule, 'built-in', view)), ...ofFiles],
    problems: view.problems,
  };
}

function ruleShape(rule: Rule, file: string, view: RulesView): RuleShape {
  const { id, name, severity, forMs, threshold, recovery = null, scope } = rule;
  return {
    id,
    name,
    level: levelOf(rule),
    severity,
    file,
    query: queryOf(rule),
    forMs,
    keepFiringForMs: rule.source === 'file' ? rule.keepFiringForMs : 0,
    threshold,
    recovery,
    only: scope === undefined || scope.only.length === 0 ? '' : selectorText(scope.only),
    origin: scope?.origin ?? null,
    alertCount: view.instancesOf(id).length,
    lastError: view.healthOf(id)?.error ?? null,
  };
}

/** `null` for what no query tells. */
function queryOf(rule: Rule): string | null {
  switch (rule.source) {
    case 'presence':
    case 'outage':
      return null;
    case 'expression':
      return rule.raise;
    case 'file':
      return rule.expr;
    default:
      return rule satisfies never;
  }
}

function selectorText(matchers: readonly Matcher[]): string {
  return printExpr({ kind: 'selector', name: '', matchers, ...NO_SHIFT, start: 0, end: 0 });
}
