/** `topk` and `bottomk`: per step the series with the largest or smallest values of each group. */
import { sortInTurns } from '@rollcall/shared/lib/turn.ts';
import type { Group } from './aggregate.ts';
import { hasAny, vectorOf } from './columns.ts';
import type { Column, Grid, VectorValue } from './columns.ts';
import { executionError } from '../errors.ts';
import type { Evaluation } from './evaluation.ts';
import { formatExponent } from '../encode/format.ts';
import { byNumber } from './functions/sort.ts';

/** Which values win, and how many. */
export interface Ranking {
  readonly operator: 'topk' | 'bottomk';
  /** How many to keep, one per step. */
  readonly counts: Float64Array;
  readonly grid: Grid;
}

const INT64_LIMIT = 2 ** 63;

/** @throws AppError QUERY_FAILED when a count is not a number or too large */
export async function pickRanked(
  groups: readonly Group[],
  ranking: Ranking,
  ev: Evaluation,
): Promise<VectorValue> {
  const counts = wholeCounts(ranking.counts);
  const columns: Column[] = [];
  for (const { members } of groups) {
    const kept = members.map(() => new Uint8Array(ranking.grid.count));
    let order: readonly number[] = [];
    for (let i = 0; i < ranking.grid.count; i++) {
      const best = { operator: ranking.operator, count: counts[i] ?? 0 };
      order =
        best.count > FEW && members.length > FEW
          ? await manyAt(i, members, best, ev)
          : bestAt(i, members, best);
      for (const index of order) kept[index]?.fill(1, i, i + 1);
      if (ev.pacer.spend(members.length)) await ev.pacer.pause();
    }
    // With a single time the order says who is first; otherwise it differs from step to step.
    const indices = ranking.grid.count === 1 ? order : members.keys();
    for (const index of indices) {
      const [member, present] = [members[index], kept[index]];
      if (member !== undefined && present !== undefined && hasAny(present))
        columns.push({ ...member, present });
    }
  }
  return vectorOf(columns, ranking.grid.count === 1);
}

function wholeCounts(counts: Float64Array): Float64Array {
  return counts.map((count) => {
    if (!(count < INT64_LIMIT && count >= -INT64_LIMIT)) {
      throw executionError(`Scalar value ${formatExponent(count)} overflows int64`);
    }
    return Math.max(0, Math.trunc(count));
  });
}

interface Best {
  readonly operator: Ranking['operator'];
  readonly count: number;
}

/** Of more than so many, all are sorted: to put each in its place among so many that were the best so far cannot be broken off. */
const FEW = 2_000;

/** As `bestAt`, and gives way. */
async function manyAt(
  i: number,
  members: readonly Column[],
  { operator, count }: Best,
  ev: Evaluation,
): Promise<readonly number[]> {
  const there: number[] = [];
  for (const [index, { present }] of members.entries()) if (present[i] === 1) there.push(index);
  const valueOf = (index: number): number => members[index]?.values[i] ?? NaN;
  const sorted = await sortInTurns(there, byNumber(valueOf, { isDescending: operator === 'topk' }), ev.pacer);
  return sorted.slice(0, count);
}

/** Indices of the best members at step `i`, the best first, NaN last; of equal ones the earlier. */
function bestAt(i: number, members: readonly Column[], { operator, count }: Best): readonly number[] {
  const best: number[] = [];
  if (count === 0) return best;
  const valueOf = (index: number | undefined): number => members[index ?? -1]?.values[i] ?? NaN;
  for (const [index, { present, values }] of members.entries()) {
    if (present[i] !== 1) continue;
    const value = values[i] ?? NaN;
    if (best.length === count && !isBetter(operator, value, valueOf(best.at(-1)))) continue;
    let low = 0;
    let high = best.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBetter(operator, value, valueOf(best[middle]))) high = middle;
      else low = middle + 1;
    }
    best.splice(low, 0, index);
    if (best.length > count) best.pop();
  }
  return best;
}

function isBetter(operator: Ranking['operator'], value: number, other: number): boolean {
  if (Number.isNaN(value)) return false;
  if (Number.isNaN(other)) return true;
  return operator === 'topk' ? value > other : value < other;
}
