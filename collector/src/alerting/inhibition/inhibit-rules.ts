/**
 * Which alerts make others pointless. In the shape that Alertmanager uses: while an alert fits all source matchers,
 * those that fit all target matchers and have the same values of the labels in `equal` are not told.
 */
import * as z from 'zod';
import { labelNames, matcherList, shortName } from '../routing/fields.ts';
import { parseMatcher, type LabelMatcher } from '../routing/matchers.ts';

/** Labels that say how bad an alert is, not what it is about. */
const LEVEL_LABELS: ReadonlySet<string> = new Set(['severity', 'level', 'action']);

export interface InhibitRule {
  readonly name: string;
  readonly source: readonly LabelMatcher[];
  readonly target: readonly LabelMatcher[];
  /** Labels whose values must agree; absent ones agree as empty. `object` for all but those that tell the level. */
  readonly equal: readonly string[] | 'object';
  /** Only alerts about hosts that are away together with many; all when left out. */
  readonly among?: 'vanished';
}

const inhibitRuleConfigSchema = z
  .strictObject({
    name: shortName,
    source: matcherList.min(1, 'must have at least one matcher'),
    target: matcherList.min(1, 'must have at least one matcher'),
    equal: labelNames.default([]),
  })
  .readonly();

const INHIBIT_RULES_MAX = 100;

/** The list of rules that people add. */
export const inhibitRulesSchema = z
  .array(inhibitRuleConfigSchema, { error: 'must be a list of rules' })
  .max(INHIBIT_RULES_MAX, `must have at most ${INHIBIT_RULES_MAX} entries`)
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, 'must not use a name twice');

function rule(
  name: string,
  {
    source,
    target,
    equal,
  }: { readonly source: string[]; readonly target: string[]; equal: InhibitRule['equal'] },
): InhibitRule {
  return { name, source: source.map(parseMatcher), target: target.map(parseMatcher), equal };
}

/** In force on every collector. */
export const SHIPPED_INHIBIT_RULES: readonly InhibitRule[] = [
  rule('the critical level of an alert mutes its warning level', {
    source: ['level="crit"'],
    target: ['level="warn"'],
    equal: 'object',
  }),
  rule('a critical alert mutes a warning of the same name about the same object', {
    source: ['severity="critical"'],
    target: ['severity="warning"'],
    equal: 'object',
  }),
  // But for the reason why its agent may be shut out.
  rule('a host that is down mutes everything else about it', {
    source: ['alertname="HostDown"', 'host_id!=""'],
    target: ['alertname!="HostDown"', 'alertname!="KeyInUseTwice"'],
    equal: ['host_id'],
  }),
  {
    ...rule('an outage of many hosts mutes everything about those that vanished in it', {
      source: ['alertname="HostsVanished"'],
      target: ['host_id!=""'],
      equal: [],
    }),
    among: 'vanished',
  },
  // Not its critical level: that it is full within hours is news on top of being rather full.
  rule('a file system that is almost full mutes the forecast that it fills', {
    source: ['alertname="FilesystemAlmostFull"', 'mountpoint!=""'],
    target: ['alertname="DiskFillsUp"', 'level="warn"'],
    equal: ['instance', 'mountpoint'],
  }),
  rule('a full file system mutes every forecast that it fills', {
    source: ['alertname="FilesystemAlmostFull"', 'level="crit"', 'mountpoint!=""'],
    target: ['alertname="DiskFillsUp"'],
    equal: ['instance', 'mountpoint'],
  }),
  rule('a file system that is short of inodes mutes the forecast that they run out', {
    source: ['alertname="InodesLow"', 'mountpoint!=""'],
    target: ['alertname="InodesRunOut"', 'level="warn"'],
    equal: ['instance', 'device', 'mountpoint'],
  }),
  rule('a file system without inodes mutes every forecast that they run out', {
    source: ['alertname="InodesLow"', 'level="crit"', 'mountpoint!=""'],
    target: ['alertname="InodesRunOut"'],
    equal: ['instance', 'device', 'mountpoint'],
  }),
  rule('exhausted memory mutes that it is low', {
    source: ['alertname="MemoryExhausted"'],
    target: ['alertname="MemoryLow"'],
    equal: ['instance'],
  }),
];

/** The part of a label set that must agree, as a text. */
export function equalKey(equal: InhibitRule['equal'], labels: Readonly<Record<string, string>>): string {
  const entries =
    equal === 'object'
      ? Object.entries(labels).filter(([name, value]) => !LEVEL_LABELS.has(name) && value !== '')
      : equal.map((name) => [name, Object.hasOwn(labels, name) ? (labels[name] ?? '') : ''] as const);
  return JSON.stringify(entries.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
