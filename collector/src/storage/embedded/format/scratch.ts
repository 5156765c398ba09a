/** Memory that is used again and again, so that encoding a column leaves nothing behind to be collected. */
export class Scratch {
  #memory = new Float64Array(0);

  /** So many numbers of any content, until the next call; keeps as much memory as was ever asked for. */
  take(count: number): Float64Array {
    if (count > this.#memory.length) this.#memory = new Float64Array(count);
    return this.#memory.subarray(0, count);
  }
}
