/**
 * What stands before each value of an answer: comma, bracket, time, comma, quote. All series of a chart have their times on
 * one grid, and so have the charts of a dashboard, so each time is formatted once for all of them.
 */

/** The heads of an array of times, one after the other; that of the first point has no comma. */
export class Heads {
  /** Read in words, so there are some zeros behind the last one. */
  readonly words: DataView;
  /** Where each ends, which is where the next one begins. */
  readonly ends: Uint32Array;
  #constant: { readonly value: number; readonly text: Uint8Array } | undefined;

  constructor(words: DataView, ends: Uint32Array) {
    this.words = words;
    this.ends = ends;
  }

  /** All points of a series that has this value at all times, if it was the last one that was kept. */
  constantText(value: number): Uint8Array | undefined {
    return this.#constant !== undefined && Object.is(this.#constant.value, value)
      ? this.#constant.text
      : undefined;
  }

  keepConstantText(value: number, text: Uint8Array): void {
    this.#constant = { value, text };
  }
}

/** Arrays that are kept: gaps at an end make others, of the same grid. */
const ARRAYS_MAX = 8;
/** Heads are read in words of so many bytes. */
export const WORD_BYTES = 8;
/** Steps of a range query; raw samples may have more times, and are not kept. */
const TIMES_MAX = 12_000;

export class TimeHeads {
  /** Newest first. */
  readonly #kept: { readonly timestamps: Float64Array; readonly heads: Heads }[] = [];
  #newest = { timeMs: Number.NaN, head: '' };

  /** The head of one time. */
  headOf(timeMs: number): string {
    if (this.#newest.timeMs !== timeMs) this.#newest = { timeMs, head: headOf(timeMs) };
    return this.#newest.head;
  }

  /** The heads of times in UTC milliseconds; the array is not to be changed afterwards. */
  headsOf(timestamps: Float64Array): Heads {
    const kept = this.#kept;
    const at = kept.findIndex((one) => areEqual(one.timestamps, timestamps));
    const found = at < 0 ? { timestamps, heads: makeHeads(timestamps) } : kept.splice(at, 1)[0];
    if (found === undefined) throw new TypeError('what was found is gone');
    if (timestamps.length <= TIMES_MAX) kept.unshift(found);
    if (kept.length > ARRAYS_MAX) kept.pop();
    return found.heads;
  }
}

function areEqual(left: Float64Array, right: Float64Array): boolean {
  if (left === right) return true;
  const { length } = left;
  if (length !== right.length || left[0] !== right[0]) return false;
  for (let i = 1; i < length; i++) if (left[i] !== right[i]) return false;
  return true;
}

function makeHeads(timestamps: Float64Array): Heads {
  const ends = new Uint32Array(timestamps.length);
  let text = '';
  for (let i = 0; i < timestamps.length; i++) {
    const head = headOf(timestamps[i] ?? Number.NaN);
    text += i === 0 ? head.slice(1) : head;
    ends[i] = text.length;
  }
  const bytes = new Uint8Array(text.length + WORD_BYTES);
  new TextEncoder().encodeInto(text, bytes);
  return new Heads(new DataView(bytes.buffer), ends);
}

function headOf(timeMs: number): string {
  return `,[${formatTime(timeMs)},"`;
}

/** Seconds, with three decimals unless they are all zero. */
function formatTime(timeMs: number): string {
  const fraction = Math.abs(timeMs % 1000);
  return fraction === 0 ? String(timeMs / 1000) : (timeMs / 1000).toFixed(3);
}
