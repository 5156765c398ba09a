/** A series of a read while it grows: samples one by one, or whole runs at once. */
import type { Labels } from '../../labels.ts';
import type { Series } from '../../storage.ts';
import type { JoinedTimes } from '../recent/joined-times.ts';
import type { RollupUse } from '../rollups/resolution.ts';
import { RolledSeries } from '../rollups/rolled-series.ts';

/** Samples of a series that came at once; the arrays are never changed, and series of one sampler share their times. */
interface Part {
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
}

const NO_NUMBERS = new Float64Array(0);
/** What a series has room for once it has more than its first samples. */
const GROWN_LENGTH_MIN = 32;

export class GrowingSeries {
  readonly labels: Labels;
  /** Of the collector of series: another one that it would look for at the same place. */
  next: GrowingSeries | undefined;
  /** The last sample was a value. */
  isLive = false;
  /** Where the last sample came from: hosts of one name share their series, and none ends what is another's. */
  source: object | undefined;
  /** Most series have one part; a list that grows from nothing would have room for seventeen. */
  #parts: Part[] | undefined;
  /** Samples in all parts. */
  #partsLength = 0;
  /** What came one by one after the parts. */
  #timestamps = NO_NUMBERS;
  #values = NO_NUMBERS;
  #length = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Positions of stale markers, counted from the first sample of all, once there are any. */
  #stale: Set<number> | undefined;
  #isRising = true;
  /** Some parts were made of what came one by one. */
  #hasOwnParts = false;
  #rolled: RolledSeries | undefined;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  get isEmpty(): boolean {
    return this.#partsLength + this.#length === 0 && this.#rolled === undefined;
  }

  /** Of the samples, without the rollups. */
  get #firstMs(): number {
    return this.#parts?.[0]?.timesMs[0] ?? Number.POSITIVE_INFINITY;
  }

  /** What older time has of it as rollups; the samples come after them. */
  rolled(use: RollupUse): RolledSeries {
    this.#rolled ??= new RolledSeries(use);
    return this.#rolled;
  }

  push(timeMs: number, value: number, isStale: boolean): void {
    this.isLive = !isStale;
    const at = this.#length;
    this.#noteOrder(timeMs);
    if (at === this.#timestamps.length) this.#grow();
    if (isStale) (this.#stale ??= new Set()).add(this.#partsLength + at);
    this.#timestamps[at] = timeMs;
    this.#values[at] = isStale ? Number.NaN : value;
    this.#length++;
    this.#lastMs = timeMs;
  }

  /**
   * Adds one value.
   * @param timesMs of one time; kept, and not to be changed: series of one reading share it
   */
  pushOne(timesMs: Float64Array, value: number): void {
    const [timeMs] = timesMs;
    if (timeMs === undefined) return;
    const values = new Float64Array(1);
    values[0] = value;
    this.pushAll(timesMs, values);
    this.#hasOwnParts = true;
  }

  /** Adds values of rising times, all present, at once. The arrays are kept, and are not to be changed afterwards. */
  pushAll(timesMs: Float64Array, values: Float64Array): void {
    const [firstMs] = timesMs;
    if (firstMs === undefined) return;
    this.isLive = true;
    this.#noteOrder(firstMs);
    this.#closeTail();
    this.#addPart({ timesMs, values });
    this.#lastMs = timesMs.at(-1) ?? firstMs;
  }

  /**
   * The series with rising timestamps. Of samples of one time the first value counts; a value beats a stale marker.
   * @param times puts times together for all series of a read
   */
  finish(times: JoinedTimes): Series {
    this.#closeTail();
    const own = this.#parts ?? [];
    const [only] = own;
    if (only !== undefined && own.length === 1 && this.#rolled === undefined && this.#stale === undefined) {
      const { timesMs, values } = only;
      if (this.#isRising) return { labels: this.labels, timestamps: timesMs, values, stale: undefined };
    }
    const older = this.#rolled?.finish(times);
    const parts: readonly Part[] = older === undefined ? own : [older, ...own];
    const isLasting = older === undefined && !this.#hasOwnParts;
    const timestamps = times.of(
      parts.map(({ timesMs }) => timesMs),
      isLasting,
    );
    const values = times.valuesOf(
      parts.map((part) => part.values),
      isLasting,
    );
    const stale = this.#stale === undefined ? undefined : new Uint8Array(values.length);
    for (const at of this.#stale ?? []) if (stale !== undefined) stale[(older?.timesMs.length ?? 0) + at] = 1;
    const isBehind = (older?.timesMs.at(-1) ?? Number.NEGATIVE_INFINITY) < this.#firstMs;
    const samples = { labels: this.labels, timestamps, values, stale };
    const found = this.#isRising && isBehind ? samples : inOrder(samples, times);
    if (older?.counts === undefined) return found;
    return { ...found, counts: countsAt(found.timestamps, { timesMs: older.timesMs, counts: older.counts }) };
  }

  #noteOrder(timeMs: number): void {
    if (timeMs <= this.#lastMs) this.#isRising = false;
  }

  #addPart(part: Part): void {
    if (this.#parts === undefined) this.#parts = [part];
    else this.#parts.push(part);
    this.#partsLength += part.timesMs.length;
  }

  /** Makes a part of what came one by one. */
  #closeTail(): void {
    const length = this.#length;
    if (length === 0) return;
    this.#hasOwnParts = true;
    this.#addPart({ timesMs: exactly(this.#timestamps, length), values: exactly(this.#values, length) });
    this.#timestamps = NO_NUMBERS;
    this.#values = NO_NUMBERS;
    this.#length = 0;
  }

  #grow(): void {
    // Exactly as much at first: most series have one sample, or come as one column. Then in large steps, because many
    // small arrays cost more than the room that is left over.
    const length = this.#length;
    const capacity = length === 0 ? 1 : Math.max(GROWN_LENGTH_MIN, length * 2);
    this.#timestamps = enlarged(this.#timestamps, capacity);
    this.#values = enlarged(this.#values, capacity);
  }
}

/** Sorts the samples of a series by time, and leaves one of each time. */
function inOrder({ labels, timestamps, values, stale }: Series, times: JoinedTimes): Series {
  const rank = (at: number): number => stale?.[at] ?? 0;
  const timeOf = (at: number): number => timestamps[at] ?? 0;
  const order = Array.from({ length: timestamps.length }, (_, at) => at).sort(
    (a, b) => timeOf(a) - timeOf(b) || rank(a) - rank(b) || a - b,
  );
  const series = new GrowingSeries(labels);
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const at of order) {
    const timeMs = timeOf(at);
    if (timeMs === lastMs) continue;
    series.push(timeMs, values[at] ?? Number.NaN, rank(at) === 1);
    lastMs = timeMs;
  }
  return series.finish(times);
}

/** How many samples the points at `timestamps` stand for: those of rollups for theirs, and one for every sample. */
function countsAt(
  timestamps: Float64Array,
  { timesMs, counts }: { readonly timesMs: Float64Array; readonly counts: Float64Array },
): Float64Array {
  const all = new Float64Array(timestamps.length).fill(1);
  let next = 0;
  for (let at = 0; next < timesMs.length && at < all.length; at++)
    if (timestamps[at] === timesMs[next]) all[at] = counts[next++] ?? 1;
  return all;
}

function exactly(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  return array.length === length ? array : array.slice(0, length);
}

function enlarged(old: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const array = new Float64Array(capacity);
  array.set(old);
  return array;
}
