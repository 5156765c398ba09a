/**
 * Memory for many small lists of numbers, taken from larger pieces: an array of its own takes some 400 bytes in the engine and
 * in the C library besides what stands in it. A piece is free when nobody has anything in it, so it is for what
 * is given up in about the order in which it was made.
 */

/** 16 KiB: the lists of a host, which come together, are a good part of it, and who is late with them holds up no more. */
const PIECE_FLOATS = 2_048;

/** Room for numbers. Both are views of the whole piece. */
export interface Room {
  readonly floats: Float64Array;
  readonly bytes: Uint8Array;
  /** Where the room begins, in floats. */
  readonly at: number;
}

/** Gives room for numbers out of pieces. */
export class Pieces {
  #floats = new Float64Array(0);
  #bytes = new Uint8Array(0);
  #used = 0;

  /** Room for `count` floats, for the caller alone. What is large gets a piece of its own. */
  take(count: number): Room {
    if (count > PIECE_FLOATS / 4) {
      const floats = new Float64Array(count);
      return { floats, bytes: new Uint8Array(floats.buffer), at: 0 };
    }
    if (this.#used + count > this.#floats.length) {
      this.#floats = new Float64Array(PIECE_FLOATS);
      this.#bytes = new Uint8Array(this.#floats.buffer);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += count;
    return { floats: this.#floats, bytes: this.#bytes, at };
  }
}
