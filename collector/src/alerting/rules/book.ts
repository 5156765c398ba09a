/** All rules that are in force at a moment: the collector's own, and the groups of the rule files. */
import type { NamedRuleFile } from '../rule-files/folder.ts';
import type { AlertingFileRule, RecordingFileRule, RuleGroup } from '../rule-files/rule-file.ts';
import { isAboutPresence, requiredSelectors } from './evidence.ts';
import { loadRules, type LoadedRule } from './load.ts';
import type { FileAlertRule, Rule } from './rule.ts';
import { severityOf } from './severity.ts';

export interface RuleBook {
  /** Evaluated one by one at the collector's own pace. */
  readonly rules: readonly LoadedRule[];
  /** Each evaluated in order at its own pace. */
  readonly groups: readonly LoadedGroup[];
}

export interface LoadedGroup {
  /** Unique: file and name. */
  readonly key: string;
  readonly file: string;
  readonly name: string;
  readonly intervalMs: number;
  /** Whether the file says how often; else the group may also be looked at as soon as samples come. */
  readonly hasOwnPace: boolean;
  readonly limit: number;
  readonly queryOffsetMs: number;
  readonly steps: readonly GroupStep[];
}

export type GroupStep =
  | { readonly kind: 'alerting'; readonly id: string; readonly loaded: LoadedRule<FileAlertRule> }
  | { readonly kind: 'recording'; readonly id: string; readonly rule: RecordingFileRule };

/** @throws AppError BAD_CONFIG when one of the collector's own rules is malformed */
export function bookOf(
  rules: readonly Rule[],
  files: readonly NamedRuleFile[],
  { intervalMs }: { readonly intervalMs: number },
): RuleBook {
  const groups = files.flatMap((file) => file.groups.map((group) => loadGroup(file.name, group, intervalMs)));
  return { rules: loadRules(rules), groups };
}

/** What all rules ask in every turn, in their order; not what is asked only while something is wrong. */
export function expressionsOf({ rules, groups }: RuleBook): readonly string[] {
  const own = rules.flatMap(({ rule }) =>
    rule.source === 'expression' ? [rule.suspects ?? rule.raise] : [],
  );
  const steps = groups.flatMap((group) => group.steps);
  return [
    ...own,
    ...steps.map((step) => (step.kind === 'alerting' ? step.loaded.rule.expr : step.rule.expr)),
  ];
}

/** Every rule that alerts, by id. */
export function alertingRules({ rules, groups }: RuleBook): ReadonlyMap<string, LoadedRule> {
  const steps = groups.flatMap((group) => group.steps);
  const ofFiles = steps.flatMap((step) => (step.kind === 'alerting' ? [step.loaded] : []));
  return new Map([...rules, ...ofFiles].map((loaded) => [loaded.rule.id, loaded]));
}

/** A rule that may be evaluated before its turn, with its group. */
export interface QuickStep {
  readonly step: GroupStep;
  readonly group: LoadedGroup;
}

/** The rules that fire as soon as a sample says so: without hold time, in groups that leave their pace to the collector. */
export function quickSteps({ groups }: RuleBook): readonly QuickStep[] {
  return groups
    .filter(({ hasOwnPace, queryOffsetMs }) => !hasOwnPace && queryOffsetMs === 0)
    .flatMap((group) => group.steps.map((step) => ({ step, group })))
    .filter(({ step }) => step.kind === 'alerting' && step.loaded.rule.forMs === 0);
}

function loadGroup(file: string, group: RuleGroup, intervalMs: number): LoadedGroup {
  const key = `${file}/${group.name}`;
  const counts = new Map<string, number>();
  const steps = group.rules.map((rule): GroupStep => {
    const count = (counts.get(rule.name) ?? 0) + 1;
    counts.set(rule.name, count);
    const id = `${key}/${rule.name}${count === 1 ? '' : `#${count}`}`;
    if (rule.kind === 'recording') return { kind: 'recording', id, rule };
    return { kind: 'alerting', id, loaded: loadFileRule(id, rule, group) };
  });
  return {
    ...group,
    key,
    file,
    intervalMs: group.intervalMs ?? intervalMs,
    hasOwnPace: group.intervalMs !== undefined,
    steps,
  };
}

function loadFileRule(id: string, rule: AlertingFileRule, group: RuleGroup): LoadedRule<FileAlertRule> {
  const sourceOf = (name: string): string =>
    rule.annotations.find((text) => text.name === name)?.source ?? '';
  const severity = severityOf(rule.labels.find(({ name }) => name === 'severity')?.source ?? '');
  return {
    rule: {
      source: 'file',
      id,
      name: rule.name,
      kind: 'capacity',
      severity,
      forMs: rule.forMs,
      keepFiringForMs: rule.keepFiringForMs,
      labels: {},
      labelTexts: rule.labels,
      annotations: rule.annotations,
      title: sourceOf('summary'),
      description: sourceOf('description'),
      threshold: numberIn(sourceOf('threshold')),
      recovery: numberIn(sourceOf('recovery')),
      expr: rule.expr,
      evidence: requiredSelectors(rule.expr),
      isAboutPresence: isAboutPresence(rule.expr),
      queryOffsetMs: group.queryOffsetMs,
      limit: group.limit,
    },
    // What an alert says is made when it fires, since it may take queries.
    title: () => rule.name,
    description: () => '',
  };
}

/** The number that a text is; `null` when it is none, or a template. */
function numberIn(text: string): number | null {
  return text.trim() === '' || Number.isNaN(Number(text)) ? null : Number(text);
}
