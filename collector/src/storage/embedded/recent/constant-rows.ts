/** Rows of one value: most of what is measured never changes, and most of that is 0 or 1 on every host. */

/** Values that are remembered. */
const VALUES_MAX = 64;
/** Rows of each; longer ones are made each time. */
const ROWS_MAX = 4_096;
const ROWS_MIN = 512;

export class ConstantRows {
  /** An array of each value, as long as the longest that was asked for. */
  readonly #byValue = new Map<number, Float64Array>();

  /** `count` rows of a value, which several readers may share: not to be changed. */
  of(value: number, count: number): Float64Array {
    // A map takes 0 and -0 for the same key, and this must not.
    if (count > ROWS_MAX || Object.is(value, -0)) return new Float64Array(count).fill(value);
    let rows = this.#byValue.get(value);
    if (rows === undefined || rows.length < count) {
      if (rows === undefined && this.#byValue.size === VALUES_MAX) this.#byValue.clear();
      rows = new Float64Array(Math.max(ROWS_MIN, count)).fill(value);
      this.#byValue.set(value, rows);
    }
    return rows.subarray(0, count);
  }
}
