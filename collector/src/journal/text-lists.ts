/**
 * Lists of texts of which each is in memory once. What rules record of ten thousand hosts are half a million series in more
 * than a thousand schemas, and most of them have the label values of a host and nothing else.
 */
import { fnv1aOfTexts } from '@rollcall/shared/lib/fnv.ts';

const ROOM_MIN = 1_024;
/** Lists that are known at a time; with one more all are forgotten. */
const LISTS_MAX = 262_144;
/** Places that are looked at for a list. More are hardly ever taken in a row, unless somebody means them to be. */
const PROBES_MAX = 32;

/** Knows lists by what is in them. It holds what it knows, also when nobody else does any more, until it forgets all of them. */
export class TextLists {
  readonly #listsMax: number;
  #lists: (readonly string[])[] = [];
  /** Of each list, in the same order; half as long as there are places. */
  #hashes = new Int32Array(ROOM_MIN / 2);
  /** A list stands where its hash says, or closely behind: which one it is, counted from 1; 0 where there is none. */
  #places = new Int32Array(ROOM_MIN);

  /** @param listsMax how many it may know */
  constructor(listsMax = LISTS_MAX) {
    this.#listsMax = listsMax;
  }

  /**
   * The one list with these texts; `list` itself when there was none, and then it must not change any more. `list` as well
   * when too many others stand where it would, so that equal ones may be in memory more than once.
   */
  of(list: readonly string[]): readonly string[] {
    const hash = hashOf(list);
    const at = this.#placeOf(hash, list);
    if (at === undefined) return list;
    const known = this.#lists[(this.#places[at] ?? 0) - 1];
    if (known !== undefined) return known;
    if (this.#lists.length === this.#listsMax) {
      this.forget();
      return list;
    }
    this.#hashes[this.#lists.length] = hash;
    this.#places[at] = this.#lists.push(list);
    if (this.#lists.length === this.#hashes.length && this.#lists.length < this.#listsMax) this.#grow();
    return list;
  }

  /** Knows none any more; they stay with those who have them. */
  forget(): void {
    this.#lists = [];
    this.#hashes = new Int32Array(ROOM_MIN / 2);
    this.#places = new Int32Array(ROOM_MIN);
  }

  /**
   * Where the list stands or would.
   * @param list absent for one that is equal to none of those that are there
   */
  #placeOf(hash: number, list?: readonly string[]): number | undefined {
    const mask = this.#places.length - 1;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (hash + probe) & mask;
      const number = (this.#places[at] ?? 0) - 1;
      if (number < 0) return at;
      const known = this.#hashes[number] === hash ? this.#lists[number] : undefined;
      if (list !== undefined && known !== undefined && isSame(known, list)) return at;
    }
    return undefined;
  }

  /** Without a look at the texts: this is one turn of the event loop. */
  #grow(): void {
    const hashes = this.#hashes;
    this.#hashes = new Int32Array(hashes.length * 2);
    this.#hashes.set(hashes);
    this.#places = new Int32Array(this.#places.length * 2);
    for (const [number, hash] of hashes.entries()) {
      const at = this.#placeOf(hash);
      if (at !== undefined) this.#places[at] = number + 1;
    }
  }
}

function hashOf(list: readonly string[]): number {
  const hash = fnv1aOfTexts(list);
  // The last bits, which choose the place, depend least on what came first. A number of 32 bits, as it is kept.
  return hash ^ (hash >>> 15);
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, at) => text === right[at]);
}
