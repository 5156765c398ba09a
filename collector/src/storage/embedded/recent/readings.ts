/**
 * Readings of one sampler of one host, packed: a row of values per reading, many rows in one array. A block of its own for
 * each reading would cost several times the memory, and reading one series out of blocks several times the work. Long, because
 * a chunk, what is read of it and the list of chunks are one idea.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { STATE, type Block } from '../blocks/block.ts';
import { PackedRows } from './packed-rows.ts';
import { Pieces } from './pieces.ts';

/** Rows of a chunk: few at first, because some schemas are used only once. */
const CHUNK_ROWS = { FIRST: 2, MAX: 32 } as const;
/** The newest rows, which are not packed yet. */
const TAIL_ROWS_MAX = 4;
/** Objects around the numbers of a chunk, as measured. */
const CHUNK_BYTES = 500;
/** What the engine and the C library need besides for memory that a chunk has of its own: its states, and its rows at the end. */
const OWN_MEMORY_BYTES = 400;

/**
 * Where the newest rows of all chunks stand, and packed rows that the next ones are added to: both go after some rows, in the
 * order in which they came, so that a piece does not linger. Memory of its own for each would take as much again.
 */
const passing = new Pieces();
/** Where late rows stand, with what they split: both stay as long as others there, and are too few for memory of their own. */
const parts = new Pieces();
/** What stands before the values of a row: its time and its position. */
const ROW_HEAD = 2;

/** Readings of one schema with rising times. What it holds never changes. */
export class ReadingRun {
  readonly schema: Schema;
  readonly timesMs: Float64Array;
  /** STATE row after row, one per series of the schema; undefined when all are present. */
  readonly states: Uint8Array | undefined;
  readonly #rows: Rows;
  readonly #low: number;

  constructor(schema: Schema, rows: Rows, { low, high, states }: Part) {
    this.schema = schema;
    this.states = states;
    this.#rows = rows;
    this.#low = low;
    this.timesMs = new Float64Array(high - low);
    copyColumn(rows, 0, this.timesMs, { low, high, at: 0 });
  }

  /** Puts the values of a series into `target` from `at` on. */
  copySeries(index: number, target: Float64Array, at = 0): void {
    const high = this.#low + this.timesMs.length;
    copyColumn(this.#rows, ROW_HEAD + index, target, { low: this.#low, high, at });
  }

  /** One value of a series. */
  valueAt(index: number, row: number): number {
    return numberAt(this.#rows, this.#low + row, ROW_HEAD + index);
  }

  /** A row as a block. */
  blockAt(row: number): Block {
    const { schema, states } = this;
    const { seriesCount } = schema;
    const values = Float64Array.from({ length: seriesCount }, (_, index) => this.valueAt(index, row));
    return {
      schema,
      timeMs: this.timesMs[row] ?? 0,
      pos: numberAt(this.#rows, this.#low + row, 1),
      values,
      states: states?.subarray(row * seriesCount, (row + 1) * seriesCount),
    };
  }
}

/** Rows of time, position and values: the older ones packed, the newest one after another. Both only ever replaced. */
interface Rows {
  readonly packed: PackedRows | undefined;
  /** Memory in which the newest ones stand from `tailAt` on and before `tailEnd`, beside those of others. */
  readonly tail: Float64Array;
  readonly tailAt: number;
  readonly tailEnd: number;
  readonly stride: number;
}

interface Part {
  readonly low: number;
  readonly high: number;
  /** Of these rows. */
  readonly states: Uint8Array | undefined;
}

/** Room for readings of one schema; times and positions rise from row to row. */
export class ReadingChunk {
  readonly schema: Schema;
  /** Whether it was given up; then it waits only to be taken out of a queue. */
  isGone = false;
  #capacity: number;
  #states: Uint8Array | undefined;
  #rows: Rows;
  #length = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #lastPos = Number.NEGATIVE_INFINITY;

  /** @param hasStates whether readings without some of the series can be taken in */
  constructor(schema: Schema, { capacity, hasStates }: { capacity: number; hasStates: boolean }) {
    this.schema = schema;
    this.#capacity = capacity;
    this.#states = hasStates ? new Uint8Array(capacity * schema.seriesCount) : undefined;
    this.#rows = withTail(undefined, schema, capacity);
  }

  /** A chunk of readings of its schema, packed at once. @param blocks times and positions rise */
  static of(schema: Schema, blocks: readonly Block[]): ReadingChunk {
    const hasStates = blocks.some(({ states }) => states !== undefined);
    const chunk = new ReadingChunk(schema, { capacity: 0, hasStates: false });
    const stride = ROW_HEAD + schema.seriesCount;
    const rowCount = blocks.length;
    const values = blocks.map((block) => block.values);
    const source = {
      columnCount: stride,
      rowCount,
      powers: powersOf(schema),
      copyColumn(column: number, target: Float64Array, at: number): void {
        for (let row = 0; row < rowCount; row++) {
          if (column === 0) target[at + row] = blocks[row]?.timeMs ?? 0;
          else if (column === 1) target[at + row] = blocks[row]?.pos ?? 0;
          else target[at + row] = values[row]?.[column - ROW_HEAD] ?? Number.NaN;
        }
      },
    };
    chunk.#rows = { packed: new PackedRows(source), ...NO_TAIL, stride };
    if (hasStates) {
      const all = new Uint8Array(rowCount * schema.seriesCount).fill(STATE.PRESENT);
      for (const [row, { states }] of blocks.entries())
        if (states !== undefined) all.set(states, row * schema.seriesCount);
      chunk.#states = all;
    }
    chunk.#capacity = rowCount;
    chunk.#length = rowCount;
    chunk.#lastMs = blocks.at(-1)?.timeMs ?? Number.NEGATIVE_INFINITY;
    chunk.#lastPos = blocks.at(-1)?.pos ?? Number.NEGATIVE_INFINITY;
    return chunk;
  }

  /** Gives it up with its memory: it may wait long in that queue. Runs that were read out of it stay what they are. */
  leave(): void {
    this.isGone = true;
    this.#rows = { packed: undefined, ...NO_TAIL, stride: this.#rows.stride };
    this.#states = undefined;
    this.#length = 0;
  }

  /** Memory that it takes, about; changes when it takes something in. */
  get bytes(): number {
    const { packed, tailAt, tailEnd } = this.#rows;
    const statesBytes = this.#states === undefined ? 0 : OWN_MEMORY_BYTES + this.#states.byteLength;
    const packedBytes = packed === undefined ? 0 : packed.bytes + (packed.isAlone ? OWN_MEMORY_BYTES : 0);
    return CHUNK_BYTES + (tailEnd - tailAt) * Float64Array.BYTES_PER_ELEMENT + packedBytes + statesBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Of a chunk with rows. */
  get firstMs(): number {
    return this.#timeAt(0);
  }

  get lastMs(): number {
    return this.#lastMs;
  }

  /** Takes in a reading behind all others. False when there is no room for it, or it does not belong there. */
  push(block: Block): boolean {
    const row = this.#length;
    const { schema, timeMs, pos } = block;
    if (row === CHUNK_ROWS.MAX || schema !== this.schema) return false;
    if (timeMs <= this.#lastMs || pos <= this.#lastPos) return false;
    const { values, states } = block;
    if (states !== undefined && this.#states === undefined) return false;
    if (row === this.#capacity) this.#grow();
    this.#makeRoom();
    const { packed, tail, tailAt, stride } = this.#rows;
    const at = tailAt + (row - (packed?.rowCount ?? 0)) * stride;
    tail[at] = timeMs;
    tail[at + 1] = pos;
    tail.set(values, at + ROW_HEAD);
    const { seriesCount } = schema;
    if (states !== undefined) this.#states?.set(states, row * seriesCount);
    else this.#states?.fill(STATE.PRESENT, row * seriesCount, (row + 1) * seriesCount);
    this.#length++;
    this.#lastMs = timeMs;
    this.#lastPos = pos;
    return true;
  }

  /**
   * Packs all rows, for as long as the chunk stays: no more are expected.
   * @param pieces where to put them; absent for memory of its own
   */
  pack(pieces?: Pieces): void {
    const { packed, stride } = this.#rows;
    if (packed?.rowCount === this.#length) return;
    this.#rows = { packed: this.#packed(pieces), ...NO_TAIL, stride };
  }

  /** How many rows stand before a reading of this time and position. */
  rowsBefore({ timeMs, pos }: Pick<Block, 'timeMs' | 'pos'>): number {
    if (isBefore(this.#lastMs, this.#lastPos, { timeMs, pos })) return this.#length;
    let row = this.#length;
    while (row > 0 && !isBefore(this.#timeAt(row - 1), this.#posAt(row - 1), { timeMs, pos })) row--;
    return row;
  }

  /** Whether the reading stands here already. */
  has({ schema, timeMs, pos }: Block): boolean {
    const row = this.rowsBefore({ timeMs, pos });
    if (row === this.#length || schema !== this.schema) return false;
    return this.#timeAt(row) === timeMs && this.#posAt(row) === pos;
  }

  /** A chunk with the rows from `low` on and before `high`; it grows when more is pushed. */
  part(low: number, high: number): ReadingChunk {
    const capacity = high - low;
    const part = new ReadingChunk(this.schema, { capacity, hasStates: this.#states !== undefined });
    const run = this.#run(low, high);
    for (let row = 0; row < capacity; row++) part.push(run.blockAt(row));
    return part;
  }

  /** The readings in a range of time, both ends inclusive, that were written up to a position. */
  run(fromMs: number, toMs: number, lastPos: number): ReadingRun | undefined {
    const high = this.#rowsUpTo(toMs, lastPos);
    let low = 0;
    for (let end = high; low < end;) {
      const middle = (low + end) >> 1;
      if (this.#timeAt(middle) < fromMs) low = middle + 1;
      else end = middle;
    }
    return low === high ? undefined : this.#run(low, high);
  }

  /** The newest reading of those that `run` gives. Its arrays may be shared. */
  newest(fromMs: number, toMs: number, lastPos: number): Block | undefined {
    const row = this.#rowsUpTo(toMs, lastPos) - 1;
    if (row < 0 || this.#timeAt(row) < fromMs) return undefined;
    const { packed, tail, tailAt, stride } = this.#rows;
    const packedRows = packed?.rowCount ?? 0;
    if (row < packedRows) return this.#run(row, row + 1).blockAt(0);
    const at = tailAt + (row - packedRows) * stride;
    const { schema } = this;
    const { seriesCount } = schema;
    return {
      schema,
      timeMs: tail[at] ?? 0,
      pos: tail[at + 1] ?? 0,
      values: tail.subarray(at + ROW_HEAD, at + stride),
      states: this.#states?.subarray(row * seriesCount, (row + 1) * seriesCount),
    };
  }

  /** Packs the newest rows when there is no room for one more beside them. */
  #makeRoom(): void {
    const { tailAt, tailEnd, stride, packed } = this.#rows;
    const tailRows = this.#length - (packed?.rowCount ?? 0);
    if ((tailRows + 1) * stride <= tailEnd - tailAt) return;
    const all = tailRows === 0 ? packed : this.#packed(passing);
    this.#rows = withTail(all, this.schema, this.#capacity - this.#length);
  }

  /** Room for more rows: states take their memory at once, the others only as they come. */
  #grow(): void {
    const states = this.#states;
    this.#capacity = states === undefined ? CHUNK_ROWS.MAX : Math.min(CHUNK_ROWS.MAX, this.#capacity * 2);
    if (states === undefined) return;
    // A new one, for runs that were read have views of the old one.
    this.#states = new Uint8Array(this.#capacity * this.schema.seriesCount);
    this.#states.set(states);
  }

  #packed(pieces: Pieces | undefined): PackedRows {
    const rows = this.#rows;
    const rowCount = this.#length;
    const place = { low: 0, high: rowCount, at: 0 };
    const source = {
      columnCount: rows.stride,
      rowCount,
      powers: powersOf(this.schema),
      copyColumn(column: number, target: Float64Array, at: number): void {
        place.at = at;
        copyColumn(rows, column, target, place);
      },
    };
    return new PackedRows(source, pieces);
  }

  #rowsUpTo(toMs: number, lastPos: number): number {
    if (this.#lastMs <= toMs && this.#lastPos <= lastPos) return this.#length;
    let high = this.#length;
    while (high > 0 && (this.#timeAt(high - 1) > toMs || this.#posAt(high - 1) > lastPos)) high--;
    return high;
  }

  #timeAt(row: number): number {
    return numberAt(this.#rows, row, 0);
  }

  #posAt(row: number): number {
    return numberAt(this.#rows, row, 1);
  }

  #run(low: number, high: number): ReadingRun {
    const { seriesCount } = this.schema;
    const states = this.#states?.subarray(low * seriesCount, high * seriesCount);
    return new ReadingRun(this.schema, this.#rows, { low, high, states });
  }
}

const NO_TAIL = { tail: new Float64Array(0), tailAt: 0, tailEnd: 0 } as const;

function withTail(packed: PackedRows | undefined, schema: Schema, rowsMax: number): Rows {
  const stride = ROW_HEAD + schema.seriesCount;
  const count = Math.min(TAIL_ROWS_MAX, rowsMax) * stride;
  const { floats, at } = passing.take(count);
  return { packed, tail: floats, tailAt: at, tailEnd: at + count, stride };
}

function copyColumn(
  { packed, tail, tailAt, stride }: Rows,
  column: number,
  target: Float64Array,
  { low, high, at }: { readonly low: number; readonly high: number; readonly at: number },
): void {
  const packedRows = packed?.rowCount ?? 0;
  const tailLow = Math.max(low, packedRows);
  if (low < packedRows) packed?.copyColumn(column, target, { low, high: Math.min(high, packedRows), at });
  let from = tailAt + (tailLow - packedRows) * stride + column;
  for (let to = at + tailLow - low; to < at + high - low; to++, from += stride)
    target[to] = tail[from] ?? Number.NaN;
}

const ONE = new Float64Array(1);

function numberAt(rows: Rows, row: number, column: number): number {
  copyColumn(rows, column, ONE, { low: row, high: row + 1, at: 0 });
  return ONE[0] ?? Number.NaN;
}

function isBefore(rowMs: number, rowPos: number, { timeMs, pos }: Pick<Block, 'timeMs' | 'pos'>): boolean {
  return rowMs < timeMs || (rowMs === timeMs && rowPos < pos);
}

const POWERS = new WeakMap<Schema, Float64Array>();

/** What makes whole numbers of the columns of a row. */
function powersOf(schema: Schema): Float64Array {
  let powers = POWERS.get(schema);
  if (powers === undefined) {
    powers = new Float64Array(ROW_HEAD + schema.seriesCount).fill(1);
    let from = ROW_HEAD;
    for (const { scale, series } of schema.metrics) {
      powers.fill(10 ** scale, from, from + series.length);
      from += series.length;
    }
    POWERS.set(schema, powers);
  }
  return powers;
}

/** What changed when a reading was taken in. */
export interface Inserted {
  /** Chunks that were made for it, and the one that they replace. */
  readonly made: readonly ReadingChunk[];
  readonly gone?: ReadingChunk;
  /** How much more memory all chunks take. */
  readonly bytes: number;
}

const NOTHING_NEW: Inserted = { made: [], bytes: 0 };

/** Readings of one sampler of one host, in order of time and position, however they arrive. */
export class Readings {
  /** Every reading from this time on is here. */
  fromMs: number;
  /** Position of the newest reading that came too late to be taken in. */
  latePos = 0;
  #chunks: ReadingChunk[] = [];

  constructor(fromMs: number) {
    this.fromMs = fromMs;
  }

  /** Takes in a reading; one that is here already counts once. */
  insert(block: Block): Inserted {
    let at = this.#chunks.length;
    // Nearly always it is the newest one.
    const last = this.#chunks[at - 1];
    const grown = last === undefined ? undefined : pushed(last, block);
    if (grown !== undefined) return grown;
    while (at > 0 && this.#chunks[at - 1]?.rowsBefore(block) === 0) at--;
    const before = this.#chunks[at - 1];
    // A chunk that begins with the reading itself comes after this place.
    if (before?.has(block) === true || this.#chunks[at]?.has(block) === true) return NOTHING_NEW;
    if (before === undefined || before.rowsBefore(block) === before.length) {
      const pushedBefore = before === undefined ? undefined : pushed(before, block);
      if (pushedBefore !== undefined) return pushedBefore;
      const bytesBefore = before?.bytes ?? 0;
      const chunk = chunkFor(block, before);
      before?.pack();
      this.#chunks.splice(at, 0, chunk);
      return { made: [chunk], bytes: chunk.bytes + (before?.bytes ?? 0) - bytesBefore };
    }
    const row = before.rowsBefore(block);
    const made = [before.part(0, row), chunkFor(block, undefined), before.part(row, before.length)];
    this.#chunks.splice(at - 1, 1, ...made);
    // Nothing else packs what stands before another chunk, and unpacked it would hold up what passes for as long as it stays.
    for (const chunk of made) if (chunk !== this.#chunks.at(-1)) chunk.pack(parts);
    const more = made.reduce((sum, { bytes }) => sum + bytes, -before.bytes);
    before.leave();
    return { made, gone: before, bytes: more };
  }

  /**
   * Takes in readings before all that are here, at less cost than one by one.
   * @returns the chunks that were made; undefined when nothing was taken in, because they overlap with these or each other
   */
  prepend(blocks: readonly Block[]): readonly ReadingChunk[] | undefined {
    for (const [at, { timeMs, pos }] of blocks.entries()) {
      const next = blocks[at + 1];
      if (
        next === undefined
          ? timeMs >= (this.oldest?.firstMs ?? Infinity)
          : timeMs >= next.timeMs || pos >= next.pos
      )
        return undefined;
    }
    const made: ReadingChunk[] = [];
    let at = 0;
    for (let first = blocks[at]; first !== undefined; first = blocks[at]) {
      const { schema } = first;
      let end = at;
      while (end < at + CHUNK_ROWS.MAX && blocks[end]?.schema === schema) end++;
      made.push(ReadingChunk.of(schema, blocks.slice(at, end)));
      at = end;
    }
    this.#chunks = [...made, ...this.#chunks];
    return made;
  }

  /** Gives a chunk up: readings are complete only after it from now on. */
  remove(chunk: ReadingChunk): void {
    this.#chunks = this.#chunks.filter((other) => other !== chunk);
    chunk.leave();
    this.fromMs = Math.max(this.fromMs, chunk.lastMs + 1);
  }

  get oldest(): ReadingChunk | undefined {
    return this.#chunks[0];
  }

  /** Readings of a range that had been written up to a position, in order of time. */
  runs(fromMs: number, toMs: number, lastPos: number): ReadingRun[] {
    const runs: ReadingRun[] = [];
    for (const chunk of this.#chunks) {
      if (chunk.lastMs < fromMs) continue;
      const run = chunk.run(fromMs, toMs, lastPos);
      if (run !== undefined) runs.push(run);
    }
    return runs;
  }

  /** The newest reading of those that `runs` gives. */
  newest(fromMs: number, toMs: number, lastPos: number): Block | undefined {
    for (let at = this.#chunks.length - 1; at >= 0; at--) {
      const newest = this.#chunks[at]?.newest(fromMs, toMs, lastPos);
      if (newest !== undefined) return newest;
    }
    return undefined;
  }
}

/** Undefined when the chunk does not take the reading. */
function pushed(chunk: ReadingChunk, block: Block): Inserted | undefined {
  const { bytes } = chunk;
  if (!chunk.push(block)) return undefined;
  const more = chunk.bytes - bytes;
  return more === 0 ? NOTHING_NEW : { made: [], bytes: more };
}

/** The rows of a run as blocks, in order. */
export function blocksOf(run: ReadingRun): Block[] {
  return Array.from(run.timesMs, (_, row) => run.blockAt(row));
}

/** A chunk that begins with the block. After one that is full of the same schema it will be full as well. */
function chunkFor(block: Block, before: ReadingChunk | undefined): ReadingChunk {
  const isInUse = before?.schema === block.schema && before.length === CHUNK_ROWS.MAX;
  const capacity = isInUse ? CHUNK_ROWS.MAX : CHUNK_ROWS.FIRST;
  const chunk = new ReadingChunk(block.schema, { capacity, hasStates: block.states !== undefined });
  chunk.push(block);
  return chunk;
}
