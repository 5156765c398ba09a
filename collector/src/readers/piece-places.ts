/**
 * Memory that a reading thread shares with the collector. Pieces of answers travel in it: buffers of their own would be
 * garbage of both, outside of their heaps, and a few megabytes of that make the engine go through all that the collector
 * holds, several times a second while somebody looks at dashboards.
 */

/** Bytes of a piece at most, which is what is worth a message. */
export const PIECE_BYTES = 256 * 1024;
/** Pieces that are under way at most; when slow clients hold all of them, further ones travel as buffers. */
const PLACES = 8;
const FREE = 0;
const IN_USE = 1;

/** What is sent to the thread. */
export interface SharedPieces {
  readonly bytes: SharedArrayBuffer;
  /** Of each place a 32-bit word. */
  readonly states: SharedArrayBuffer;
}

/** Pages that no answer was long enough for take no memory. */
export function sharedPieces(): SharedPieces {
  return { bytes: new SharedArrayBuffer(PLACES * PIECE_BYTES), states: new SharedArrayBuffer(PLACES * 4) };
}

/** One end of the shared memory: the thread takes places and fills them, the collector reads them and frees them. */
export class PiecePlaces {
  readonly #bytes: SharedArrayBuffer;
  readonly #states: Int32Array;

  constructor({ bytes, states }: SharedPieces) {
    this.#bytes = bytes;
    this.#states = new Int32Array(states);
  }

  /** A place that nobody reads any more, which is the caller's then; undefined when there is none. */
  take(): number | undefined {
    const { length } = this.#states;
    for (let place = 0; place < length; place++)
      if (Atomics.compareExchange(this.#states, place, FREE, IN_USE) === FREE) return place;
    return undefined;
  }

  /** The first bytes of a place; they change as soon as it is free and taken again. */
  at(place: number, length: number): Uint8Array<SharedArrayBuffer> {
    return new Uint8Array(this.#bytes, place * PIECE_BYTES, length);
  }

  /** Ends the use of a place. */
  free(place: number): void {
    Atomics.store(this.#states, place, FREE);
  }
}
