/**
 * What one evaluation of a rule of a file saw. The rule only says when something is wrong; that it is over is proven by
 * the series it reads: they must be there, for the very host, while the result is not.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { Labels } from '../../storage/labels.ts';
import { expandWithQueries } from '../rule-files/expand.ts';
import type { EvaluatedSample, EvaluateOptions } from '../ports.ts';
import { evidenceQuery } from './evidence.ts';
import type { Instance, Subject } from './instance.ts';
import { isJudgeableBy, type HostIndex, type Observation, type Raised, type Sight } from './observe.ts';
import { instanceKey, isInScope, type FileAlertRule } from './rule.ts';

export interface FileRuleInput {
  readonly hosts: HostIndex;
  /** What the rule watches already. */
  readonly instances: readonly Instance[];
  readonly nowMs: number;
  readonly limits: {
    readonly dataAgeMsMax: number;
    readonly evidenceHostsMax: number;
    readonly titleLengthMax: number;
    readonly descriptionLengthMax: number;
  };
  readonly externalUrl: string;
  /** Evaluates PromQL at the time of the rule. */
  readonly query: (expression: string, options?: EvaluateOptions) => Promise<readonly EvaluatedSample[]>;
}

/** Samplers that failed at the last tick: what they read is not gone, it is not known. */
const FAILING_SAMPLERS = 'group by (instance) (node_scrape_collector_success == 0)';

/**
 * Evaluates a rule of a file.
 * @throws whatever a query throws, and AppError QUERY_LIMIT, QUERY_FAILED; then nothing is known, and nothing may change
 */
export async function observeFileRule(rule: FileAlertRule, input: FileRuleInput): Promise<Observation> {
  const raised = await findRaised(rule, input);
  const times = { nowMs: input.nowMs, ageMsMax: input.limits.dataAgeMsMax };
  const isWatchable = ({ subject }: Instance): boolean =>
    !raised.has(subject.key) &&
    (subject.host === null || isJudgeableBy(rule, input.hosts.byId.get(subject.host.id), times));
  const doubtful = input.instances.filter(isWatchable).map(({ subject }) => subject);
  if (doubtful.length === 0) return { raised, sights: new Map() };
  return { raised, sights: await findSights(rule, doubtful, input) };
}

async function findRaised(rule: FileAlertRule, input: FileRuleInput): Promise<ReadonlyMap<string, Raised>> {
  const { hosts, nowMs, limits, query } = input;
  const firing = new Set(
    input.instances.filter(({ phase }) => phase === 'firing').map(({ subject }) => subject.key),
  );
  const samples = (await query(rule.expr, { isUnordered: true })).filter(({ labels }) =>
    isInScope(rule.scope, labels),
  );
  if (rule.limit > 0 && samples.length > rule.limit) {
    throw new AppError('QUERY_LIMIT', `exceeded limit of ${rule.limit} with ${samples.length} alerts`);
  }
  const raised = new Map<string, Raised>();
  for (const sample of samples) {
    const name = sample.labels.get('instance');
    const host = (name === '' ? undefined : hosts.byName.get(name)) ?? null;
    if (host !== null && !isJudgeableBy(rule, host, { nowMs, ageMsMax: limits.dataAgeMsMax })) continue;
    const labels = await labelsOf(rule, sample, input);
    const key = instanceKey(rule.id, labels, host?.id ?? null);
    if (raised.has(key)) {
      throw new AppError(
        'QUERY_FAILED',
        'vector contains metrics with the same labelset after applying alert labels',
      );
    }
    const texts = firing.has(key) ? undefined : await textsOf(rule, sample, input);
    raised.set(key, { subject: { key, labels, host }, value: sample.value, sinceMs: null, texts });
  }
  return raised;
}

async function labelsOf(rule: FileAlertRule, sample: EvaluatedSample, input: FileRuleInput): Promise<Labels> {
  const own = await expandWithQueries(rule.labelTexts, contextOf(sample, input), input.query);
  return Labels.from([...sample.labels.withoutName().entries(), ...own]);
}

async function textsOf(rule: FileAlertRule, sample: EvaluatedSample, input: FileRuleInput) {
  const annotations = new Map(
    await expandWithQueries(rule.annotations, contextOf(sample, input), input.query),
  );
  const instance = sample.labels.get('instance');
  const title = annotations.get('summary') ?? annotations.get('title') ?? `${rule.name} ${instance}`;
  const description = annotations.get('description') ?? annotations.get('message') ?? '';
  return {
    title: cleanText(title.trim(), input.limits.titleLengthMax),
    description: cleanText(description.trim(), input.limits.descriptionLengthMax),
  };
}

function contextOf({ labels, value }: EvaluatedSample, { nowMs, externalUrl }: FileRuleInput) {
  return { labels: [...labels.entries()], value, sinceMs: nowMs, externalUrl };
}

async function findSights(
  rule: FileAlertRule,
  doubtful: readonly Subject[],
  { limits, query }: FileRuleInput,
): Promise<ReadonlyMap<string, Sight>> {
  const ofRule = new Set(rule.labelTexts.map(({ name }) => name));
  const names = new Set(doubtful.flatMap(({ labels }) => [...labels.entries()].map(([name]) => name)));
  const identity = [...names].filter((name) => !ofRule.has(name));
  const instances = new Set(doubtful.map(({ labels }) => labels.get('instance')));
  const isNarrow = !instances.has('') && !ofRule.has('instance') && instances.size <= limits.evidenceHostsMax;
  const evidence: EvidenceIndex[] = [];
  for (const selector of rule.evidence) {
    const narrow = { names: identity, instances: isNarrow ? [...instances] : undefined };
    evidence.push(indexByInstance(await query(evidenceQuery(selector, narrow))));
  }
  const failing = new Set((await query(FAILING_SAMPLERS)).map(({ labels }) => labels.get('instance')));
  const sights = new Map<string, Sight>();
  for (const { key, labels } of doubtful) {
    if (evidence.every((index) => hasEvidence(index, labels)))
      sights.set(key, { kind: 'cleared', value: null });
    else if (!failing.has(labels.get('instance'))) sights.set(key, { kind: 'gone' });
  }
  return sights;
}

/** Label sets that are there, by their label `instance`. */
type EvidenceIndex = ReadonlyMap<string, readonly Labels[]>;

function indexByInstance(samples: readonly EvaluatedSample[]): EvidenceIndex {
  return Map.groupBy(
    samples.map(({ labels }) => labels),
    (labels) => labels.get('instance'),
  );
}

/** Whether a label set is there that contradicts none of the alert's labels. */
function hasEvidence(index: EvidenceIndex, alert: Labels): boolean {
  const instance = alert.get('instance');
  const candidates = instance === '' ? index.values() : [index.get(instance) ?? [], index.get('') ?? []];
  for (const sets of candidates) {
    for (const labels of sets) {
      if ([...labels.entries()].every(([name, value]) => alert.get(name) === '' || alert.get(name) === value))
        return true;
    }
  }
  return false;
}
