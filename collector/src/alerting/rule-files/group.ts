/**
 * Evaluates the rules of a group as Prometheus does, without our law of evidence: an alert whose condition is not seen
 * ends. Unit tests and back-tests of rule files run on it. Source: Prometheus, `rules/alerting.go`,
 * `rules/recording.go`, `rules/group.go`.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Relabel } from '../../query/query.ts';
import { Labels, METRIC_NAME } from '../../storage/labels.ts';
import { MomentBatch } from '../../storage/moment-batch.ts';
import { expandWithQueries } from './expand.ts';
import type { AlertingFileRule, FileRule, RecordingFileRule, RuleGroup } from './rule-file.ts';

/** A sample of a result. */
export interface ResultSample {
  readonly labels: Labels;
  readonly value: number;
}

export interface GroupPorts {
  /**
   * Evaluates PromQL at one instant; a scalar is one sample without labels.
   * @throws AppError of the query engine
   */
  readonly query: (expression: string, timeMs: number) => Promise<readonly ResultSample[]>;
  /** Stores what the rules give; later rules of the group read it. */
  readonly append: (batch: MomentBatch) => Promise<void>;
  readonly externalLabels?: Labels;
  readonly externalUrl?: string;
}

/** An alert of a rule at one moment. */
export interface ActiveAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: 'pending' | 'firing';
  readonly value: number;
  /** Since when the condition holds, UTC milliseconds. */
  readonly activeAtMs: number;
}

/** Why a rule could not be evaluated at some time. */
export interface RuleFailure {
  readonly rule: FileRule;
  readonly timeMs: number;
  readonly reason: AppError;
}

/** How long an ended alert is remembered. */
const RESOLVED_RETENTION_MS = 15 * 60_000;

interface TrackedAlert {
  labels: Labels;
  annotations: Labels;
  state: 'pending' | 'firing' | 'inactive';
  value: number;
  activeAtMs: number;
  resolvedAtMs: number | undefined;
  keepFiringSinceMs: number | undefined;
}

/** The rules of one group with what they remember. */
export class GroupEvaluator {
  readonly #group: RuleGroup;
  readonly #ports: GroupPorts;
  readonly #alerts = new Map<FileRule, Map<string, TrackedAlert>>();
  readonly #recorded = new RecordedSeries();
  readonly #memory = new SeriesMemory<FileRule>();

  constructor(group: RuleGroup, ports: GroupPorts) {
    this.#group = group;
    this.#ports = ports;
    for (const rule of group.rules) this.#alerts.set(rule, new Map());
  }

  /** Evaluates the rules in their order at one time; a rule that fails keeps its alerts and does not stop the others. */
  async evaluate(timeMs: number): Promise<readonly RuleFailure[]> {
    const failures: RuleFailure[] = [];
    for (const rule of this.#group.rules) {
      try {
        const samples =
          rule.kind === 'alerting' ? await this.#alerting(rule, timeMs) : await this.#recording(rule, timeMs);
        await this.#store(rule, samples, timeMs);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        failures.push({ rule, timeMs, reason: error });
      }
    }
    return failures;
  }

  /** Pending and firing alerts of the rules with this name. */
  activeAlerts(name: string): readonly ActiveAlert[] {
    return this.#group.rules
      .filter((rule) => rule.kind === 'alerting' && rule.name === name)
      .flatMap((rule) => [...(this.#alerts.get(rule)?.values() ?? [])])
      .flatMap(({ labels, annotations, state, value, activeAtMs }) =>
        state === 'inactive' ? [] : [{ labels, annotations, state, value, activeAtMs }],
      );
  }

  async #recording(rule: RecordingFileRule, timeMs: number): Promise<readonly ResultSample[]> {
    const result = await this.#ports.query(rule.expr, timeMs - this.#group.queryOffsetMs);
    return this.#recorded.of(rule, result, this.#group.limit);
  }

  async #alerting(rule: AlertingFileRule, timeMs: number): Promise<readonly ResultSample[]> {
    const alerts = this.#alerts.get(rule) ?? new Map<string, TrackedAlert>();
    const seen = await this.#seenAlerts(rule, timeMs);
    for (const [key, found] of seen) {
      const known = alerts.get(key);
      if (known === undefined || known.state === 'inactive') {
        alerts.set(key, found);
      } else {
        known.value = found.value;
        known.annotations = found.annotations;
      }
    }
    const samples: ResultSample[] = [];
    for (const [key, alert] of alerts) {
      if (!advance(alert, { rule, timeMs, isSeen: seen.has(key) })) {
        if (alert.state === 'inactive' && isForgettable(alert, timeMs)) alerts.delete(key);
        continue;
      }
      samples.push(...seriesOf(alert, rule.name));
    }
    const activeCount = [...alerts.values()].filter(({ state }) => state !== 'inactive').length;
    if (this.#group.limit > 0 && activeCount > this.#group.limit) {
      alerts.clear();
      throw new AppError('QUERY_LIMIT', `exceeded limit of ${this.#group.limit} with ${activeCount} alerts`);
    }
    return samples;
  }

  /** What the condition holds for at this time, by identity. */
  async #seenAlerts(rule: AlertingFileRule, timeMs: number): Promise<ReadonlyMap<string, TrackedAlert>> {
    const queryMs = timeMs - this.#group.queryOffsetMs;
    const found = new Map<string, TrackedAlert>();
    for (const sample of await this.#ports.query(rule.expr, queryMs)) {
      const alert = await this.#describe(rule, sample, timeMs);
      if (found.has(alert.labels.key)) {
        throw new AppError(
          'QUERY_FAILED',
          'vector contains metrics with the same labelset after applying alert labels',
        );
      }
      found.set(alert.labels.key, alert);
    }
    return found;
  }

  async #describe(
    rule: AlertingFileRule,
    { labels, value }: ResultSample,
    timeMs: number,
  ): Promise<TrackedAlert> {
    const { query, externalLabels, externalUrl } = this.#ports;
    const context = { labels: [...labels.entries()], value, sinceMs: timeMs, externalLabels, externalUrl };
    const ask = (expression: string): Promise<readonly ResultSample[]> =>
      query(expression, timeMs - this.#group.queryOffsetMs);
    const own = await expandWithQueries(rule.labels, context, ask);
    return {
      labels: Labels.from([...labels.withoutName().entries(), ...own, ['alertname', rule.name]]),
      annotations: Labels.from(await expandWithQueries(rule.annotations, context, ask)),
      state: 'pending',
      value,
      activeAtMs: timeMs,
      resolvedAtMs: undefined,
      keepFiringSinceMs: undefined,
    };
  }

  async #store(rule: FileRule, samples: readonly ResultSample[], timeMs: number): Promise<void> {
    const series = this.#memory.next(rule, samples, timeMs);
    if (series.length > 0) await this.#ports.append(series);
  }
}

/** Makes of the results of recording rules the series that they record, for an engine that does not relabel by itself. */
export class RecordedSeries {
  /** Labels of the last result, and what they became: rules that are asked in a row often give the same objects. */
  readonly #byRule = new WeakMap<
    RecordingFileRule,
    { readonly results: readonly Labels[]; readonly recorded: readonly Labels[] }
  >();

  /**
   * @param limit most series, 0 for any number
   * @throws AppError QUERY_FAILED, QUERY_LIMIT
   */
  of(rule: RecordingFileRule, result: readonly ResultSample[], limit: number): readonly ResultSample[] {
    const before = this.#byRule.get(rule);
    const isSame = before !== undefined && isSameList(result, before.results);
    const results = isSame ? before.results : result.map(({ labels }) => labels);
    const recorded = isSame ? before.recorded : recordedAs(rule, limit).of(results);
    if (!isSame) this.#byRule.set(rule, { results, recorded });
    return result.map(({ labels, value }, at) => ({ labels: recorded[at] ?? labels, value }));
  }
}

/**
 * What the label sets of a result of the rule become in the series that it records.
 * @param limit most series, 0 for any number
 * @throws AppError QUERY_FAILED, QUERY_LIMIT, when it is asked
 */
export function recordedAs(rule: RecordingFileRule, limit: number): Relabel {
  const own = rule.labels.map(({ name, source }) => [name, source] as const);
  return {
    key: JSON.stringify([rule.name, own, limit]),
    of: (list) => recordedLabels(list, [[METRIC_NAME, rule.name], ...own], limit),
  };
}

function recordedLabels(
  list: readonly Labels[],
  own: readonly (readonly [string, string])[],
  limit: number,
): readonly Labels[] {
  const recorded = list.map((labels) => own.reduce((all, [name, value]) => all.with(name, value), labels));
  if (!areDistinct(recorded)) {
    throw new AppError(
      'QUERY_FAILED',
      'vector contains metrics with the same labelset after applying rule labels',
    );
  }
  if (limit > 0 && recorded.length > limit) {
    throw new AppError('QUERY_LIMIT', `exceeded limit of ${limit} with ${recorded.length} series`);
  }
  return recorded;
}

/** Numbers tell nearly always; only where some are equal are the sets themselves compared, which costs ten times as much. */
function areDistinct(list: readonly Labels[]): boolean {
  if (new Set(list.map(({ hashCode }) => hashCode)).size === list.length) return true;
  return new Set(list.map(({ digest }) => digest)).size === list.length;
}

/** Remembers the series of each source, so that those that it no longer gives can be ended. */
export class SeriesMemory<Source> {
  readonly #before = new Map<Source, readonly Labels[]>();

  /** What to store for the samples of one evaluation: they themselves, and an end for each series that is gone. */
  next(source: Source, samples: readonly ResultSample[], timeMs: number): MomentBatch {
    const batch = new MomentBatch(timeMs);
    for (const { labels, value } of samples) batch.add(labels, value);
    const before = this.#before.get(source) ?? [];
    if (isSameList(samples, before)) return batch;
    const present = new Set(samples.map(({ labels }) => labels.digest));
    this.#before.set(
      source,
      samples.map(({ labels }) => labels),
    );
    for (const labels of before) if (!present.has(labels.digest)) batch.addEnd(labels);
    return batch;
  }
}

function isSameList(samples: readonly ResultSample[], list: readonly Labels[]): boolean {
  return samples.length === list.length && samples.every(({ labels }, at) => labels === list[at]);
}

interface Moment {
  readonly rule: AlertingFileRule;
  readonly timeMs: number;
  readonly isSeen: boolean;
}

/** Moves an alert on by one evaluation; returns whether it is active after it. */
function advance(alert: TrackedAlert, { rule, timeMs, isSeen }: Moment): boolean {
  if (isSeen) {
    alert.keepFiringSinceMs = undefined;
  } else {
    if (alert.state === 'firing' && rule.keepFiringForMs > 0) alert.keepFiringSinceMs ??= timeMs;
    const isKept =
      alert.keepFiringSinceMs !== undefined && timeMs - alert.keepFiringSinceMs < rule.keepFiringForMs;
    if (alert.state !== 'inactive' && !isKept) {
      // What never fired leaves nothing behind.
      alert.resolvedAtMs = alert.state === 'pending' ? -Infinity : timeMs;
      alert.state = 'inactive';
    }
    if (!isKept) return false;
  }
  if (alert.state === 'pending' && timeMs - alert.activeAtMs >= rule.forMs) alert.state = 'firing';
  return true;
}

function isForgettable({ resolvedAtMs = 0 }: TrackedAlert, timeMs: number): boolean {
  return timeMs - resolvedAtMs > RESOLVED_RETENTION_MS;
}

function seriesOf({ labels, state, activeAtMs }: TrackedAlert, alertName: string): readonly ResultSample[] {
  return alertSamples({ labels: labels.with('alertname', alertName), state, activeAtMs });
}

/** The two series that tell of an alert: `ALERTS` and `ALERTS_FOR_STATE`. */
export function alertSamples(alert: {
  /** With `alertname`. */
  readonly labels: Labels;
  readonly state: string;
  readonly activeAtMs: number;
}): readonly ResultSample[] {
  const { labels, state, activeAtMs } = alert;
  return [
    { labels: Labels.from([...labels.entries(), [METRIC_NAME, 'ALERTS'], ['alertstate', state]]), value: 1 },
    { labels: labels.with(METRIC_NAME, 'ALERTS_FOR_STATE'), value: activeAtMs / 1000 },
  ];
}
