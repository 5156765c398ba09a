/** Decides whether what two programs measured at the same time fits together. */
import { DIFFERENT_VALUES, OURS_ONLY, reasonFor, THEIRS_ONLY } from './parity-exceptions.ts';

/** Values by series as the text format writes it, and types by metric. */
export interface Scrape {
  readonly values: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, string>;
}

/** Ours, and theirs right before and after it. */
export interface Round {
  readonly before: Scrape;
  readonly ours: Scrape;
  readonly after: Scrape;
}

export interface Findings {
  /** Series that both have, and metrics. */
  readonly compared: number;
  readonly families: number;
  readonly mistakes: readonly string[];
  /** By metric, why its values differ. */
  readonly explained: ReadonlyMap<string, string>;
  /** By metric, why only one side has it. */
  readonly oursOnly: ReadonlyMap<string, string>;
  readonly theirsOnly: ReadonlyMap<string, string>;
}

/** How far a gauge may lie outside of what it was right before and after, as a share. */
const GAUGE_TOLERANCE_RATIO = 0.1;
/** The same for small whole numbers, such as tasks that run. */
const GAUGE_TOLERANCE = 8;
/** node_exporter multiplies milliseconds by 0.001, which spoils the last bit. */
const ROUNDING_RATIO = 1e-12;
/** Kernel times are shown in hundredths of a second, and those of different processors at different moments. */
const COUNTER_TOLERANCE_SECONDS = 0.02;
/** Shown at most; all are counted. */
const MISTAKES_PER_METRIC_MAX = 3;

/** All rounds together; a series counts as present when it was there in any of them. */
export function compareRounds(rounds: readonly Round[]): Findings {
  const mistakes = new Map<string, string[]>();
  const explained = new Map<string, string>();
  const note = (name: string, text: string): void => {
    const reason = reasonFor(DIFFERENT_VALUES, name);
    if (reason === undefined) mistakes.set(name, [...(mistakes.get(name) ?? []), text]);
    else explained.set(name, reason);
  };
  const ours = seriesOf(rounds.map((round) => round.ours));
  const theirs = seriesOf(rounds.flatMap(({ before, after }) => [before, after]));
  const common = new Set([...ours].filter((series) => theirs.has(series)));
  for (const series of common) compareSeries(series, rounds, note);
  return {
    compared: common.size,
    families: new Set([...common].map(nameOf)).size,
    oursOnly: onlyIn(ours, theirs, { list: OURS_ONLY, side: 'the agent', note }),
    theirsOnly: onlyIn(theirs, ours, { list: THEIRS_ONLY, side: 'node_exporter', note }),
    explained,
    mistakes: [...mistakes.values()].flatMap((list) => list.slice(0, MISTAKES_PER_METRIC_MAX)),
  };
}

type Note = (name: string, text: string) => void;

/** A counter must fit in every round. A gauge may move any way between two readings, but not in all of them. */
function compareSeries(series: string, rounds: readonly Round[], note: Note): void {
  const name = nameOf(series);
  const type = rounds.map(({ ours }) => ours.types.get(name)).find((each) => each !== undefined);
  const theirType = rounds.map(({ after }) => after.types.get(name)).find((each) => each !== undefined);
  if (type !== theirType && theirType !== 'untyped')
    note(name, `${name} is a ${theirType} there, a ${type} here`);
  const misfits = rounds.flatMap((round) => misfitOf(series, round, type === 'counter') ?? []);
  for (const text of type === 'counter' || misfits.length === rounds.length ? misfits : []) note(name, text);
  if (type !== 'counter') return;
  for (let i = 1; i < rounds.length; i++) compareGrowth(series, [rounds[i - 1], rounds[i]], note);
}

/** Says that our value lies outside of what it was there before and after; undefined when it fits or one is missing. */
function misfitOf(series: string, { before, ours, after }: Round, isCounter: boolean): string | undefined {
  const [low, value, high] = [before, ours, after].map(({ values }) => values.get(series));
  if (low === undefined || value === undefined || high === undefined) return undefined;
  const slack = isCounter ? counterSlack(high) : gaugeSlack(low, high);
  const fits = value >= Math.min(low, high) - slack && value <= Math.max(low, high) + slack;
  return fits ? undefined : `${series}: ${value} is not between ${low} and ${high}`;
}

/** A counter of ours must not fall, and must not grow by more than theirs did around it. */
function compareGrowth(
  series: string,
  [previous, next]: readonly [Round | undefined, Round | undefined],
  note: Note,
): void {
  const last = previous?.ours.values.get(series);
  const value = next?.ours.values.get(series);
  if (last === undefined || value === undefined) return;
  const name = nameOf(series);
  if (value < last) note(name, `${series}: fell from ${last} to ${value}`);
  const from = previous?.before.values.get(series);
  const to = next?.after.values.get(series);
  if (from === undefined || to === undefined) return;
  if (value - last > to - from + counterSlack(to)) {
    note(name, `${series}: grew by ${value - last}, there by ${to - from}`);
  }
}

function counterSlack(value: number): number {
  return COUNTER_TOLERANCE_SECONDS + Math.abs(value) * ROUNDING_RATIO;
}

function gaugeSlack(low: number, high: number): number {
  const size = Math.max(Math.abs(low), Math.abs(high));
  return Math.max(GAUGE_TOLERANCE, size * GAUGE_TOLERANCE_RATIO);
}

/** Metrics with series that only one side has. Those of no list are mistakes. */
function onlyIn(
  here: ReadonlySet<string>,
  there: ReadonlySet<string>,
  options: { readonly list: Parameters<typeof reasonFor>[0]; readonly side: string; readonly note: Note },
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const series of here) {
    if (there.has(series)) continue;
    const name = nameOf(series);
    const reason = reasonFor(options.list, name);
    if (reason === undefined) options.note(name, `${series}: only ${options.side} has it`);
    else found.set(name, reason);
  }
  return found;
}

function seriesOf(scrapes: readonly Scrape[]): ReadonlySet<string> {
  return new Set(scrapes.flatMap(({ values }) => [...values.keys()]));
}

function nameOf(series: string): string {
  return series.replace(/\{.*$/s, '');
}
