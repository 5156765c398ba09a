/** What a rule is: data that says when something is wrong, and what ends it. */
import { hash } from 'node:crypto';
import type { IncidentKind, Severity } from '../../api/types.ts';
import type { Labels } from '../../storage/labels.ts';
import { fitsAll, type Matcher } from '../../storage/matcher.ts';
import type { RuleText } from '../rule-files/rule-file.ts';

interface RuleBase {
  /**
   * Unique. Several rules may share a name: the levels of one alert. The id of a rule of a file stays the same while the
   * rule keeps its file, group, name and place among those of its name.
   */
  readonly id: string;
  /** The label `alertname`. */
  readonly name: string;
  readonly kind: IncidentKind;
  readonly severity: Severity;
  /** The condition must hold this long, in milliseconds, before the alert fires. */
  readonly forMs: number;
  /** Added to the labels of each alert. */
  readonly labels: Readonly<Record<string, string>>;
  /** See template.ts. */
  readonly title: string;
  readonly description: string;
  /** The number that the value is compared with, for people; `null` when there is none. */
  readonly threshold: number | null;
  /** The number at which an alert ends, where it is another one; `null` or left out when it is not. */
  readonly recovery?: number | null;
  /** The objects that the rule is for; all when left out. */
  readonly scope?: RuleScope | undefined;
}

/** Which label sets a rule looks at: those that fit `only`, without those that fit one of `except`. */
export interface RuleScope {
  readonly only: readonly Matcher[];
  readonly except: readonly (readonly Matcher[])[];
  /** Who made a level of its own for these objects, and why; undefined for the rule for all others. */
  readonly origin?: { readonly name: string; readonly author: string; readonly reason: string } | undefined;
}

/** Whether a rule with this scope looks at a label set. */
export function isInScope(scope: RuleScope | undefined, labels: Labels): boolean {
  if (scope === undefined) return true;
  return fitsAll(labels, scope.only) && !scope.except.some((matchers) => fitsAll(labels, matchers));
}

/** Fires for each host that is down, and ends when the host is up again. */
export interface PresenceRule extends RuleBase {
  readonly source: 'presence';
}

/** Fires once while many hosts are away together; its texts are made when it fires. */
export interface OutageRule extends RuleBase {
  readonly source: 'outage';
}

/**
 * Fires for each label set in the result of `raise`. PromQL; the metric name does not count for identity.
 * An empty result ends nothing: that takes one of the other three expressions.
 */
export interface ExpressionRule extends RuleBase {
  readonly source: 'expression';
  readonly raise: string;
  /**
   * Finds, for little, at least the hosts of which `raise` finds something: only these are asked then, and nobody while
   * there is none. Not to be had where `raise` brings series of different hosts together.
   */
  readonly suspects?: string;
  /** The label sets for which the alert may end. What is in neither result stays as it is (hysteresis). */
  readonly clear: string;
  /** Every label set that the rule could judge; one that is missing here is on its way to "gone". */
  readonly exists: string;
  /**
   * The hosts (label `instance`) whose reading of these series works at present. Without this proof a missing
   * series counts as "not read", not as "gone".
   */
  readonly witness: string;
}

/**
 * A rule of a rule file: it fires for each label set in the result of `expr`, and ends when the series that it reads
 * are there and the result no longer is. An empty result alone ends nothing.
 */
export interface FileAlertRule extends RuleBase {
  readonly source: 'file';
  readonly expr: string;
  /** Selectors without which the condition cannot be judged, as PromQL. */
  readonly evidence: readonly string[];
  /** It asks only what the collector knows of hosts by itself, so a host that is silent can be judged as well. */
  readonly isAboutPresence: boolean;
  /** The condition must be seen to be over for this long, in milliseconds, before the alert ends. */
  readonly keepFiringForMs: number;
  /** Labels with their templates; the values may differ from alert to alert. */
  readonly labelTexts: readonly RuleText[];
  readonly annotations: readonly RuleText[];
  /** How far behind the present the rule is evaluated, in milliseconds. */
  readonly queryOffsetMs: number;
  /** Most alerts that it may have, 0 for any number. */
  readonly limit: number;
}

export type Rule = PresenceRule | OutageRule | ExpressionRule | FileAlertRule;

/** What identifies a rule where its state is kept. */
export function ruleId(rule: Rule): string {
  return rule.id;
}

/** All labels of an alert, as people and other programs see it: those of its series, then those of its rule. */
export function alertLabels(rule: Rule, identity: Labels): Record<string, string> {
  return { severity: rule.severity, ...identity.toObject(), ...rule.labels, alertname: rule.name };
}

/**
 * The key of one alert of a rule: equal for equal rule and identity labels, 32 hexadecimal digits. The label
 * `instance` is replaced with the host's id where it is known, so that renaming a host changes no key.
 */
export function instanceKey(rule: string, labels: Labels, hostId: string | null): string {
  const identity = hostId === null ? labels : labels.with('instance', `host:${hostId}`);
  return hash('sha256', `${rule}\n${identity.key}`).slice(0, 32);
}
