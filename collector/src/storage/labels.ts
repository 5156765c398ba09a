/** The immutable label set of a series, sorted by name as Prometheus does (UTF-8 byte order). */
import { hash } from 'node:crypto';
import { fnv1aOfTexts } from '@rollcall/shared/lib/fnv.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';

/** The label that carries the metric name. */
export const METRIC_NAME = '__name__';

/** The label that tells hosts apart. */
export const HOST_LABEL = 'instance';

/** The name with the type and the unit that newer senders write beside it: what drops the name drops them too. */
export const NAME_LABELS: ReadonlySet<string> = new Set([METRIC_NAME, '__type__', '__unit__']);

/** A choice of labels: those with one of the names, or all others. */
export interface LabelCut {
  readonly names: ReadonlySet<string>;
  readonly isKept: boolean;
}

const DIGEST_BYTES = 16;
/** Entries of a label set that are put in order one by one, which takes the square of their number. */
const INSERTED_MAX = 64;

/** Queries write few lists of names, and the same ones again and again. */
const CUTS_MAX = 256;
/** Longer lists are made up by somebody, and would fill the memory. */
const CUT_LENGTH_MAX = 4_096;
const cuts = new Map<string, LabelCut>();

/** The cut of these names; the same object for the same list, so that label sets can remember what it gave. */
export function cutOf(names: readonly string[], isKept: boolean): LabelCut {
  const key = JSON.stringify([isKept, names]);
  let cut = cuts.get(key);
  if (cut === undefined) {
    cut = { names: new Set(names), isKept };
    if (key.length > CUT_LENGTH_MAX) return cut;
    if (cuts.size === CUTS_MAX) cuts.clear();
    cuts.set(key, cut);
  }
  return cut;
}

/** What was made of a label set: a selector finds the same ones again, and they are mostly matched in the same way. */
interface Made {
  key: string | undefined;
  bare: Labels | undefined;
  /** The cut that was asked for last, and what it gave. */
  cut: LabelCut | undefined;
  cutKey: string;
}

/** A large fleet has a million of them, so each has no more fields, and no more methods of its own, than it must. */
export class Labels {
  static readonly empty = new Labels([]);

  /** name, value, name, value …, sorted by name; no empty values. */
  readonly #flat: readonly string[];
  #digest: string | undefined;
  /** Most sets in memory are only kept, and none of it is asked for. */
  #made: Made | undefined;

  private constructor(flat: readonly string[]) {
    this.#flat = flat;
  }

  /**
   * Label set of `entries`. An empty value means "absent" and is left out; a name given twice keeps its last value.
   */
  static from(entries: Iterable<readonly [string, string]>): Labels {
    const list = Array.isArray(entries) ? entries : [...entries];
    const flat = list.length > INSERTED_MAX ? flatOfMany(list) : flatOfFew(list);
    return Labels.ofFlat(fitted(flat));
  }

  /**
   * Label set of what `flat` of another set gave, which may have come from another thread.
   * @param flat name, value, name, value …, sorted by name, each once, without empty values; not to be changed afterwards
   */
  static ofFlat(flat: readonly string[]): Labels {
    return flat.length === 0 ? Labels.empty : new Labels(flat);
  }

  /** Label set of a plain object; for tests and for input that was parsed by a schema. */
  static of(object: Readonly<Record<string, string>>): Labels {
    return Labels.from(Object.entries(object));
  }

  /** The value of `name`; `''` when absent, which PromQL takes for the same. */
  get(name: string): string {
    const flat = this.#flat;
    for (let i = 0; i < flat.length; i += 2) {
      if (flat[i] === name) return flat[i + 1] ?? '';
    }
    return '';
  }

  /** The metric name, `''` when there is none. */
  get metricName(): string {
    return this.get(METRIC_NAME);
  }

  get size(): number {
    return this.#flat.length / 2;
  }

  *entries(): IterableIterator<readonly [string, string]> {
    const flat = this.#flat;
    for (let i = 0; i < flat.length; i += 2) yield [flat[i] ?? '', flat[i + 1] ?? ''];
  }

  /** Name, value, name, value …, sorted by name. */
  get flat(): readonly string[] {
    return this.#flat;
  }

  /** A text that is equal exactly for equal sets. */
  get key(): string {
    const made = (this.#made ??= nothingMade());
    made.key ??= keyOf(this.#flat);
    return made.key;
  }

  /**
   * A number that is equal for equal sets, and for few others by chance; who chooses labels can make it equal for many. Nothing is
   * kept or made for it.
   */
  get hashCode(): number {
    return fnv1aOfTexts(this.#flat);
  }

  /** Whether the other set has the same labels. */
  equals(other: Labels): boolean {
    const a = this.#flat;
    const b = other.#flat;
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
    return true;
  }

  /** How long `key` is. */
  get keyLength(): number {
    return this.#flat.reduce((sum, { length }) => sum + String(length).length + 1 + length, 0);
  }

  /**
   * The first sixteen bytes of the SHA-256 of `key`, a letter each: equal for equal sets, and for no others. For whoever remembers
   * hundreds of thousands of sets, whose keys would take five times the memory; it costs a microsecond, once.
   */
  get digest(): string {
    // As UTF-16, for in UTF-8 all halves of surrogate pairs are the same.
    this.#digest ??= hash('sha256', Buffer.from(keyOf(this.#flat), 'utf16le'), 'buffer').toString(
      'latin1',
      0,
      DIGEST_BYTES,
    );
    return this.#digest;
  }

  /** The same set with `name` set to `value`, or without it when `value` is empty. */
  with(name: string, value: string): Labels {
    const flat = this.#flat;
    let at = 0;
    while (at < flat.length && compareUtf8(flat[at] ?? '', name) < 0) at += 2;
    const isThere = flat[at] === name;
    if (value === '' && !isThere) return this;
    if (value === '') return Labels.ofFlat(flat.toSpliced(at, 2));
    return Labels.ofFlat(flat.toSpliced(at, isThere ? 2 : 0, name, value));
  }

  /** Only the labels whose names are in `names`. */
  pick(names: ReadonlySet<string>): Labels {
    return filtered(this, names, true);
  }

  /** All labels but those in `names`. */
  omit(names: ReadonlySet<string>): Labels {
    return filtered(this, names, false);
  }

  /** The `key` of the labels that a cut leaves, without making them. Cheap when the same cut is asked for again. */
  cutKey(cut: LabelCut): string {
    const made = (this.#made ??= nothingMade());
    if (made.cut !== cut) {
      made.cutKey = keyOf(flatOfCut(this.#flat, cut.names, cut.isKept));
      made.cut = cut;
    }
    return made.cutKey;
  }

  /** All labels but the metric name, and its type and unit. Made once. */
  withoutName(): Labels {
    const made = (this.#made ??= nothingMade());
    made.bare ??= filtered(this, NAME_LABELS, false);
    return made.bare;
  }

  /** A plain object in label order, as the Prometheus API prints it. */
  toObject(): Record<string, string> {
    return Object.fromEntries(this.entries());
  }

  toJSON(): Record<string, string> {
    return this.toObject();
  }

  /** As PromQL writes it: `name{a="1", b="2"}`. */
  toString(): string {
    const parts: string[] = [];
    for (const [name, value] of this.entries()) {
      if (name !== METRIC_NAME) parts.push(`${name}=${JSON.stringify(value)}`);
    }
    const name = this.metricName;
    return parts.length === 0 && name !== '' ? name : `${name}{${parts.join(', ')}}`;
  }

  /** Orders label sets as Prometheus orders series: label by label, name before value; a prefix comes first. */
  static compare(this: void, left: Labels, right: Labels): number {
    const a = left.#flat;
    const b = right.#flat;
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++) {
      if (a[i] === b[i]) continue;
      const order = compareUtf8(a[i] ?? '', b[i] ?? '');
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
}

function nothingMade(): Made {
  return { key: undefined, bare: undefined, cut: undefined, cutKey: '' };
}

function filtered(labels: Labels, names: ReadonlySet<string>, isKept: boolean): Labels {
  const { flat } = labels;
  const kept = flatOfCut(flat, names, isKept);
  return kept.length === flat.length ? labels : Labels.ofFlat(fitted(kept));
}

/** Name, value … of the labels whose names are in `names`, or of all others. */
function flatOfCut(flat: readonly string[], names: ReadonlySet<string>, isKept: boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] ?? '';
    if (names.has(name) === isKept) kept.push(name, flat[i + 1] ?? '');
  }
  return kept;
}

/** Name, value … of few entries, each put where it belongs: most come in order, and nothing else has to be made. */
function flatOfFew(entries: readonly (readonly [string, string])[]): string[] {
  const flat: string[] = [];
  let hasEmpty = false;
  for (const [name, value] of entries) {
    if (value === '') hasEmpty = true;
    let at = flat.length;
    while (at > 0 && compareUtf8(flat[at - 2] ?? '', name) > 0) at -= 2;
    if (at > 0 && flat[at - 2] === name) flat[at - 1] = value;
    else if (at === flat.length) flat.push(name, value);
    else flat.splice(at, 0, name, value);
  }
  return hasEmpty ? flat.filter((_, at) => flat[at | 1] !== '') : flat;
}

function flatOfMany(entries: readonly (readonly [string, string])[]): string[] {
  const byName = new Map(entries);
  return [...byName.keys()].sort(compareUtf8).flatMap((name) => {
    const value = byName.get(name) ?? '';
    return value === '' ? [] : [name, value];
  });
}

/**
 * The same texts in a list of just their size. The engine gives one that grew from nothing room for seventeen, and sets of few
 * labels, of which a large fleet has hundreds of thousands, would take twice the memory.
 */
export function fitted(flat: readonly string[]): readonly string[] {
  return flat.slice();
}

/**
 * A length in front of each part keeps hostile values from imitating a separator. Joined at once: what is added up piece by
 * piece stays a tree of pieces in the engine, four times as large, as long as nobody looks at its letters.
 */
function keyOf(flat: readonly string[]): string {
  return flat.map((text) => `${text.length}:${text}`).join('');
}

/** The value of a label as it stands between the quotes of Prometheus' and OpenMetrics' text formats. */
export function escapedValue(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (letter) => (letter === '\n' ? '\\n' : `\\${letter}`));
}
