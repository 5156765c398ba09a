/** What one evaluation of a rule saw, with the law of evidence applied: stale data prove nothing. */
import { Labels } from '../../storage/labels.ts';
import type { EvaluatedSample, EvaluateOptions, HostPresence, HostsPort, Outage } from '../ports.ts';
import { sinceText } from '../template/template.ts';
import type { Instance, Subject } from './instance.ts';
import { ofHosts } from './rewrite.ts';
import {
  type Rule,
  instanceKey,
  isInScope,
  type ExpressionRule,
  type OutageRule,
  type PresenceRule,
} from './rule.ts';

/** The condition holds for `subject`. */
export interface Raised {
  readonly subject: Subject;
  readonly value: number | null;
  /** Since when, where the source knows better than "now"; UTC milliseconds. */
  readonly sinceMs: number | null;
  /** What the alert says, where the rule made it while it looked; else the rule's own texts are used. */
  readonly texts?: AlertTexts | undefined;
}

/** The words of one alert. */
export interface AlertTexts {
  readonly title: string;
  readonly description: string;
}

/** What is known of an instance whose condition was not seen to hold. */
export type Sight =
  | { readonly kind: 'cleared'; readonly value: number | null }
  /** Neither raised nor cleared. */
  | { readonly kind: 'between' }
  /** Fresh and complete data do not have the series. */
  | { readonly kind: 'gone' }
  /** No data, no verdict. */
  | { readonly kind: 'unknown' };

export interface Observation {
  readonly raised: ReadonlyMap<string, Raised>;
  /** By instance key; what is in neither map is `unknown`. */
  readonly sights: ReadonlyMap<string, Sight>;
}

/** The hosts of one moment, all of them, by id and by name; the maps are made for whoever looks one up. */
export class HostIndex {
  readonly all: readonly HostPresence[];
  #byId: ReadonlyMap<string, HostPresence> | undefined;
  #byName: ReadonlyMap<string, HostPresence> | undefined;

  /** @param hosts must not change afterwards */
  constructor(hosts: readonly HostPresence[]) {
    this.all = hosts;
  }

  get byId(): ReadonlyMap<string, HostPresence> {
    return (this.#byId ??= new Map(this.all.map((host) => [host.id, host])));
  }

  get byName(): ReadonlyMap<string, HostPresence> {
    return (this.#byName ??= new Map(this.all.map((host) => [host.name, host])));
  }
}

/** Whoever lists the hosts may give the same list to many rules. */
const indexes = new WeakMap<readonly HostPresence[], HostIndex>();

/** @param hosts must not change afterwards */
export function indexHosts(hosts: readonly HostPresence[]): HostIndex {
  let index = indexes.get(hosts);
  if (index === undefined) {
    index = new HostIndex(hosts);
    indexes.set(hosts, index);
  }
  return index;
}

/** Whether data of `host` may raise or end an alert: it is up and its newest data are at most `ageMsMax` old. */
function isJudgeable(host: HostPresence | undefined, nowMs: number, ageMsMax: number): boolean {
  return host?.state === 'up' && host.newestDataMs !== null && nowMs - host.newestDataMs <= ageMsMax;
}

/**
 * Whether a rule may raise or end an alert about `host` now: by data of the host, or by what the collector knows of it, which
 * is anything only once the host's state is known.
 */
export function isJudgeableBy(
  rule: Rule,
  host: HostPresence | undefined,
  { nowMs, ageMsMax }: { readonly nowMs: number; readonly ageMsMax: number },
): boolean {
  if (rule.source === 'file' && rule.isAboutPresence) return host !== undefined && host.state !== 'unknown';
  return isJudgeable(host, nowMs, ageMsMax);
}

/** What a rule sees that looks at the hosts themselves; takes no query. */
export function observeHosts(
  rule: PresenceRule | OutageRule,
  hosts: HostsPort,
  instances: Iterable<Instance>,
): Observation {
  return rule.source === 'outage'
    ? observeOutage(rule, hosts.outage())
    : observePresence(rule, indexHosts(hosts.list()), instances);
}

function observePresence(rule: PresenceRule, hosts: HostIndex, instances: Iterable<Instance>): Observation {
  const raised = new Map<string, Raised>();
  const sights = new Map<string, Sight>();
  const watched = new Map<string, Subject>();
  for (const { subject } of instances) {
    if (subject.host === null) continue;
    watched.set(subject.host.id, subject);
    if (hosts.byId.get(subject.host.id)?.state === 'up') {
      sights.set(subject.key, { kind: 'cleared', value: null });
    }
  }
  for (const host of hosts.all) {
    if (host.state !== 'down') continue;
    const subject = watched.get(host.id) ?? subjectOf(rule, host);
    if (!isInScope(rule.scope, subject.labels)) continue;
    raised.set(subject.key, { subject, value: null, sinceMs: host.newestDataMs ?? host.sinceMs });
  }
  return { raised, sights };
}

/** The only alert of the rule says how many hosts of how many; it is over when they came back or each was told of. */
function observeOutage(rule: OutageRule, outage: Outage): Observation {
  const labels = Labels.of({});
  const subject: Subject = { key: instanceKey(rule.id, labels, null), labels, host: null };
  const raised = new Map<string, Raised>();
  const sights = new Map<string, Sight>();
  switch (outage.kind) {
    case 'unclear':
      break;
    case 'none':
      sights.set(subject.key, { kind: 'cleared', value: null });
      break;
    case 'open': {
      const { sinceMs, awayCount } = outage;
      if (isInScope(rule.scope, labels))
        raised.set(subject.key, { subject, value: awayCount, sinceMs, texts: textsOf(outage) });
      break;
    }
    default:
      outage satisfies never;
  }
  return { raised, sights };
}

function textsOf({
  sinceMs,
  isAfterStart,
  awayCount,
  hostCount,
}: Outage & { readonly kind: 'open' }): AlertTexts {
  const since = sinceText(sinceMs);
  const happened = isAfterStart
    ? `They were there before and have not come back since the collector started at ${since}.`
    : `They fell silent together; the first of them was last heard of at ${since}.`;
  return {
    title: `${awayCount} of ${hostCount} hosts vanished together`,
    description:
      `${happened} Look at the network of the collector, or the collector itself, before you look at hosts. ` +
      'Nothing is told of each of them while this lasts; it ends when they are back.',
  };
}

function subjectOf(rule: PresenceRule, host: HostPresence): Subject {
  const labels = Labels.of({ instance: host.name });
  return { key: instanceKey(rule.id, labels, host.id), labels, host };
}

export interface ExpressionInput {
  readonly hosts: HostIndex;
  /** What the rule watches already. */
  readonly instances: readonly Instance[];
  readonly nowMs: number;
  readonly limits: { readonly dataAgeMsMax: number; readonly suspectHostsMax: number };
  readonly query: (expression: string, options?: EvaluateOptions) => Promise<readonly EvaluatedSample[]>;
}

/**
 * Evaluates a rule. While nothing is wrong that is one query; the other expressions are only asked about instances
 * that are watched and not raised.
 * @throws whatever a query throws; then nothing is known, and nothing may change
 */
export async function observeExpression(rule: ExpressionRule, input: ExpressionInput): Promise<Observation> {
  const { hosts, instances, nowMs, limits, query } = input;
  const isFresh = (subject: Subject): boolean =>
    subject.host === null || isJudgeable(hosts.byId.get(subject.host.id), nowMs, limits.dataAgeMsMax);

  const raised = new Map<string, Raised>();
  for (const [key, { subject, value }] of bySubject(rule, hosts, await raisedBy(rule, input))) {
    if (isFresh(subject)) raised.set(key, { subject, value, sinceMs: null });
  }
  const doubtful = instances.filter(({ subject }) => !raised.has(subject.key) && isFresh(subject));
  const sights = new Map<string, Sight>();
  if (doubtful.length === 0) return { raised, sights };

  const cleared = bySubject(rule, hosts, await query(rule.clear));
  const existing = bySubject(rule, hosts, await query(rule.exists));
  const witnesses = new Set((await query(rule.witness)).map(({ labels }) => labels.get('instance')));
  for (const { subject } of doubtful) {
    const clear = cleared.get(subject.key);
    const host = subject.host === null ? undefined : hosts.byId.get(subject.host.id);
    if (clear !== undefined) sights.set(subject.key, { kind: 'cleared', value: clear.value });
    else if (existing.has(subject.key)) sights.set(subject.key, { kind: 'between' });
    else if (witnesses.has(host?.name ?? '')) sights.set(subject.key, { kind: 'gone' });
  }
  return { raised, sights };
}

/** The result of `raise`; the whole fleet is asked only when hosts under suspicion are too many to be named. */
async function raisedBy(
  { raise, suspects }: ExpressionRule,
  { query, limits }: ExpressionInput,
): Promise<readonly EvaluatedSample[]> {
  if (suspects === undefined) return query(raise, { isUnordered: true });
  const names = new Set(
    (await query(suspects, { isUnordered: true })).map(({ labels }) => labels.get('instance')),
  );
  if (names.size === 0) return [];
  const narrowed = names.size <= limits.suspectHostsMax ? ofHosts(raise, names) : undefined;
  return query(narrowed ?? raise);
}

/**
 * The samples by instance key. Samples of a host that the fleet does not know are left out: nothing tells how fresh
 * they are. Of several samples with one key the first one counts.
 */
function bySubject(
  rule: ExpressionRule,
  hosts: HostIndex,
  samples: readonly EvaluatedSample[],
): Map<string, { readonly subject: Subject; readonly value: number }> {
  const found = new Map<string, { readonly subject: Subject; readonly value: number }>();
  for (const sample of samples) {
    const labels = sample.labels.withoutName();
    if (!isInScope(rule.scope, labels)) continue;
    const name = labels.get('instance');
    const host = name === '' ? null : hosts.byName.get(name);
    if (host === undefined) continue;
    const key = instanceKey(rule.id, labels, host?.id ?? null);
    if (!found.has(key)) found.set(key, { subject: { key, labels, host }, value: sample.value });
  }
  return found;
}
