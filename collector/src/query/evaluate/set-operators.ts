/** `and`, `or`, `unless`: many-to-many, by labels alone. */
import type { Matching, SetOperator } from '../parse/ast.ts';
import { hasAny, vectorOf } from './columns.ts';
import type { Column, Grid, VectorValue } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { MATCH_ALL, matchingKey } from './match-keys.ts';
import { LABELS_WORK, mergeDuplicates } from './label-sets.ts';

interface SetOperation {
  readonly operator: SetOperator;
  readonly matching: Matching | undefined;
  readonly left: VectorValue;
  readonly right: VectorValue;
  readonly grid: Grid;
}

/**
 * The series that remain, left before right.
 * @throws AppError QUERY_FAILED when `or` yields the same series twice
 */
export async function combineSets(
  { operator, matching = MATCH_ALL, left, right, grid }: SetOperation,
  ev: Evaluation,
): Promise<VectorValue> {
  if (operator === 'or') {
    const added = await masked(right.columns, left.columns, { matching, grid, keepsMatched: false }, ev);
    // A series may stand on both sides, at different times.
    return vectorOf(await mergeDuplicates([...left.columns, ...added], ev));
  }
  const keepsMatched = operator === 'and';
  return vectorOf(await masked(left.columns, right.columns, { matching, grid, keepsMatched }, ev));
}

interface Mask {
  readonly matching: Matching;
  readonly grid: Grid;
  /** Keep the values that have a partner at their time, or those that have none. */
  readonly keepsMatched: boolean;
}

async function masked(
  columns: readonly Column[],
  partners: readonly Column[],
  { matching, grid, keepsMatched }: Mask,
  ev: Evaluation,
): Promise<readonly Column[]> {
  const keyOf = matchingKey(matching);
  if (grid.count === 1) return filteredOnce(columns, partners, { keyOf, keepsMatched }, ev);
  const masks = await presenceByMatch(partners, keyOf, grid, ev);
  const result: Column[] = [];
  for (const column of columns) {
    const mask = masks.get(keyOf(column.labels));
    if (mask === undefined) {
      if (!keepsMatched) result.push(column);
      continue;
    }
    const wanted = keepsMatched ? 1 : 0;
    const present = new Uint8Array(grid.count);
    for (let i = 0; i < grid.count; i++) {
      present[i] = column.present[i] === 1 && mask[i] === wanted ? 1 : 0;
    }
    if (hasAny(present)) result.push({ ...column, present });
    if (ev.pacer.spend(grid.count + LABELS_WORK)) await ev.pacer.pause();
  }
  return result;
}

/** The same at one time, where a column is there or not. */
async function filteredOnce(
  columns: readonly Column[],
  partners: readonly Column[],
  { keyOf, keepsMatched }: Pick<Mask, 'keepsMatched'> & { readonly keyOf: ReturnType<typeof matchingKey> },
  ev: Evaluation,
): Promise<readonly Column[]> {
  const keys = new Set<string>();
  for (const { labels, present } of partners) {
    if (present[0] === 1) keys.add(keyOf(labels));
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  // Without partners there is nothing to look up.
  if (keys.size === 0) return keepsMatched ? [] : columns;
  const result: Column[] = [];
  for (const column of columns) {
    if (keys.has(keyOf(column.labels)) === keepsMatched) result.push(column);
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  return result;
}

async function presenceByMatch(
  columns: readonly Column[],
  keyOf: ReturnType<typeof matchingKey>,
  grid: Grid,
  ev: Evaluation,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const masks = new Map<string, Uint8Array>();
  for (const { labels, present } of columns) {
    const key = keyOf(labels);
    let mask = masks.get(key);
    if (mask === undefined) masks.set(key, (mask = new Uint8Array(grid.count)));
    for (let i = 0; i < grid.count; i++) if (present[i] === 1) mask[i] = 1;
    if (ev.pacer.spend(grid.count + LABELS_WORK)) await ev.pacer.pause();
  }
  return masks;
}
