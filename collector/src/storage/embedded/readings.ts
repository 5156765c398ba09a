/**
 * Readings of one sampler of one host, packed: a row of values per reading, many rows in one array. A block of its own for
 * each reading would cost several times the memory, and reading one series out of blocks several times the work.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { STATE, type Block } from './block.ts';

/** Readings of one schema with rising times. What it holds never changes. */
export interface ReadingRun {
  readonly schema: Schema;
  readonly timesMs: Float64Array;
  /** Positions of their records in the journal. */
  readonly positions: Float64Array;
  /** Row after row, one value per series of the schema. */
  readonly values: Float64Array;
  /** STATE in the same order; undefined when all are present. */
  readonly states: Uint8Array | undefined;
}

/** Rows that a chunk has room for: few at first, because some schemas are used only once. */
const CHUNK_ROWS = { FIRST: 2, MAX: 32 } as const;
/** Objects around the arrays of a chunk, about. */
const CHUNK_BYTES = 700;

/** Room for readings of one schema; times and positions rise from row to row. */
export class ReadingChunk {
  readonly schema: Schema;
  readonly bytes: number;
  /** Whether it was given up; then it waits only to be taken out of a queue. */
  isGone = false;
  readonly #capacity: number;
  readonly #timesMs: Float64Array;
  readonly #positions: Float64Array;
  readonly #values: Float64Array;
  readonly #states: Uint8Array | undefined;
  #length = 0;

  /** @param hasStates whether readings without some of the series can be taken in */
  constructor(schema: Schema, { capacity, hasStates }: { capacity: number; hasStates: boolean }) {
    const { seriesCount } = schema;
    this.schema = schema;
    this.#capacity = capacity;
    this.#timesMs = new Float64Array(capacity);
    this.#positions = new Float64Array(capacity);
    this.#values = new Float64Array(capacity * seriesCount);
    this.#states = hasStates ? new Uint8Array(capacity * seriesCount) : undefined;
    this.bytes = CHUNK_BYTES + capacity * (16 + seriesCount * (hasStates ? 9 : 8));
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get lastMs(): number {
    return this.#timesMs[this.#length - 1] ?? Number.NEGATIVE_INFINITY;
  }

  /** Takes in a reading behind all others. False when there is no room for it, or it does not belong there. */
  push(block: Block): boolean {
    const row = this.#length;
    if (row === this.#capacity || block.schema !== this.schema) return false;
    if (row > 0 && (block.timeMs <= this.lastMs || block.pos <= (this.#positions[row - 1] ?? 0)))
      return false;
    const { values, states } = block;
    if (states !== undefined && this.#states === undefined) return false;
    const at = row * this.schema.seriesCount;
    this.#timesMs[row] = block.timeMs;
    this.#positions[row] = block.pos;
    this.#values.set(values, at);
    if (states !== undefined) this.#states?.set(states, at);
    else this.#states?.fill(STATE.PRESENT, at, at + this.schema.seriesCount);
    this.#length++;
    return true;
  }

  /** How many rows stand before a reading of this time and position. */
  rowsBefore({ timeMs, pos }: Pick<Block, 'timeMs' | 'pos'>): number {
    let row = this.#length;
    while (row > 0 && !this.#isBefore(row - 1, timeMs, pos)) row--;
    return row;
  }

  /** Whether the reading stands here already. */
  has({ schema, timeMs, pos }: Block): boolean {
    const row = this.rowsBefore({ timeMs, pos });
    if (row === this.#length || schema !== this.schema) return false;
    return this.#timesMs[row] === timeMs && this.#positions[row] === pos;
  }

  /** A chunk with the rows from `low` on and before `high`, without room for more. */
  part(low: number, high: number): ReadingChunk {
    const part = new ReadingChunk(this.schema, {
      capacity: high - low,
      hasStates: this.#states !== undefined,
    });
    for (let row = low; row < high; row++) part.push(blockAt(this.#run(0, this.#length), row));
    return part;
  }

  /** The readings in a range of time, both ends inclusive, that were written up to a position. */
  run(fromMs: number, toMs: number, lastPos: number): ReadingRun | undefined {
    let high = this.#length;
    while (high > 0 && ((this.#timesMs[high - 1] ?? 0) > toMs || (this.#positions[high - 1] ?? 0) > lastPos))
      high--;
    let low = 0;
    while (low < high && (this.#timesMs[low] ?? 0) < fromMs) low++;
    return low === high ? undefined : this.#run(low, high);
  }

  #isBefore(row: number, timeMs: number, pos: number): boolean {
    const rowMs = this.#timesMs[row] ?? 0;
    return rowMs < timeMs || (rowMs === timeMs && (this.#positions[row] ?? 0) < pos);
  }

  #run(low: number, high: number): ReadingRun {
    const { seriesCount } = this.schema;
    return {
      schema: this.schema,
      timesMs: this.#timesMs.subarray(low, high),
      positions: this.#positions.subarray(low, high),
      values: this.#values.subarray(low * seriesCount, high * seriesCount),
      states: this.#states?.subarray(low * seriesCount, high * seriesCount),
    };
  }
}

/** What changed when a reading was taken in. */
interface Inserted {
  readonly made: readonly ReadingChunk[];
  readonly gone?: ReadingChunk;
}

const NOTHING_NEW: Inserted = { made: [] };

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

  /**
   * Takes in a reading; one that is here already counts once.
   * @returns chunks that were made for it, and the one that they replace
   */
  insert(block: Block): Inserted {
    let at = this.#chunks.length;
    // Nearly always it is the newest one.
    if (this.#chunks[at - 1]?.push(block) === true) return NOTHING_NEW;
    while (at > 0 && this.#chunks[at - 1]?.rowsBefore(block) === 0) at--;
    const before = this.#chunks[at - 1];
    // A chunk that begins with the reading itself comes after this place.
    if (before?.has(block) === true || this.#chunks[at]?.has(block) === true) return NOTHING_NEW;
    const row = before?.rowsBefore(block) ?? 0;
    if (before === undefined || row === before.length) {
      if (before?.push(block) === true) return NOTHING_NEW;
      const chunk = chunkFor(block, before);
      this.#chunks.splice(at, 0, chunk);
      return { made: [chunk] };
    }
    const made = [before.part(0, row), chunkFor(block, undefined), before.part(row, before.length)];
    this.#chunks.splice(at - 1, 1, ...made);
    before.isGone = true;
    return { made, gone: before };
  }

  /** Gives a chunk up: readings are complete only after it from now on. */
  remove(chunk: ReadingChunk): void {
    this.#chunks = this.#chunks.filter((other) => other !== chunk);
    chunk.isGone = true;
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
      const run = this.#chunks[at]?.run(fromMs, toMs, lastPos);
      if (run !== undefined) return blockAt(run, run.timesMs.length - 1);
    }
    return undefined;
  }
}

/** A row of a run as a block. Shares its arrays. */
function blockAt({ schema, timesMs, positions, values, states }: ReadingRun, row: number): Block {
  const low = row * schema.seriesCount;
  const high = low + schema.seriesCount;
  return {
    schema,
    timeMs: timesMs[row] ?? 0,
    pos: positions[row] ?? 0,
    values: values.subarray(low, high),
    states: states?.subarray(low, high),
  };
}

/** The rows of a run as blocks, in order. */
export function blocksOf(run: ReadingRun): Block[] {
  return Array.from(run.timesMs, (_, row) => blockAt(run, row));
}

/** A chunk that begins with the block. Where a schema stays in use chunks grow. */
function chunkFor(block: Block, before: ReadingChunk | undefined): ReadingChunk {
  const isSame = before?.schema === block.schema && before.length === before.capacity;
  const capacity = isSame ? Math.min(CHUNK_ROWS.MAX, before.capacity * 2) : CHUNK_ROWS.FIRST;
  const chunk = new ReadingChunk(block.schema, { capacity, hasStates: block.states !== undefined });
  chunk.push(block);
  return chunk;
}
