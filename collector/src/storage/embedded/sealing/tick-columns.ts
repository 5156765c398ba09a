/**
 * Turns the blocks of readings of one host into groups: one per schema, with a column per series. Readings of one schema
 * and time become one row, so that each sample stands in it once.
 */
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { STATE, type Block } from '../block.ts';
import type { Column, GroupColumns } from '../format/group.ts';

/** Columns that are filled together: the values of one row in a line of the cache. */
const COLUMNS_AT_ONCE = 8;

/** A group with the schema that it is of. */
export interface SchemaGroup {
  readonly schema: HashedSchema;
  readonly group: GroupColumns;
}

/**
 * Groups in the order in which their schemas appear. The arrays belong to the caller.
 * @param rowsOf readings per schema, in any order
 */
export function* toGroups(
  hostId: string,
  rowsOf: ReadonlyMap<HashedSchema, readonly Block[]>,
): Generator<SchemaGroup> {
  for (const [schema, rows] of rowsOf) {
    if (rows.length === 0) continue;
    const merged = mergeRows(rows);
    yield { schema, group: toGroup(hostId, schema, merged) };
  }
}

/**
 * Rows with strictly rising times. Of readings of one time a value beats a stale marker, and of several values that of
 * the record that came first counts.
 */
function mergeRows(rows: readonly Block[]): readonly Block[] {
  const sorted = isRising(rows)
    ? rows
    : rows.toSorted((left, right) => left.timeMs - right.timeMs || left.pos - right.pos);
  const merged: Block[] = [];
  for (const row of sorted) {
    const last = merged.at(-1);
    if (last?.timeMs === row.timeMs) merged[merged.length - 1] = overlaid(last, row);
    else merged.push(row);
  }
  return merged;
}

function isRising(rows: readonly Block[]): boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const { timeMs } of rows) {
    if (timeMs <= lastMs) return false;
    lastMs = timeMs;
  }
  return true;
}

/** `first`, and from `second` what it lacks. */
function overlaid(first: Block, second: Block): Block {
  const { states: firstStates } = first;
  if (firstStates === undefined) return first;
  const values = first.values.slice();
  const states = firstStates.slice();
  for (let i = 0; i < states.length; i++) {
    const other = second.states === undefined ? STATE.PRESENT : (second.states[i] ?? STATE.ABSENT);
    if (states[i] === STATE.PRESENT || other === STATE.ABSENT) continue;
    if (states[i] === STATE.STALE && other === STATE.STALE) continue;
    states[i] = other;
    values[i] = second.values[i] ?? Number.NaN;
  }
  return { ...first, values, states };
}

function toGroup(hostId: string, schema: HashedSchema, rows: readonly Block[]): GroupColumns {
  const timesMs = Float64Array.from(rows, ({ timeMs }) => timeMs);
  const hasStates = rows.some(({ states }) => states !== undefined);
  const values = transpose(rows, schema.seriesCount);
  const columns = values.map((column, index) => toColumn(rows, index, { values: column, hasStates }));
  // A reading of no series at all still ends those that were there before.
  if (columns.length === 0) columns.push(emptyColumn(rows.length));
  return { hostId, schemaHash: schema.hash, timesMs, columns };
}

/** The values of the rows, column by column; some columns at a time, which is what a processor has at hand. */
function transpose(rows: readonly Block[], seriesCount: number): readonly Float64Array[] {
  const columns = Array.from({ length: seriesCount }, () => new Float64Array(rows.length));
  const rowValues = rows.map(({ values }) => values);
  for (let from = 0; from < seriesCount; from += COLUMNS_AT_ONCE) {
    const some = columns.slice(from, from + COLUMNS_AT_ONCE);
    for (const [row, values] of rowValues.entries()) {
      for (let i = 0; i < some.length; i++) {
        const column = some[i];
        if (column !== undefined) column[row] = values[from + i] ?? Number.NaN;
      }
    }
  }
  return columns;
}

function toColumn(
  rows: readonly Block[],
  index: number,
  { values, hasStates }: { readonly values: Float64Array; readonly hasStates: boolean },
): Column {
  if (!hasStates) return { states: undefined, streams: [values] };
  const states = new Uint8Array(rows.length);
  let isComplete = true;
  for (let row = 0; row < rows.length; row++) {
    const all = rows[row]?.states;
    const state = all === undefined ? STATE.PRESENT : (all[index] ?? STATE.ABSENT);
    states[row] = state;
    if (state !== STATE.PRESENT) isComplete = false;
  }
  return { states: isComplete ? undefined : states, streams: [values] };
}

function emptyColumn(rowCount: number): Column {
  return { states: new Uint8Array(rowCount), streams: [new Float64Array(rowCount)] };
}
