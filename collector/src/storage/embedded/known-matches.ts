/**
 * What lists of matchers found: a dashboard asks for the same series with every refresh, and finding hosts, matching their
 * schemas and making label sets would take longer than reading an hour of samples. Good for as long as no host came, went
 * or was named anew, and no host began to use a schema.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { Labels } from '../labels.ts';
import type { Matcher } from '../matcher.ts';
import type { CatalogueHost } from './catalogue.ts';
import { labelsOf, SchemaMatching, type HostMatch, type Identity } from './matching.ts';

/** A host that a read is about. */
export interface FoundHost {
  /** What found it, and is charged for its labels. */
  readonly by: KnownMatch;
  readonly host: CatalogueHost;
  readonly identity: Identity;
  readonly match: HostMatch;
  /** Label sets of the series that fit, in the order of `SchemaMatching.series`. */
  readonly labels: Map<Schema, readonly Labels[]>;
}

/** What one list of matchers finds. */
export interface KnownMatch {
  readonly matching: SchemaMatching;
  /** Of the catalogue; undefined until somebody has looked for them. */
  hosts: readonly FoundHost[] | undefined;
  /** Hosts and label sets that it holds. */
  weight: number;
}

const MATCHES_MAX = 500;
/** Hosts and label sets in all of them, 300 to 400 bytes each. */
export const WEIGHT_MAX = 100_000;

export class KnownMatches {
  /** In the order of their last use, oldest first. */
  readonly #kept = new Map<string, KnownMatch>();
  #version = '';

  get size(): number {
    return this.#kept.size;
  }

  /**
   * What is known of matchers, to be completed by whoever reads; new when nothing is.
   * @param version of the hosts, their names and their schemas; with another one everything is forgotten
   */
  of(matchers: readonly Matcher[], version: string): KnownMatch {
    if (version !== this.#version) this.#kept.clear();
    this.#version = version;
    // Functions do not get into the text: name, operator and value say everything.
    const key = JSON.stringify(matchers);
    let known = this.#kept.get(key);
    if (known === undefined) {
      known = newMatch(matchers);
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

/** A match of which nothing is known yet. */
export function newMatch(matchers: readonly Matcher[]): KnownMatch {
  return { matching: new SchemaMatching(matchers), hosts: undefined, weight: 0 };
}

/** The series of a schema that fit on a host: their places in the schema, and their labels. */
export function seriesOf(
  schema: Schema,
  { by, identity, match, labels }: FoundHost,
): { readonly indices: readonly number[]; readonly labels: readonly Labels[] } {
  const indices = by.matching.series(schema, match);
  let found = labels.get(schema);
  if (found === undefined) {
    found = indices.map((index) => labelsOf(schema, index, identity));
    labels.set(schema, found);
    by.weight += found.length;
  }
  return { indices, labels: found };
}
