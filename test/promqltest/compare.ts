/** Compares an answer of ours to a range query with the one of Prometheus. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { QueryValue } from '../../collector/src/query/results.ts';
import { Labels } from '../../collector/src/storage/labels.ts';
import type { ReferenceAnswer } from './reference.ts';

/** A difference, in words. */
export interface Difference {
  readonly text: string;
  /** How far two values are apart, relative to the larger one; Infinity when something else differs. */
  readonly relative: number;
}

/** So little is nothing, whatever the values: it remains when nearly equal numbers are subtracted. */
const ABSOLUTE_MAX = 1e-9;

/** `sinh` and the like overflow a little earlier on one machine than on another. */
const ALMOST_INFINITE = 5e307;

/** The largest difference of more than `relativeMax`, undefined when the answers agree. */
export function compareAnswers(
  theirs: ReferenceAnswer,
  ours: QueryValue | AppError,
  relativeMax: number,
): Difference | undefined {
  if (theirs.status === 'error') {
    if (!(ours instanceof AppError)) return other(`they fail: ${theirs.error}`);
    // Which of several conflicting series is named first may differ.
    const [expected, actual] = [theirs.error, ours.message].map((text) => text.slice(0, 40));
    return expected === actual ? undefined : other(`they fail: ${theirs.error}, we: ${ours.message}`);
  }
  if (ours instanceof AppError) return other(`we fail: ${ours.message}`);
  if (ours.kind !== 'matrix') return other(`we give a ${ours.kind}`);
  const expected = theirs.data.result;
  const actual = new Map(ours.series.map((series) => [series.labels.key, series]));
  if (actual.size !== expected.length) {
    return other(`${expected.length} series expected, ${actual.size} given`);
  }
  let worst: Difference | undefined;
  for (const { metric, values: points } of expected) {
    const labels = Labels.of(metric);
    const series = actual.get(labels.key);
    if (series === undefined) return other(`${labels.toString()} is missing`);
    if (series.values.length !== points.length) {
      return other(`${labels.toString()}: ${points.length} points expected, ${series.values.length} given`);
    }
    for (const [i, [seconds, text]] of points.entries()) {
      const timeMs = Math.round(seconds * 1000);
      const value = toNumber(text);
      const own = series.values[i] ?? NaN;
      const relative = series.timestamps[i] === timeMs ? distance(value, own) : Infinity;
      if (relative <= Math.max(relativeMax, worst?.relative ?? 0)) continue;
      worst = { relative, text: `${labels.toString()} at ${timeMs}: ${value} expected, ${own} given` };
    }
  }
  return worst;
}

function other(text: string): Difference {
  return { text, relative: Infinity };
}

function toNumber(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

/** Sums in another order differ in the last digits, and differences of nearly equal numbers in more of them. */
function distance(left: number, right: number): number {
  if (Object.is(left, right) || left === right) return 0;
  if (
    Math.abs(left) > ALMOST_INFINITE &&
    Math.sign(left) === Math.sign(right) &&
    Math.abs(right) > ALMOST_INFINITE
  )
    return 0;
  if (!Number.isFinite(left) || !Number.isFinite(right)) return Infinity;
  const absolute = Math.abs(left - right);
  return absolute < ABSOLUTE_MAX ? 0 : absolute / Math.max(Math.abs(left), Math.abs(right));
}
