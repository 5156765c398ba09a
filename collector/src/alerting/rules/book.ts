/** All rules that are in force at a moment: the collector's own, and the groups of the rule files. */
import type { NamedRuleFile } from '../rule-files/folder.ts';
import type { AlertingFileRule, RecordingFileRule, RuleGroup } from '../rule-files/rule-file.ts';
import { requiredSelectors } from './evidence.ts';
import { loadRules, type LoadedRule } from './load.ts';
import { ruleId, type FileAlertRule, type Rule } from './rule.ts';
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

/** Every rule that alerts, by id. */
export function alertingRules({ rules, groups }: RuleBook): ReadonlyMap<string, LoadedRule> {
  const steps = groups.flatMap((group) => group.steps);
  const ofFiles = steps.flatMap((step) => (step.kind === 'alerting' ? [step.loaded] : []));
  return new Map([...rules, ...ofFiles].map((loaded) => [ruleId(loaded.rule), loaded]));
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
  return { ...group, key, file, intervalMs: group.intervalMs ?? intervalMs, steps };
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
      threshold: null,
      expr: rule.expr,
      evidence: requiredSelectors(rule.expr),
      queryOffsetMs: group.queryOffsetMs,
      limit: group.limit,
    },
    // What an alert says is made when it fires, since it may take queries.
    title: () => rule.name,
    description: () => '',
  };
}
