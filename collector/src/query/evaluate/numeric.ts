/** Arithmetic that several functions share. */

/** A sum with Neumaier's correction: exact to the last digits even when huge and tiny terms meet. */
class CompensatedSum {
  sum = 0;
  /** What rounding has lost so far; 0 once the sum is infinite. */
  correction = 0;

  reset(sum = 0): void {
    this.sum = sum;
    this.correction = 0;
  }

  add(term: number): void {
    const total = this.sum + term;
    this.correction = nextCorrection(this.sum, term, total, this.correction);
    this.sum = total;
  }

  get total(): number {
    return this.sum + this.correction;
  }
}

/**
 * The correction after `sum + term = total` was computed in floating point. Four plain numbers, because this is the inner
 * loop of most queries and an object of them is not always optimised away.
 */
export function nextCorrection(sum: number, term: number, total: number, correction: number): number {
  if (total === Infinity || total === -Infinity) return 0;
  return Math.abs(sum) >= Math.abs(term)
    ? correction + (sum - total + term)
    : correction + (term - total + sum);
}

/**
 * Mean that does not overflow: a compensated sum as long as it stays finite, then a running mean. An infinite mean
 * stays until the opposite infinity or NaN arrives. Terms are counted from the first `add`.
 */
export class StableMean {
  readonly #sum = new CompensatedSum();
  #count = 0;
  #isRunning = false;

  reset(): void {
    this.resume(0, 0, 0);
  }

  /** Goes on after `count` terms whose compensated sum is finite. */
  resume(sum: number, correction: number, count: number): void {
    this.#sum.reset(sum);
    this.#sum.correction = correction;
    this.#count = count;
    this.#isRunning = false;
  }

  add(term: number): void {
    this.#count++;
    if (this.#count === 1) {
      this.#sum.reset(term);
      return;
    }
    if (!this.#isRunning) {
      const total = this.#sum.sum + term;
      if (total !== Infinity && total !== -Infinity) {
        this.#sum.add(term);
        return;
      }
      this.#isRunning = true;
      this.#sum.sum /= this.#count - 1;
      this.#sum.correction /= this.#count - 1;
    }
    const mean = this.#sum.sum;
    const isMeanInfinite = mean === Infinity || mean === -Infinity;
    if (isMeanInfinite && (term === mean || Number.isFinite(term))) return;
    // Both parts are divided first, since their difference may overflow.
    this.#sum.add(term / this.#count - this.#sum.total / this.#count);
  }

  get mean(): number {
    if (this.#isRunning) return this.#sum.total;
    return this.#sum.sum / this.#count + this.#sum.correction / this.#count;
  }
}

/** As `quantileOfSorted`; sorts `values` in place. */
export function quantile(phi: number, values: Float64Array): number {
  values.sort();
  let nanCount = 0;
  while (nanCount < values.length && Number.isNaN(values[values.length - 1 - nanCount])) nanCount++;
  // The platform sorts NaN to the end, PromQL to the front.
  values.copyWithin(nanCount, 0, values.length - nanCount).fill(NaN, 0, nanCount);
  return quantileOfSorted(phi, values);
}

/**
 * The φ-quantile of `sorted`, NaN first, by linear interpolation.
 * @returns NaN for no values or φ NaN, -Inf for φ < 0, +Inf for φ > 1
 */
export function quantileOfSorted(phi: number, sorted: Float64Array): number {
  const count = sorted.length;
  if (count === 0 || Number.isNaN(phi)) return NaN;
  if (phi < 0) return -Infinity;
  if (phi > 1) return Infinity;
  const rank = phi * (count - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(count - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return (sorted[lower] ?? NaN) * (1 - weight) + (sorted[upper] ?? NaN) * weight;
}

const SMALLEST_NORMAL = 2.2250738585072014e-308;

/** Whether two numbers differ by less than `epsilon` of their size. */
export function isAlmostEqual(left: number, right: number, epsilon: number): boolean {
  if (Number.isNaN(left) && Number.isNaN(right)) return true;
  if (left === right) return true;
  const difference = Math.abs(left - right);
  const size = Math.abs(left) + Math.abs(right);
  if (left === 0 || right === 0 || size < SMALLEST_NORMAL) return difference < epsilon * SMALLEST_NORMAL;
  return difference / Math.min(size, Number.MAX_VALUE) < epsilon;
}
