/** How far two answers to the same query are apart. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import type { QueryAnswer } from '../test/compat/query-api.ts';

export interface AnswerDifference {
  /** Points that only one of the two has. */
  readonly lonePoints: number;
  /** Points that both have. */
  readonly points: number;
  /** Of those: the largest difference, and that of the middle one, by the size of the larger value. */
  readonly largestRatio: number;
  readonly medianRatio: number;
}

/** Undefined when one of the two is an error. */
export function differenceOf(left: QueryAnswer, right: QueryAnswer): AnswerDifference | undefined {
  if (left.status === 'error' || right.status === 'error') return undefined;
  const theirs = pointsOf(right);
  const ratios: number[] = [];
  let lonePoints = 0;
  for (const [key, value] of pointsOf(left)) {
    const other = theirs.get(key);
    if (other === undefined) lonePoints++;
    else ratios.push(ratioOf(value, other));
    theirs.delete(key);
  }
  ratios.sort((a, b) => a - b);
  return {
    lonePoints: lonePoints + theirs.size,
    points: ratios.length,
    largestRatio: ratios.at(-1) ?? 0,
    medianRatio: ratios[ratios.length >> 1] ?? 0,
  };
}

/** Values by series and time. */
function pointsOf(answer: QueryAnswer & { readonly status: 'success' }): Map<string, number> {
  const { data } = answer;
  const points = new Map<string, number>();
  const add = (series: string, [seconds, text]: readonly [number, string]): void =>
    void points.set(`${series} ${Math.round(seconds * 1000)}`, numberOf(text));
  if (data.resultType === 'scalar' || data.resultType === 'string') add('', data.result);
  else
    for (const series of data.result) {
      const key = JSON.stringify(Object.entries(series.metric).sort(([a], [b]) => compareUtf8(a, b)));
      for (const point of 'values' in series ? series.values : [series.value]) add(key, point);
    }
  return points;
}

function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function ratioOf(left: number, right: number): number {
  if (Object.is(left, right) || left === right) return 0;
  const size = Math.max(Math.abs(left), Math.abs(right));
  const ratio = Math.abs(left - right) / size;
  return Number.isNaN(ratio) ? Infinity : ratio;
}
