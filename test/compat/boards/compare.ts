/** When an answer is good: which queries may be empty, and how far two stores may differ. */
import type { BoardTarget, TargetAnswer } from './ask.ts';

/** Queries that may have no result, and why. */
const MAY_BE_EMPTY: readonly (readonly [query: RegExp, reason: string])[] = [
  [
    /node_(?:hwmon|thermal_zone|power_supply|edac|md_disks|cpu_core_throttles|cpu_scaling|memory_HardwareCorrupted)/,
    'not every machine has the hardware',
  ],
  [/node_(?:systemd|pressure|schedstat|nf_conntrack)/, 'not every kernel or container has it'],
  [/rate\(.*\/ rate\(/, 'nothing was read, written or sent meanwhile'],
  [/_(?:boot_time_seconds\{.*\}|\}) < 300/, 'nothing was started lately'],
  [/ > 1$|\) - 1 > 0$|\[\$__range\]\)\) > 0$/, 'nothing has changed'],
  [/deriv\(/, 'space does not shrink'],
  [/ALERTS/, 'nothing fires'],
];

/** Why the query may have no result; undefined when it must have one. */
export function excuse({ text }: BoardTarget): string | undefined {
  return MAY_BE_EMPTY.find(([query]) => query.test(text))?.[1];
}

/** How close the values of another store must be to ours. */
export interface Tolerance {
  /** Share by which a value may differ. */
  readonly ratio: number;
  /** Same for values that follow from rates: stores choose the samples at the ends of a window differently. */
  readonly rateRatio: number;
}

/** What differs between two answers to the same question, in words; empty when nothing does. */
export function differences(
  ours: { readonly target: BoardTarget; readonly answer: TargetAnswer },
  theirs: TargetAnswer,
  tolerance: Tolerance,
): readonly string[] {
  if (ours.answer.kind === 'error' || theirs.kind === 'error') return [];
  const { text } = ours.target;
  // Nought divided by nought: nothing here, something there.
  if (/rate\(.*\/ rate\(/.test(text)) return [];
  const ratio = /rate\(|deriv\(|predict_linear\(/.test(text) ? tolerance.rateRatio : tolerance.ratio;
  const left = [...ours.answer.values];
  // InfluxDB counts nothing where PromQL counts nought.
  if (theirs.values.size === 0 && left.every(([, value]) => value === 0)) return [];
  const found = [...theirs.values].flatMap(([key, value]) => {
    const match = left.find(([own]) => contains(own, key));
    if (match === undefined) return [`only there: ${key} ${value}`];
    return isClose(match[1], value, ratio) ? [] : [`${key}: ${match[1]} here, ${value} there`];
  });
  return left.length === theirs.values.size
    ? found
    : [`${left.length} series here, ${theirs.values.size} there`, ...found];
}

/** Whether a series has all the labels; InfluxDB leaves out those by which it does not group. */
function contains(own: string, labels: string): boolean {
  return own === labels || pairsOf(labels).every((pair) => pairsOf(own).includes(pair));
}

function pairsOf(key: string): readonly string[] {
  const parsed: unknown = JSON.parse(key);
  return Array.isArray(parsed) ? parsed.map((pair) => JSON.stringify(pair)) : [];
}

function isClose(left: number, right: number, ratio: number): boolean {
  if (ratio === Infinity) return Number.isFinite(left) === Number.isFinite(right);
  return Math.abs(left - right) <= ratio * Math.max(Math.abs(left), Math.abs(right)) + 1e-9;
}
