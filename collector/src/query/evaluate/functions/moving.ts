/** Windows that move along a series keep what they know from step to step, where that changes no digit of a result. */
import type { Window, WindowFunction } from './window.ts';

/**
 * The best value of each window by `isBetter`; NaN loses to every number. Candidates are kept with the best one first,
 * each better than all after it; a sample is looked at once, however many windows it lies in.
 */
export function movingExtreme(isBetter: (value: number, other: number) => boolean): WindowFunction {
  /** Indices of candidates; those before `first` have left the window. */
  let candidates = new Int32Array(64);
  let first = 0;
  let last = 0;
  let next = 0;
  return ({ values, from, to }) => {
    if (next < from) {
      next = from;
      first = last = 0;
    }
    for (; next < to; next++) {
      const value = values[next] ?? NaN;
      if (Number.isNaN(value)) continue;
      while (last > first && !isBetter(values[candidates[last - 1] ?? 0] ?? NaN, value)) last--;
      if (last === candidates.length) {
        // Either there is room in front, or the buffer is too small.
        const kept = candidates.subarray(first, last);
        candidates = new Int32Array(2 * kept.length + 64);
        candidates.set(kept);
        last -= first;
        first = 0;
      }
      candidates[last++] = next;
    }
    while (first < last && (candidates[first] ?? 0) < from) first++;
    return first < last ? (values[candidates[first] ?? 0] ?? NaN) : NaN;
  };
}

/** The same for a single window. */
export function extremeOf(isBetter: (value: number, other: number) => boolean): WindowFunction {
  return ({ values, from, to }) => {
    let best = NaN;
    for (let i = from; i < to; i++) {
      const value = values[i] ?? NaN;
      if (!Number.isNaN(value) && (Number.isNaN(best) || !isBetter(best, value))) best = value;
    }
    return best;
  };
}

/** The values of a window in order, NaN first. */
export class SortedWindow {
  #sorted = new Float64Array(64);
  #size = 0;
  #from = 0;
  #to = 0;

  /** The values of the next window, which begins and ends no earlier than the one before. Valid until the next call. */
  move({ values, from, to }: Window): Float64Array {
    const leaving = Math.min(from, this.#to) - this.#from;
    const coming = to - Math.max(from, this.#to);
    // Sorting anew is quicker when most values are others.
    if (leaving + coming > (to - from) / 4) this.#fill(values, from, to);
    else {
      for (let i = this.#from; i < from; i++) this.#remove(values[i] ?? NaN);
      for (let i = this.#to; i < to; i++) this.#insert(values[i] ?? NaN);
    }
    this.#from = from;
    this.#to = to;
    return this.#sorted.subarray(0, this.#size);
  }

  #fill(values: Float64Array, from: number, to: number): void {
    this.#size = to - from;
    this.#reserve(this.#size);
    const target = this.#sorted.subarray(0, this.#size);
    target.set(values.subarray(from, to));
    nanFirst(target.sort());
  }

  #remove(value: number): void {
    const at = this.#position(value);
    this.#sorted.copyWithin(at, at + 1, this.#size);
    this.#size--;
  }

  #insert(value: number): void {
    this.#reserve(this.#size + 1);
    const at = this.#position(value);
    this.#sorted.copyWithin(at + 1, at, this.#size);
    this.#sorted[at] = value;
    this.#size++;
  }

  /** Of the first value that is not before `value`. */
  #position(value: number): number {
    if (Number.isNaN(value)) return 0;
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#sorted[middle] ?? NaN;
      if (Number.isNaN(other) || isBefore(other, value)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #reserve(size: number): void {
    if (this.#sorted.length >= size) return;
    const larger = new Float64Array(2 * size);
    larger.set(this.#sorted.subarray(0, this.#size));
    this.#sorted = larger;
  }
}

/** The order of the platform's sort: -0 before 0. */
function isBefore(left: number, right: number): boolean {
  return left < right || (left === right && Object.is(left, -0) && Object.is(right, 0));
}

/** The platform sorts NaN to the end, PromQL to the front. */
function nanFirst(sorted: Float64Array): void {
  let nanCount = 0;
  while (nanCount < sorted.length && Number.isNaN(sorted[sorted.length - 1 - nanCount])) nanCount++;
  if (nanCount === 0) return;
  sorted.copyWithin(nanCount, 0, sorted.length - nanCount);
  sorted.fill(NaN, 0, nanCount);
}
