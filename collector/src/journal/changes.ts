/**
 * How often the journal has changed, in memory that all threads of the collector share. Who reads can tell by it that
 * nothing is new, without asking the database.
 */
export class JournalChanges {
  /** What another thread needs to see the same count. */
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** @param shared of the thread that writes */
  constructor(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
  }

  /** The same as before only when nothing was committed in between; it wraps around after 2³² changes. */
  get count(): number {
    return Atomics.load(this.#words, 0);
  }

  /** Called after a transaction, also when nobody knows whether it took place, and before anybody hears of it. */
  add(): void {
    Atomics.add(this.#words, 0, 1);
  }
}
