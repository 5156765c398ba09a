/** `/rules` and `/alerts`. */
import { createHash } from 'node:crypto';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import type { Answers } from '../../query/answers.ts';
import { formatExponent, secondsOf } from '../../query/encode/format.ts';
import { answer } from './answers.ts';
import type { Answer } from './answers.ts';
import { invalidParameter } from './parameters.ts';
import type { Parameters } from './parameters.ts';

/** Labels or annotations. */
export type StringMap = Readonly<Record<string, string>>;

/** An alert that is pending or firing. Times are UTC milliseconds. */
export interface ActiveAlert {
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly state: 'pending' | 'firing';
  readonly activeAtMs: number;
  /** Since when it only fires because of `keep_firing_for`. */
  readonly keepFiringSinceMs?: number;
  readonly value: number;
}

interface RuleState {
  readonly name: string;
  /** PromQL. */
  readonly query: string;
  readonly labels: StringMap;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  readonly evaluationMs: number;
  /** Undefined before the first evaluation. */
  readonly lastEvaluationMs: number | undefined;
}

/** A rule that alerts; spans are milliseconds. */
export interface AlertingRule extends RuleState {
  readonly kind: 'alerting';
  readonly state: 'inactive' | 'pending' | 'firing' | 'unknown';
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly annotations: StringMap;
  readonly alerts: readonly ActiveAlert[];
}

/** A rule that stores its result as a series. */
export interface RecordingRule extends RuleState {
  readonly kind: 'recording';
}

/** Rules that are evaluated together, in order; spans are milliseconds. */
export interface RuleGroup {
  readonly name: string;
  readonly file: string;
  readonly intervalMs: number;
  /** Most alerts or series of one rule, 0 for no limit. */
  readonly limit: number;
  readonly evaluationMs: number;
  readonly lastEvaluationMs: number | undefined;
  readonly rules: readonly Rule[];
}

/** `/alerts`: all alerts that are pending or firing. */
export function alertsAnswer(alerts: readonly ActiveAlert[]): Answer {
  return answer({ alerts: alerts.map(alertJson) });
}

/** @throws AppError BAD_REQUEST on a filter or page token that cannot be */
export async function rulesAnswer(
  groups: readonly RuleGroup[],
  { answers, parameters }: { readonly answers: Pick<Answers, 'fitting'>; readonly parameters: Parameters },
  signal: AbortSignal,
): Promise<Answer> {
  const showsAlerts = !isTrue('exclude_alerts', parameters);
  const isNamed = ruleFilter(parameters);
  const fits = await labelFilter(groups, { answers, parameters }, signal);
  const isWanted = (rule: Rule): boolean => isNamed(rule) && fits(rule);
  const isWantedGroup = groupFilter(parameters);
  const kept = groups
    .filter(isWantedGroup)
    .map((group) => ({ ...group, rules: group.rules.filter(isWanted) }))
    .filter(({ rules }) => rules.length > 0);
  const { page, nextToken } = pageOf(kept, parameters);
  const shown = page.map((group) => groupJson(group, showsAlerts));
  return answer({ groups: shown, ...(nextToken === undefined ? {} : { groupNextToken: nextToken }) });
}

function isTrue(name: string, parameters: Parameters): boolean {
  const text = parameters.text(name);
  if (['', '0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  const fault = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw invalidParameter(name, `error converting ${name}: ${fault}`);
}

type Rule = AlertingRule | RecordingRule;

function ruleFilter(parameters: Parameters): (rule: Rule) => boolean {
  const type = parameters.text('type').toLowerCase();
  if (!['', 'alert', 'record'].includes(type)) {
    throw invalidParameter('type', `not supported value ${JSON.stringify(type)}`);
  }
  const names = new Set(parameters.list('rule_name[]'));
  return ({ kind, name }) => {
    if (type !== '' && (type === 'alert') !== (kind === 'alerting')) return false;
    return names.size === 0 || names.has(name);
  };
}

/** Whether the labels of a rule fit `match[]`; what a pattern of a stranger takes is not spent on the event loop. */
async function labelFilter(
  groups: readonly RuleGroup[],
  { answers, parameters }: { readonly answers: Pick<Answers, 'fitting'>; readonly parameters: Parameters },
  signal: AbortSignal,
): Promise<(rule: Rule) => boolean> {
  const selectors = parameters.list('match[]');
  if (selectors.length === 0) return () => true;
  const rules = groups.flatMap((group) => group.rules);
  const labelSets = rules.map(({ labels }) => labels);
  const { data } = await answers.fitting({ selectors, labelSets }, signal);
  const pieces: Buffer[] = [];
  for await (const piece of data) pieces.push(Buffer.from(piece));
  const fits = fitsSchema.parse(JSON.parse(Buffer.concat(pieces).toString()));
  const fitting = new Set(rules.filter((_, at) => fits[at] === true));
  return (rule) => fitting.has(rule);
}

const fitsSchema = z.array(z.boolean());

function groupFilter(parameters: Parameters): (group: RuleGroup) => boolean {
  const names = new Set(parameters.list('rule_group[]'));
  const files = new Set(parameters.list('file[]'));
  return ({ name, file }) => (names.size === 0 || names.has(name)) && (files.size === 0 || files.has(file));
}

function pageOf(
  groups: readonly RuleGroup[],
  parameters: Parameters,
): { readonly page: readonly RuleGroup[]; readonly nextToken?: string } {
  const limit = parameters.limit('group_limit');
  const token = parameters.text('group_next_token');
  if (token !== '' && limit === 0) {
    const reason = 'group_limit needs to be present in order to paginate over the groups';
    throw invalidParameter('group_next_token', reason);
  }
  const start = token === '' ? 0 : groups.findIndex((group) => tokenOf(group) === token);
  if (start === -1) {
    throw new AppError('BAD_REQUEST', `invalid group_next_token '${token}'. were rule groups changed?`);
  }
  if (limit === 0) return { page: groups };
  const next = groups[start + limit];
  const page = groups.slice(start, start + limit);
  return next === undefined ? { page } : { page, nextToken: tokenOf(next) };
}

function tokenOf({ file, name }: RuleGroup): string {
  return createHash('sha1').update(`${file};${name}`).digest('hex');
}

function groupJson(group: RuleGroup, showsAlerts: boolean): unknown {
  const { name, file, intervalMs, limit, evaluationMs, lastEvaluationMs, rules } = group;
  return {
    name,
    file,
    rules: rules.map((rule) => ruleJson(rule, showsAlerts)),
    interval: intervalMs / 1000,
    limit,
    evaluationTime: secondsOf(evaluationMs),
    lastEvaluation: timeText(lastEvaluationMs),
  };
}

function ruleJson(rule: Rule, showsAlerts: boolean): unknown {
  const { name, query, labels, health, lastError, evaluationMs, lastEvaluationMs } = rule;
  const common = {
    health,
    ...(lastError === undefined ? {} : { lastError }),
    evaluationTime: secondsOf(evaluationMs),
    lastEvaluation: timeText(lastEvaluationMs),
    type: rule.kind,
  };
  if (rule.kind === 'recording') return { name, query, labels, ...common };
  return {
    state: rule.state,
    name,
    query,
    duration: rule.forMs / 1000,
    keepFiringFor: rule.keepFiringForMs / 1000,
    labels,
    annotations: rule.annotations,
    alerts: showsAlerts ? rule.alerts.map(alertJson) : [],
    ...common,
  };
}

function alertJson({
  labels,
  annotations,
  state,
  activeAtMs,
  keepFiringSinceMs,
  value,
}: ActiveAlert): unknown {
  return {
    labels,
    annotations,
    state,
    activeAt: timeText(activeAtMs),
    ...(keepFiringSinceMs === undefined ? {} : { keepFiringSince: timeText(keepFiringSinceMs) }),
    value: formatExponent(value),
  };
}

/** RFC 3339; what never happened has Go's zero time. */
function timeText(timeMs: number | undefined): string {
  return timeMs === undefined ? '0001-01-01T00:00:00Z' : new Date(timeMs).toISOString();
}
