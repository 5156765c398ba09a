/**
 * Tries rules on the past before they go live: which alerts they would have opened, on what, for how long, and how often
 * somebody would have been woken. As in Prometheus an alert ends here when its condition is no longer seen.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { QueryEngine } from '../../query/query.ts';
import type { MatrixSeries } from '../../query/results.ts';
import type { AlertingFileRule, RuleGroup } from '../rule-files/rule-file.ts';
import { severityOf } from '../rules/severity.ts';
import type { Labels } from '../../storage/labels.ts';
import { questionsOf } from './expressions.ts';
import { Timeline, type PastAlert } from './timeline.ts';

/** Every bound of a back-test. */
export const BACKTEST_LIMITS = {
  /** Moments at which rules are looked at. */
  stepsMax: 50_000,
  /** Moments of one query; what it gives is in memory as a whole. */
  stepsPerQuery: 500,
  rulesMax: 200,
  /** Alerts that one rule is shown with; further ones are only counted. */
  alertsPerRuleMax: 1_000,
  /** Objects of one rule that are followed. */
  objectsPerRuleMax: 50_000,
} as const;

export interface BacktestRequest {
  readonly groups: readonly RuleGroup[];
  /** UTC milliseconds, inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

export interface RuleBacktest {
  readonly group: string;
  readonly name: string;
  readonly severity: string;
  /** Labels that the rule adds, as they are written. */
  readonly labels: Readonly<Record<string, string>>;
  readonly alertCount: number;
  /** In the order of their start, the first ones. */
  readonly alerts: readonly (PastAlert & { readonly labels: Readonly<Record<string, string>> })[];
  readonly perWeek: number;
  /** What to know about the figures, or why there are none. */
  readonly notes: readonly string[];
}

export interface BacktestReport {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  readonly rules: readonly RuleBacktest[];
  /** Alerts of the class `page`, and those of them that begin between 22 and 6 o'clock where the collector is. */
  readonly pagesPerWeek: number;
  readonly nightPagesPerWeek: number;
}

const WEEK_MS = 7 * 86_400_000;

/**
 * @throws AppError BAD_REQUEST when the times make no sense, LIMIT_EXCEEDED, QUERY_CANCELED; a rule that cannot be
 *   evaluated says so in its notes
 */
export async function backtest(
  request: BacktestRequest,
  engine: Pick<QueryEngine, 'range'>,
  signal: AbortSignal,
): Promise<BacktestReport> {
  const { groups, fromMs, toMs, stepMs } = request;
  const rules = groups.flatMap((group) =>
    group.rules.flatMap((rule) => (rule.kind === 'alerting' ? [{ group, rule }] : [])),
  );
  refuseTooMuch(request, rules.length);
  const found: RuleBacktest[] = [];
  for (const { group, rule } of rules) found.push(await tryRule({ group, rule, request }, engine, signal));
  const weeks = (toMs - fromMs) / WEEK_MS;
  const pages = found.filter(({ severity }) => severity === 'page');
  const nightCount = pages.flatMap(({ alerts }) => alerts).filter(({ startMs }) => isNight(startMs)).length;
  return {
    fromMs,
    toMs,
    stepMs,
    rules: found,
    pagesPerWeek: pages.reduce((sum, { alertCount }) => sum + alertCount, 0) / weeks,
    nightPagesPerWeek: nightCount / weeks,
  };
}

function refuseTooMuch({ fromMs, toMs, stepMs }: BacktestRequest, ruleCount: number): void {
  const { stepsMax, rulesMax } = BACKTEST_LIMITS;
  if (!(toMs > fromMs)) throw new AppError('BAD_REQUEST', 'back-test: its end must come after its begin');
  if (!(stepMs >= 1_000)) throw new AppError('BAD_REQUEST', 'back-test: the step must be a second or more');
  const steps = Math.floor((toMs - fromMs) / stepMs) + 1;
  if (steps > stepsMax) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `back-test: ${steps} steps, ${stepsMax} are allowed: take a longer step`,
    );
  }
  if (ruleCount === 0) throw new AppError('BAD_REQUEST', 'back-test: the file has no rule that alerts');
  if (ruleCount > rulesMax) {
    throw new AppError('LIMIT_EXCEEDED', `back-test: ${ruleCount} rules that alert, ${rulesMax} are allowed`);
  }
}

interface Trial {
  readonly group: RuleGroup;
  readonly rule: AlertingFileRule;
  readonly request: BacktestRequest;
}

async function tryRule(
  trial: Trial,
  engine: Pick<QueryEngine, 'range'>,
  signal: AbortSignal,
): Promise<RuleBacktest> {
  const { group, rule, request } = trial;
  const labels = Object.fromEntries(rule.labels.map(({ name, source }) => [name, source]));
  const notes: string[] = [];
  const objects = new Objects(rule);
  try {
    const questions = questionsOf(rule, request.groups);
    for (const name of questions.storedSeries) {
      notes.push(`reads a part of ${name}, which is only known for the time since it is recorded`);
    }
    await follow({ ...trial, ...questions, objects }, engine, signal);
  } catch (error) {
    if (!(error instanceof AppError) || signal.aborted) throw error;
    notes.push(`cannot be evaluated: ${error.message}`);
  }
  const alerts = objects.finish();
  const { alertsPerRuleMax } = BACKTEST_LIMITS;
  if (alerts.length > alertsPerRuleMax)
    notes.push(`shown are the first ${alertsPerRuleMax} of ${alerts.length} alerts`);
  return {
    group: group.name,
    name: rule.name,
    severity: severityOf(labels['severity'] ?? ''),
    labels,
    alertCount: alerts.length,
    alerts: alerts.slice(0, alertsPerRuleMax),
    perWeek: (alerts.length * WEEK_MS) / (request.toMs - request.fromMs),
    notes,
  };
}

/** Goes through history piece by piece. */
async function follow(
  {
    request,
    group,
    raise,
    stay,
    objects,
  }: Trial & { readonly raise: string; readonly stay: string; readonly objects: Objects },
  engine: Pick<QueryEngine, 'range'>,
  signal: AbortSignal,
): Promise<void> {
  const { fromMs, toMs, stepMs } = request;
  const pieceMs = (BACKTEST_LIMITS.stepsPerQuery - 1) * stepMs;
  const ask = async (text: string, startMs: number, endMs: number): Promise<readonly MatrixSeries[]> => {
    const offsetMs = group.queryOffsetMs;
    const times = { startMs: startMs - offsetMs, endMs: endMs - offsetMs, stepMs };
    const { value } = await engine.range(text, times, signal);
    return value.kind === 'matrix' ? value.series : [];
  };
  for (let startMs = fromMs; startMs <= toMs; startMs += pieceMs + stepMs) {
    const endMs = Math.min(toMs, startMs + pieceMs);
    const raised = await ask(raise, startMs, endMs);
    const stayed = stay === raise ? raised : await ask(stay, startMs, endMs);
    objects.piece({ startMs, endMs, stepMs, offsetMs: group.queryOffsetMs }, raised, stayed);
  }
}

interface Piece {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  /** How far the times of the results lie behind. */
  readonly offsetMs: number;
}

/** What a rule would have alerted on. */
class Objects {
  readonly #rule: AlertingFileRule;
  readonly #known = new Map<string, { readonly labels: Labels; readonly timeline: Timeline }>();

  constructor(rule: AlertingFileRule) {
    this.#rule = rule;
  }

  piece(piece: Piece, raised: readonly MatrixSeries[], stayed: readonly MatrixSeries[]): void {
    const raises = byObject(raised);
    const stays = raised === stayed ? raises : byObject(stayed);
    for (const [key, { labels }] of raises) {
      if (this.#known.has(key)) continue;
      if (this.#known.size >= BACKTEST_LIMITS.objectsPerRuleMax) {
        throw new AppError('LIMIT_EXCEEDED', `more than ${BACKTEST_LIMITS.objectsPerRuleMax} objects`);
      }
      this.#known.set(key, { labels, timeline: new Timeline(this.#rule) });
    }
    for (const [key, { timeline }] of this.#known) {
      const [raise, stay] = [raises.get(key)?.values, stays.get(key)?.values];
      if (raise === undefined && !timeline.isActive) continue;
      for (let timeMs = piece.startMs; timeMs <= piece.endMs; timeMs += piece.stepMs) {
        const atMs = timeMs - piece.offsetMs;
        timeline.next(timeMs, raise?.get(atMs), stay?.get(atMs));
      }
    }
  }

  finish(): readonly (PastAlert & { readonly labels: Readonly<Record<string, string>> })[] {
    return [...this.#known.values()]
      .flatMap(({ labels, timeline }) => {
        timeline.finish();
        return timeline.alerts.map((alert) => ({ ...alert, labels: labels.toObject() }));
      })
      .toSorted((a, b) => a.startMs - b.startMs);
  }
}

function byObject(series: readonly MatrixSeries[]) {
  return new Map(
    series.map(({ labels, timestamps, values }) => {
      const named = labels.withoutName();
      const byTime = new Map(Array.from(timestamps, (timeMs, i) => [timeMs, values[i] ?? NaN]));
      return [named.key, { labels: named, values: byTime }] as const;
    }),
  );
}

const NIGHT_FROM_HOUR = 22;
const NIGHT_TO_HOUR = 6;

function isNight(timeMs: number): boolean {
  const hour = new Date(timeMs).getHours();
  return hour >= NIGHT_FROM_HOUR || hour < NIGHT_TO_HOUR;
}
