/**
 * The readings of one host by one schema on their way into a group, with a column per series. The decoder of records puts
 * values where they stay, column by column. Readings of one time become one row, so that each sample stands in it once.
 */
import type { RowPlace } from '@rollcall/shared/protocol/samples.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { STATE } from '../blocks/block.ts';
import type { Column, GroupColumns } from '../format/group.ts';

/** Rows in a line of the processor's cache. */
const LINE_ROWS = 8;
/**
 * Rows that there is room for at first. Columns always begin an odd number of lines apart: then the values of one row,
 * which are written together, do not drive each other out of the cache.
 */
const ROWS_AT_FIRST = 7 * LINE_ROWS;

/** A group with the schema that it is of. */
export interface SchemaGroup {
  readonly schema: HashedSchema;
  readonly group: GroupColumns;
}

/** Times and positions of a record. */
interface Reading {
  /** Of the reading, UTC milliseconds. */
  readonly timeMs: number;
  /** Position of its record in the journal. */
  readonly pos: number;
}

export class TickColumns {
  readonly #schema: HashedSchema;
  /** Rows that there is room for in each column. */
  #capacity = ROWS_AT_FIRST;
  #rowCount = 0;
  #timesMs = new Float64Array(ROWS_AT_FIRST);
  #positions = new Float64Array(ROWS_AT_FIRST);
  /** One column behind the other. */
  #values: Float64Array;
  /** Likewise; undefined while every series had a value in every row. */
  #states: Uint8Array | undefined;
  #isRising = true;

  constructor(schema: HashedSchema) {
    this.#schema = schema;
    this.#values = new Float64Array(schema.seriesCount * ROWS_AT_FIRST);
  }

  /**
   * Makes room for a row, which the caller fills before the next one.
   * @param present 1 per series that has a value in it; undefined when all have
   */
  addRow({ timeMs, pos }: Reading, present: Uint8Array | undefined): RowPlace {
    if (this.#rowCount === this.#capacity) this.#grow();
    const row = this.#rowCount++;
    if (row > 0 && timeMs <= (this.#timesMs[row - 1] ?? 0)) this.#isRising = false;
    this.#timesMs[row] = timeMs;
    this.#positions[row] = pos;
    if (present !== undefined) this.#noteAbsent(row, present);
    return { values: this.#values, at: row, step: this.#capacity };
  }

  /** All rows with strictly rising times; undefined when there are none. Views of memory that the next row may change. */
  group(hostId: string): GroupColumns | undefined {
    if (this.#rowCount === 0) return undefined;
    const { hash: schemaHash, seriesCount } = this.#schema;
    const rows = this.#isRising ? undefined : this.#rowsByTime();
    const timesMs =
      rows === undefined
        ? this.#timesMs.subarray(0, this.#rowCount)
        : Float64Array.from(rows, ([first]) => this.#timesMs[first] ?? 0);
    const columns = Array.from({ length: seriesCount }, (_, index) => {
      const column = this.#column(index);
      return rows === undefined ? column : overlaid(column, rows);
    });
    // A reading of no series at all still ends those that were there before.
    if (columns.length === 0) columns.push(emptyColumn(timesMs.length));
    return { hostId, schemaHash, timesMs, columns };
  }

  #column(index: number): Column {
    const from = index * this.#capacity;
    const to = from + this.#rowCount;
    const states = this.#states?.subarray(from, to);
    return {
      states: states?.includes(STATE.ABSENT) === true ? states : undefined,
      streams: [this.#values.subarray(from, to)],
    };
  }

  #noteAbsent(row: number, present: Uint8Array): void {
    const states = (this.#states ??= new Uint8Array(this.#values.length).fill(STATE.PRESENT));
    for (let index = 0; index < present.length; index++) {
      if (present[index] !== 1) states[index * this.#capacity + row] = STATE.ABSENT;
    }
  }

  #grow(): void {
    const before = this.#capacity;
    const after = before * 2 + LINE_ROWS;
    const { seriesCount } = this.#schema;
    const timesMs = new Float64Array(after);
    timesMs.set(this.#timesMs);
    const positions = new Float64Array(after);
    positions.set(this.#positions);
    const values = new Float64Array(seriesCount * after);
    copyColumns(this.#values, values, { before, after });
    if (this.#states !== undefined) {
      const states = new Uint8Array(values.length).fill(STATE.PRESENT);
      copyColumns(this.#states, states, { before, after });
      this.#states = states;
    }
    this.#timesMs = timesMs;
    this.#positions = positions;
    this.#values = values;
    this.#capacity = after;
  }

  /** The rows of each time, times rising; those of one time in the order of their records. */
  #rowsByTime(): readonly (readonly [first: number, ...others: number[]])[] {
    const time = (row: number): number => this.#timesMs[row] ?? 0;
    const position = (row: number): number => this.#positions[row] ?? 0;
    const order = Array.from({ length: this.#rowCount }, (_, row) => row);
    order.sort((left, right) => time(left) - time(right) || position(left) - position(right));
    const rows: [number, ...number[]][] = [];
    for (const row of order) {
      const last = rows.at(-1);
      if (last !== undefined && time(last[0]) === time(row)) last.push(row);
      else rows.push([row]);
    }
    return rows;
  }
}

/** Copies columns of `before` rows to where columns of `after` rows begin. */
function copyColumns(
  source: Float64Array | Uint8Array,
  target: Float64Array | Uint8Array,
  { before, after }: { readonly before: number; readonly after: number },
): void {
  for (let from = 0, to = 0; from < source.length; from += before, to += after)
    target.set(source.subarray(from, from + before), to);
}

/** A column with one row for each list of rows: the first of them that has a value gives it. */
function overlaid({ states, streams: [values] }: Column, rows: readonly (readonly number[])[]): Column {
  const chosen = rows.map((list) =>
    list.find((row) => states === undefined || states[row] === STATE.PRESENT),
  );
  return {
    states: chosen.includes(undefined)
      ? Uint8Array.from(chosen, (row) => (row === undefined ? STATE.ABSENT : STATE.PRESENT))
      : undefined,
    streams: [Float64Array.from(chosen, (row) => (row === undefined ? 0 : (values?.[row] ?? 0)))],
  };
}

function emptyColumn(rowCount: number): Column {
  return { states: new Uint8Array(rowCount), streams: [new Float64Array(rowCount)] };
}
