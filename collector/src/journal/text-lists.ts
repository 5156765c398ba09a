/**
 * Lists of texts of which each is in memory once. What rules record of ten thousand hosts are half a million series in more
 * than a thousand schemas, and most of them have the label values of a host and nothing else.
 */

const ROOM_MIN = 1_024;
/** Lists that are known at a time; with one more all are forgotten, and stay only with those who have them. */
const LISTS_MAX = 262_144;

/** Knows lists by what is in them. */
export class TextLists {
  readonly #listsMax: number;
  /** A list stands where its hash says, or behind others whose hash says the same; at most half of the places are taken. */
  #places: (readonly string[] | undefined)[] = places(ROOM_MIN);
  #count = 0;

  /** @param listsMax how many it may know */
  constructor(listsMax = LISTS_MAX) {
    this.#listsMax = listsMax;
  }

  /** The one list with these texts; `list` itself when there was none, and then it must not change any more. */
  of(list: readonly string[]): readonly string[] {
    const at = this.#placeOf(list);
    const known = this.#places[at];
    if (known !== undefined) return known;
    this.#places[at] = list;
    this.#count++;
    if (this.#count > this.#listsMax) {
      this.#places = places(ROOM_MIN);
      this.#count = 0;
    } else if (this.#count * 2 > this.#places.length) this.#grow();
    return list;
  }

  #placeOf(list: readonly string[]): number {
    const mask = this.#places.length - 1;
    for (let at = hashOf(list) & mask; ; at = (at + 1) & mask) {
      const known = this.#places[at];
      if (known === undefined || isSame(known, list)) return at;
    }
  }

  #grow(): void {
    const before = this.#places;
    this.#places = places(before.length * 2);
    for (const list of before) if (list !== undefined) this.#places[this.#placeOf(list)] = list;
  }
}

/** @param count a power of two */
function places(count: number): (readonly string[] | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}

/** FNV-1a over the units of the texts; source: draft-eastlake-fnv. */
function hashOf(list: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const text of list) {
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    hash = Math.imul(hash ^ text.length, 0x01000193);
  }
  // The last bits, which choose the place, depend least on what came first.
  return hash ^ (hash >>> 15);
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, at) => text === right[at]);
}
