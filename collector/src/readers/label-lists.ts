/**
 * Lists of label sets on their way out of a reading thread. Rules ask the same question again and again, and its answer
 * has the same series nearly every time: then only a hash travels. Otherwise each text travels once, however many of the
 * sets it stands in.
 */
import { createHash } from 'node:crypto';
import type { Relabel } from '../query/query.ts';
import { fitted, Labels } from '../storage/labels.ts';

/** What can be posted from thread to thread. */
export interface PackedLabels {
  /** Names the list; undefined for a short one, which is not worth it. */
  readonly hash: string | undefined;
  /** Undefined when who asked has the list with this hash. */
  readonly sets: PackedSets | undefined;
}

interface PackedSets {
  readonly texts: readonly string[];
  /** Per set how many of `places` are its own. */
  readonly lengths: Uint32Array;
  /** Where in `texts` names and values stand, set after set. */
  readonly places: Uint32Array;
}

/** A list that an answer had. */
export interface KnownLabels {
  /** Of the sets as the answer had them. */
  readonly hash: string;
  /** What they became: two lists of a fleet that say nearly the same would be too much. */
  readonly list: readonly Labels[];
}

export interface AskedLabels {
  readonly text: string;
  readonly relabel?: Relabel | undefined;
}

/** A list with fewer sets is sent whole. */
const SETS_MIN = 100;
/** Sets that are remembered in all; those of the question that was not asked for longest go first. */
const SETS_MAX = 1_000_000;
/** Characters that are hashed at a time. */
const PIECE_LENGTH = 16 * 1024;

/** @param knownHash of the list that who asked has from the last time */
export function packLabels(list: readonly Labels[], knownHash: string | undefined): PackedLabels {
  if (list.length < SETS_MIN) return { hash: undefined, sets: packSets(list) };
  const hash = hashOf(list);
  return { hash, sets: hash === knownHash ? undefined : packSets(list) };
}

/** @param known what `knownHash` of `packLabels` came from; the result has its very objects when the list is the same */
export function unpackLabels({ sets }: PackedLabels, known?: KnownLabels): readonly Labels[] {
  return sets === undefined ? (known?.list ?? []) : unpackSets(sets);
}

/** What who asks remembers of the answers. */
export class LabelLists {
  /** By question; what was asked for longest ago comes first. */
  readonly #byQuestion = new Map<string, KnownLabels>();
  #sets = 0;

  get(asked: AskedLabels): KnownLabels | undefined {
    return this.#byQuestion.get(keyOf(asked));
  }

  /**
   * Undoes what `packLabels` did, relabels, and remembers what came of it.
   * @param known as the question had it
   * @throws AppError of `relabel`; then nothing is remembered
   */
  take(asked: AskedLabels, packed: PackedLabels, known: KnownLabels | undefined): readonly Labels[] {
    const isKnown = packed.sets === undefined;
    const unpacked = unpackLabels(packed, known);
    const list = isKnown || asked.relabel === undefined ? unpacked : asked.relabel.of(unpacked);
    if (packed.hash !== undefined) this.#put(keyOf(asked), { hash: packed.hash, list });
    return list;
  }

  #put(question: string, known: KnownLabels): void {
    this.#delete(question);
    this.#byQuestion.set(question, known);
    this.#sets += known.list.length;
    for (const oldest of this.#byQuestion.keys()) {
      if (this.#sets <= SETS_MAX) return;
      this.#delete(oldest);
    }
  }

  #delete(question: string): void {
    this.#sets -= this.#byQuestion.get(question)?.list.length ?? 0;
    this.#byQuestion.delete(question);
  }
}

function keyOf({ text, relabel }: AskedLabels): string {
  return relabel === undefined ? text : JSON.stringify([text, relabel.key]);
}

function hashOf(list: readonly Labels[]): string {
  const hash = createHash('sha256');
  let piece = '';
  for (const { key } of list) {
    // Each part of a key begins with its length, so this cannot be part of one: it tells where a set ends.
    piece += `${key};`;
    if (piece.length < PIECE_LENGTH) continue;
    hash.update(piece);
    piece = '';
  }
  return hash.update(piece).digest('base64');
}

function packSets(list: readonly Labels[]): PackedSets {
  const lengths = new Uint32Array(list.length);
  const places = new Uint32Array(list.reduce((sum, { flat }) => sum + flat.length, 0));
  const placeOf = new Map<string, number>();
  let at = 0;
  for (const [index, { flat }] of list.entries()) {
    lengths[index] = flat.length;
    for (const text of flat) {
      let place = placeOf.get(text);
      if (place === undefined) {
        place = placeOf.size;
        placeOf.set(text, place);
      }
      places[at++] = place;
    }
  }
  return { texts: [...placeOf.keys()], lengths, places };
}

function unpackSets({ texts, lengths, places }: PackedSets): readonly Labels[] {
  let at = 0;
  return Array.from(lengths, (length) => {
    const flat: string[] = [];
    for (const end = at + length; at < end; at++) flat.push(texts[places[at] ?? -1] ?? '');
    return Labels.ofFlat(fitted(flat));
  });
}
