/**
 * What lists of matchers found: a dashboard asks for the same series with every refresh, and finding hosts, matching their
 * schemas and making label sets would take longer than reading an hour of samples. Good for as long as no host came, went
 * or was named anew, and no host began to use a schema.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { partIndexOf } from '../../host-part.ts';
import { HOST_LABEL, type Labels } from '../../labels.ts';
import type { Matcher } from '../../matcher.ts';
import type { HostPart } from '../../storage.ts';
import type { CatalogueHost } from '../catalogue.ts';
import { labelsOf, labelValueOf, SchemaMatching, type HostMatch, type Identity } from './matching.ts';

/** A host that a read is about. */
export interface FoundHost {
  /** What found it, and is charged for its labels. */
  readonly by: KnownMatch;
  readonly host: CatalogueHost;
  readonly identity: Identity;
  readonly match: HostMatch;
  /** Of the series those that are wanted, where the host itself does not say in which part of the fleet they are. */
  readonly part: HostPart | undefined;
  /** Label sets of the series that fit, in the order of `SchemaMatching.series`; made with the first of them. */
  labels: Map<Schema, readonly Labels[]> | undefined;
}

/** What one list of matchers finds. */
export interface KnownMatch {
  readonly matching: SchemaMatching;
  /** Of the catalogue; undefined until somebody has looked for them. */
  hosts: readonly FoundHost[] | undefined;
  /** Hosts and label sets that it holds, those that it shares counted less. */
  weight: number;
  /** Label sets that all matches have in common; undefined for a match that nobody remembers. */
  readonly shared: SharedLabels | undefined;
}

const MATCHES_MAX = 3_000;
/** Label sets in all of them, 300 to 400 bytes each, and hosts. */
export const WEIGHT_MAX = 100_000;
/** Label sets that matches share, of the same size. */
const SHARED_MAX = 100_000;
/** What a match holds of a label set that it shares. */
const SHARED_WEIGHT = 1 / 16;
/** What it holds of a host without label sets, and what a list of them weighs besides. */
export const HOST_WEIGHT = 1 / 4;
const LIST_WEIGHT = 3 / 4;

/**
 * Label sets of series, each made once however many matches hold it: a board about a fleet names each series in several
 * queries. When there is no more room, matches make their own.
 */
class SharedLabels {
  readonly #byHost = new Map<CatalogueHost, Map<Schema, (Labels | undefined)[]>>();
  #count = 0;

  /** Undefined when it is not known and there is no room. */
  of({ host, identity }: FoundHost, schema: Schema, index: number): Labels | undefined {
    let bySchema = this.#byHost.get(host);
    if (bySchema === undefined) this.#byHost.set(host, (bySchema = new Map()));
    let list = bySchema.get(schema);
    if (list === undefined) bySchema.set(schema, (list = []));
    const known = list[index];
    if (known !== undefined || this.#count >= SHARED_MAX) return known;
    this.#count++;
    return (list[index] = labelsOf(schema, index, identity));
  }
}

export class KnownMatches {
  /** In the order of their last use, oldest first. */
  readonly #kept = new Map<string, KnownMatch>();
  #shared = new SharedLabels();
  #version = '';

  get size(): number {
    return this.#kept.size;
  }

  /**
   * What is known of matchers, to be completed by whoever reads; new when nothing is.
   * @param version of the hosts, their names and their schemas; with another one everything is forgotten
   */
  of(matchers: readonly Matcher[], version: string): KnownMatch {
    if (version !== this.#version) {
      this.#kept.clear();
      this.#shared = new SharedLabels();
    }
    this.#version = version;
    const key = keyOf(matchers);
    let known = this.#kept.get(key);
    if (known === undefined) {
      known = newMatch(matchers, this.#shared);
      this.#fit();
    }
    this.#kept.delete(key);
    this.#kept.set(key, known);
    return known;
  }

  /** Makes room for one more. */
  #fit(): void {
    let weight = 0;
    for (const match of this.#kept.values()) weight += match.weight;
    for (const [key, match] of this.#kept) {
      if (weight <= WEIGHT_MAX && this.#kept.size < MATCHES_MAX) return;
      this.#kept.delete(key);
      weight -= match.weight;
    }
  }
}

/** Of lists that somebody still holds: those of a query that is asked again are the same ones. */
const keys = new WeakMap<readonly Matcher[], string>();

function keyOf(matchers: readonly Matcher[]): string {
  let key = keys.get(matchers);
  // Functions do not get into the text: name, operator and value say everything.
  if (key === undefined) keys.set(matchers, (key = JSON.stringify(matchers)));
  return key;
}

/** A match of which nothing is known yet. */
export function newMatch(matchers: readonly Matcher[], shared?: SharedLabels): KnownMatch {
  return { matching: new SchemaMatching(matchers), hosts: undefined, weight: 0, shared };
}

/** Of lists of places that matchings remember, by parts. */
const partsOfPlaces = new WeakMap<readonly number[], readonly (readonly number[])[]>();

/** Places of the series of a schema that are wanted on a host, rising. */
export function wantedOf(schema: Schema, { by, match, part }: FoundHost): readonly number[] {
  const all = by.matching.series(schema, match);
  if (part === undefined || all.length === 0) return all;
  let parts = partsOfPlaces.get(all);
  if (parts?.length !== part.count) {
    const lists = Array.from({ length: part.count }, (): number[] => []);
    for (const place of all)
      lists[partIndexOf(labelValueOf(schema, place, HOST_LABEL), part.count)]?.push(place);
    partsOfPlaces.set(all, lists);
    parts = lists;
  }
  return parts[part.index] ?? [];
}

/** The series of a schema that fit on a host: their places in the schema, and their labels. */
export function seriesOf(
  schema: Schema,
  host: FoundHost,
): { readonly indices: readonly number[]; readonly labels: readonly Labels[] } {
  const { by, identity, labels } = host;
  const indices = wantedOf(schema, host);
  let found = labels?.get(schema);
  if (found === undefined) {
    found = indices.map((index) => {
      const shared = by.shared?.of(host, schema, index);
      by.weight += shared === undefined ? 1 : SHARED_WEIGHT;
      return shared ?? labelsOf(schema, index, identity);
    });
    if (host.labels === undefined) by.weight += LIST_WEIGHT;
    (host.labels ??= new Map()).set(schema, found);
  }
  return { indices, labels: found };
}
