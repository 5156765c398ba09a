/**
 * The series of a lane of the collector's own, in columns: a large fleet has hundreds of thousands of them, and as objects
 * they would be most of what the engine has to look at whenever it collects garbage.
 */
import type { AppendSample } from '../../storage.ts';
import type { LastSample } from './own-series.ts';

/** Where a series stands in its lane. */
export interface OwnPlace {
  /** Of the schema in the lane, 1 to 65,535. */
  readonly number: number;
  /** Of the series in the schema, 0 to 65,535. */
  readonly index: number;
}

const ROOM_MIN = 1_024;
/** In place of a number: no schema is written yet. */
const NOWHERE = 0;

export class OwnSeriesTable {
  readonly #rows = new Map<string, number>();
  /** Of the newest sample; NaN while there is none. */
  #timesMs = new Float64Array(ROOM_MIN);
  #values = new Float64Array(ROOM_MIN);
  #stale = new Uint8Array(ROOM_MIN);
  #numbers = new Uint16Array(ROOM_MIN);
  #indexes = new Uint16Array(ROOM_MIN);

  get size(): number {
    return this.#rows.size;
  }

  /** The row of a series by the digest of its labels, undefined while it is unknown. */
  row(digest: string): number | undefined {
    return this.#rows.get(digest);
  }

  /** Adds a series that has no place yet, once. */
  add(digest: string, last: LastSample | undefined): void {
    const row = this.#rows.size;
    if (row === this.#timesMs.length) this.#grow();
    this.#rows.set(digest, row);
    this.#timesMs[row] = Number.NaN;
    if (last !== undefined) this.setLast(row, last);
  }

  /** The newest sample. */
  last(row: number): LastSample | undefined {
    const timeMs = this.#timesMs[row] ?? Number.NaN;
    if (Number.isNaN(timeMs)) return undefined;
    return { timeMs, value: this.#values[row] ?? Number.NaN, isStale: this.#stale[row] === 1 };
  }

  /** Whether all samples of the series, if there are any, are older than the time. */
  isBehind(row: number, timeMs: number): boolean {
    const newestMs = this.#timesMs[row] ?? Number.NaN;
    return Number.isNaN(newestMs) || newestMs < timeMs;
  }

  setLast(row: number, { timeMs, value, isStale = false }: AppendSample): void {
    this.#timesMs[row] = timeMs;
    this.#values[row] = value;
    this.#stale[row] = isStale ? 1 : 0;
  }

  /** False until the first sample is on its way. */
  hasPlace(row: number): boolean {
    return (this.#numbers[row] ?? NOWHERE) !== NOWHERE;
  }

  /** Number of its schema in the lane. @throws Error while it has no place */
  numberOf(row: number): number {
    const number = this.#numbers[row] ?? NOWHERE;
    if (number === NOWHERE) throw new Error('a point has no place in a schema');
    return number;
  }

  /** Its place in the schema. */
  indexOf(row: number): number {
    return this.#indexes[row] ?? 0;
  }

  setPlace(row: number, { number, index }: OwnPlace): void {
    this.#numbers[row] = number;
    this.#indexes[row] = index;
  }

  /** The time of the newest sample of all, 0 when there is none. */
  newestMs(): number {
    let newestMs = 0;
    for (let row = 0; row < this.#rows.size; row++) {
      const timeMs = this.#timesMs[row] ?? Number.NaN;
      if (timeMs > newestMs) newestMs = timeMs;
    }
    return newestMs;
  }

  #grow(): void {
    const room = this.#timesMs.length * 2;
    const enlarged = <Column extends Float64Array | Uint16Array | Uint8Array>(
      to: Column,
      from: Column,
    ): Column => {
      to.set(from);
      return to;
    };
    this.#timesMs = enlarged(new Float64Array(room), this.#timesMs);
    this.#values = enlarged(new Float64Array(room), this.#values);
    this.#stale = enlarged(new Uint8Array(room), this.#stale);
    this.#numbers = enlarged(new Uint16Array(room), this.#numbers);
    this.#indexes = enlarged(new Uint16Array(room), this.#indexes);
  }
}
