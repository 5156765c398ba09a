/**
 * Long arrays that were put together of the parts of block files and of recent columns, kept from read to read. A chart of a day
 * asks for nearly the same rows with each refresh: its beginning moves on, and a few rows come behind its end. Putting
 * them together anew makes so much garbage outside of the heap that the engine goes through all of a thread's memory every
 * few hundred charts.
 */
import { JoinedRows } from './joined-rows.ts';
import type { HostGroup } from '../blocks/stored-groups.ts';

/** Shorter arrays are put together as quickly as they are found. */
const ROWS_MIN = 512;
/** Arrays that begin in the same memory: rows of one value are shared by many series. */
const RUNS_PER_START = 4;
/** Room for rows that come later, as a part of those that are there. */
const SPARE_RATIO = 1 / 16;

/** One behind the other, in an array that has room at its end. Rows are only ever written behind the last one. */
class Run {
  /** As they were when they were last seen; each ends where the next one begins. */
  readonly #parts: Float64Array[] = [];
  readonly #room: Float64Array<ArrayBuffer>;
  #length = 0;
  /** What was asked for last: who asks for the same rows gets the same array, by which others know them. */
  #newest: { readonly low: number; readonly all: Float64Array } | undefined;

  constructor(parts: readonly Float64Array[], length: number) {
    this.#room = new Float64Array(length + Math.ceil(length * SPARE_RATIO));
    for (const part of parts) this.#append(part, part);
  }

  /** Memory that it takes, and that its parts take as long as it is kept. */
  get bytes(): number {
    const memories = new Set(this.#parts.map(({ buffer }) => buffer));
    return [...memories].reduce((sum, { byteLength }) => sum + byteLength, this.#room.byteLength);
  }

  /** The rows of these parts; undefined when they are not what it is made of, or do not fit behind that. */
  of(parts: readonly Float64Array[]): Float64Array | undefined {
    const [first] = parts;
    const low = first === undefined ? -1 : beginsWith(this.#parts[0], first);
    if (first === undefined || low < 0) return undefined;
    let high = low;
    let isLast = false;
    const added: { readonly whole: Float64Array; readonly rows: Float64Array; readonly at: number }[] = [];
    for (const [at, part] of parts.entries()) {
      // Behind a part that ends before its known end nothing else may come.
      if (isLast) return undefined;
      const known = this.#parts[at];
      const from = at === 0 ? low : 0;
      if (known === undefined) {
        added.push({ whole: part, rows: part, at });
      } else if (at > 0 && beginsWith(known, part) !== 0) {
        return undefined;
      } else {
        const knownLength = known.length - from;
        if (part.length < knownLength) isLast = true;
        if (part.length > knownLength) {
          if (at < this.#parts.length - 1) return undefined;
          const whole = new Float64Array(known.buffer, known.byteOffset, from + part.length);
          added.push({ whole, rows: part.subarray(knownLength), at });
        }
      }
      high += part.length;
    }
    if (high > this.#room.length) return undefined;
    for (const { whole, rows, at } of added) {
      if (at < this.#parts.length) this.#parts.pop();
      this.#append(whole, rows);
    }
    if (this.#newest?.low !== low || this.#newest.all.length !== high - low)
      this.#newest = { low, all: this.#room.subarray(low, high) };
    return this.#newest.all;
  }

  #append(part: Float64Array, rows: Float64Array): void {
    this.#parts.push(part);
    this.#room.set(rows, this.#length);
    this.#length += rows.length;
  }
}

/** How many rows of `known` are before the first one of `part`; negative when that does not stand in it. */
function beginsWith(known: Float64Array | undefined, part: Float64Array): number {
  if (known?.buffer !== part.buffer) return -1;
  const rows = (part.byteOffset - known.byteOffset) / Float64Array.BYTES_PER_ELEMENT;
  return rows < known.length ? rows : -1;
}

/** In two halves: what is not used while the newer one fills is forgotten. */
export class JoinedMemory {
  readonly #halfBytes: number;
  /** By the memory that they begin in. */
  #newer = new Map<ArrayBufferLike, readonly Run[]>();
  #older: ReadonlyMap<ArrayBufferLike, readonly Run[]> = new Map();
  /** By the first of the groups that they are made of. */
  #newerRows = new Map<HostGroup, JoinedRows>();
  #olderRows: ReadonlyMap<HostGroup, JoinedRows> = new Map();
  #newerBytes = 0;

  /** @param bytesMax of all that is kept, the memory of parts that stands nowhere else any more included */
  constructor(bytesMax: number) {
    this.#halfBytes = bytesMax / 2;
  }

  /** What one read may have of it, in bytes of its arrays: with what they are made of that is half of the newer half. */
  get bytesPerRead(): number {
    return this.#halfBytes / 4;
  }

  /**
   * All parts, one behind the other; not to be changed. Equal parts give the same array as the time before.
   * @param parts whose rows never change: they are known by where they stand
   * @returns undefined when this is not worth remembering
   */
  of(parts: readonly Float64Array[]): Float64Array | undefined {
    const [first] = parts;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (first === undefined || first.length === 0 || length < ROWS_MIN) return undefined;
    const newer = this.#newer.get(first.buffer) ?? [];
    for (const run of newer) {
      const all = run.of(parts);
      if (all !== undefined) return all;
    }
    for (const run of this.#older.get(first.buffer) ?? []) {
      const all = run.of(parts);
      if (all === undefined) continue;
      this.#keep(first.buffer, run);
      return all;
    }
    const run = new Run(parts, length);
    // A single one would push out all others.
    if (run.bytes > this.#halfBytes) return undefined;
    this.#keep(first.buffer, run);
    return run.of(parts);
  }

  /**
   * All rows of these groups as one; undefined where they cannot be read as such, or are too few to be worth it.
   * @param groups of one host and sampler, in order of their files
   */
  rows(groups: readonly HostGroup[]): JoinedRows | undefined {
    const [first] = groups;
    if (first === undefined || groups.length < 2) return undefined;
    const newer = this.#newerRows.get(first);
    if (newer?.isOf(groups) === true) return newer;
    const older = this.#olderRows.get(first);
    if (older?.isOf(groups) !== true && groups.reduce((sum, { group }) => sum + group.rowCount, 0) < ROWS_MIN)
      return undefined;
    const rows = older?.isOf(groups) === true ? older : JoinedRows.of(groups);
    if (rows === undefined) return undefined;
    this.#newerRows.set(first, rows);
    this.#count(rows.bytes);
    return rows;
  }

  /** The values of a series in rows that were just asked for; see `JoinedRows.column`. */
  columnOf(rows: JoinedRows, index: number): Float64Array | undefined {
    const before = rows.bytes;
    const values = rows.column(index);
    this.#count(rows.bytes - before);
    return values;
  }

  #keep(start: ArrayBufferLike, run: Run): void {
    this.#newer.set(start, [run, ...(this.#newer.get(start) ?? [])].slice(0, RUNS_PER_START));
    this.#count(run.bytes);
  }

  #count(bytes: number): void {
    this.#newerBytes += bytes;
    if (this.#newerBytes <= this.#halfBytes) return;
    this.#older = this.#newer;
    this.#newer = new Map();
    this.#olderRows = this.#newerRows;
    this.#newerRows = new Map();
    this.#newerBytes = 0;
  }
}

/** What one read has of the memory: of a read about more than fits only the first arrays are kept, or none would be there again. */
export class JoinedRead {
  readonly #memory: JoinedMemory;
  #runBytes = 0;
  #rowBytes = 0;

  constructor(memory: JoinedMemory) {
    this.#memory = memory;
  }

  /** As `JoinedMemory.of`. */
  of(parts: readonly Float64Array[]): Float64Array | undefined {
    if (this.#runBytes > this.#memory.bytesPerRead) return undefined;
    const all = this.#memory.of(parts);
    this.#runBytes += all?.byteLength ?? 0;
    return all;
  }

  /**
   * As `JoinedMemory.rows`; undefined also when there is no more room for so many columns.
   * @param columnCount that will be asked for
   */
  rows(groups: readonly HostGroup[], columnCount: number): JoinedRows | undefined {
    const rowCount = groups.reduce((sum, { group }) => sum + group.rowCount, 0);
    const bytes = rowCount * (columnCount + 1) * Float64Array.BYTES_PER_ELEMENT;
    if (this.#rowBytes + bytes > this.#memory.bytesPerRead) return undefined;
    const rows = this.#memory.rows(groups);
    if (rows !== undefined) this.#rowBytes += bytes;
    return rows;
  }

  /** As `JoinedMemory.columnOf`. */
  columnOf(rows: JoinedRows, index: number): Float64Array | undefined {
    return this.#memory.columnOf(rows, index);
  }
}
