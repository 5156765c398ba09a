/** Makes narrower rules of the levels that some objects have of their own, and takes these objects from the general one. */
import type { Problem } from '../rule-files/document.ts';
import type { GroupStep, LoadedGroup, RuleBook } from '../rules/book.ts';
import type { LoadedRule } from '../rules/load.ts';
import { withLevels } from '../rules/rewrite.ts';
import type { ExpressionRule, FileAlertRule, Rule, RuleScope } from '../rules/rule.ts';
import type { ThresholdOverride } from './threshold-file.ts';

/**
 * The book with the rules that `overrides` make. Where several fit an object, the first one counts.
 * @returns also what cannot be applied, because there is no such rule or it has no such level; the rest is in force
 */
export function withThresholds(
  book: RuleBook,
  overrides: readonly ThresholdOverride[],
): { readonly book: RuleBook; readonly problems: readonly Problem[] } {
  const all = rulesOf(book);
  const problems: Problem[] = [];
  const byRule = new Map<string, ThresholdOverride[]>();
  for (const override of overrides) {
    const targets = all.filter((rule) => isTarget(rule, override));
    const problem = problemOf(override, targets, all);
    if (problem !== undefined) problems.push({ line: override.line, message: problem });
    else for (const { id } of targets) byRule.set(id, [...(byRule.get(id) ?? []), override]);
  }
  const split = <R extends Rule>(loaded: LoadedRule<R>): readonly LoadedRule<R>[] =>
    splitRule(loaded.rule, byRule.get(loaded.rule.id) ?? []).map((rule) => ({ ...loaded, rule }));
  const splitStep = (step: GroupStep): readonly GroupStep[] =>
    step.kind === 'recording'
      ? [step]
      : split(step.loaded).map((loaded) => ({ kind: 'alerting', id: loaded.rule.id, loaded }));
  const splitGroup = (group: LoadedGroup): LoadedGroup => ({
    ...group,
    steps: group.steps.flatMap(splitStep),
  });
  return {
    book: { rules: book.rules.flatMap((loaded) => split(loaded)), groups: book.groups.map(splitGroup) },
    problems,
  };
}

function rulesOf({ rules, groups }: RuleBook): readonly Rule[] {
  const steps = groups.flatMap((group) => group.steps);
  return [
    ...rules.map(({ rule }) => rule),
    ...steps.flatMap((step) => (step.kind === 'alerting' ? [step.loaded.rule] : [])),
  ];
}

function isTarget(rule: Rule, { rule: name, level }: ThresholdOverride): boolean {
  return rule.name === name && (level === undefined || levelOf(rule) === level);
}

/** The label `level` of the alerts of a rule, empty when they have none. */
export function levelOf(rule: Rule): string {
  const ofFile =
    rule.source === 'file' ? rule.labelTexts.find(({ name }) => name === 'level')?.source : undefined;
  return ofFile ?? rule.labels['level'] ?? '';
}

function problemOf(
  { name, rule, level, threshold }: ThresholdOverride,
  targets: readonly Rule[],
  all: readonly Rule[],
): string | undefined {
  const where = `${name}: rule ${rule}${level === undefined ? '' : ` at level ${level}`}`;
  if (targets.length === 0) {
    const levels = all.filter((candidate) => candidate.name === rule).map(levelOf);
    return levels.length === 0
      ? `${where}: there is no such rule`
      : `${where}: it has the levels ${levels.join(', ')}`;
  }
  if (threshold === 'off') return undefined;
  if (targets.length > 1)
    return `${where}: it has several levels, say which with level: ${targets.map(levelOf).join(' or ')}`;
  return targets[0]?.threshold === null
    ? `${where}: it has no number that could be another; it can only be off`
    : undefined;
}

function splitRule<R extends Rule>(rule: R, overrides: readonly ThresholdOverride[]): readonly R[] {
  if (overrides.length === 0) return [rule];
  const except: RuleScope['except'][number][] = [];
  const narrow: R[] = [];
  for (const override of overrides) {
    const { name, author, reason, matchers } = override;
    const scope = { only: matchers, except: [...except], origin: { name, author, reason } };
    if (override.threshold !== 'off') {
      narrow.push({ ...releveled(rule, override, override.threshold), id: `${rule.id}@${name}`, scope });
    }
    except.push(matchers);
  }
  // What everything is excepted from has nothing left to look at.
  if (except.some((matchers) => matchers.length === 0)) return narrow;
  return [{ ...rule, scope: { only: [], except } }, ...narrow];
}

function releveled<R extends Rule>(rule: R, override: ThresholdOverride, threshold: number): R {
  const { forMs = rule.forMs } = override;
  const old = { threshold: rule.threshold ?? threshold, recovery: rule.recovery ?? null };
  // Unless somebody says otherwise the distance between the two keeps its share of the level.
  const moved =
    old.recovery === null || old.threshold === 0 ? null : (old.recovery * threshold) / old.threshold;
  const recovery =
    old.recovery === null ? null : (override.recovery ?? (moved === null ? old.recovery : rounded(moved)));
  const levels = new Map([[old.threshold, threshold]]);
  if (old.recovery !== null && recovery !== null) levels.set(old.recovery, recovery);
  return { ...rule, ...expressionsWith(rule, levels), forMs, threshold, recovery };
}

function expressionsWith(
  rule: Rule,
  levels: ReadonlyMap<number, number>,
): Partial<Pick<ExpressionRule, 'raise' | 'clear'> & Pick<FileAlertRule, 'expr' | 'annotations'>> {
  switch (rule.source) {
    case 'presence':
    case 'outage':
      return {};
    case 'expression':
      return { raise: withLevels(rule.raise, levels), clear: withLevels(rule.clear, levels) };
    case 'file':
      return {
        expr: withLevels(rule.expr, levels),
        annotations: rule.annotations.map((text) => {
          const level = ['threshold', 'recovery'].includes(text.name)
            ? levels.get(Number(text.source))
            : undefined;
          return level === undefined ? text : { ...text, source: String(level), expand: () => String(level) };
        }),
      };
  }
}

/** Without the last digits that a division leaves. */
function rounded(value: number): number {
  return Number(value.toPrecision(12));
}
