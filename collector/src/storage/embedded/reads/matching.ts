/**
 * Matching labels over hosts × schemas: a matcher on an identity label is asked once per host, every other one once per
 * schema, and the same schema is never matched twice in a read.
 */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import type { Schema, SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import { Labels, METRIC_NAME } from '../../labels.ts';
import type { Matcher } from '../../matcher.ts';

/** Labels of a host, names and values; of the collector's own series none. */
export type Identity = readonly (readonly [string, string])[];

/** The matchers that the identity of a host leaves open. */
export interface HostMatch {
  readonly matchers: readonly Matcher[];
  /** What was found so far; shared by hosts with the same matchers left. */
  readonly found: Map<Schema, readonly number[]>;
}

export class SchemaMatching {
  readonly #matchers: readonly Matcher[];
  /** Of hosts whose identity has none of the labels. */
  readonly #allOpen: HostMatch;
  readonly #byKey = new Map<string, HostMatch>();

  constructor(matchers: readonly Matcher[]) {
    this.#matchers = matchers;
    this.#allOpen = { matchers, found: new Map() };
  }

  /** Undefined when the identity alone rules the host out. Identity labels win over labels of the same name. */
  host(identity: Identity): HostMatch | undefined {
    // Asked for each host of a fleet with each new question, so nothing is made for the usual answer.
    let isOpen = true;
    for (const matcher of this.#matchers) {
      const own = valueIn(identity, matcher.name);
      if (own === undefined) continue;
      if (!matcher.matches(own)) return undefined;
      isOpen = false;
    }
    return isOpen ? this.#allOpen : this.#partlyOpen(identity);
  }

  #partlyOpen(identity: Identity): HostMatch {
    const open: Matcher[] = [];
    let key = '';
    for (const [index, matcher] of this.#matchers.entries()) {
      if (valueIn(identity, matcher.name) !== undefined) continue;
      open.push(matcher);
      key += `${index},`;
    }
    let match = this.#byKey.get(key);
    if (match === undefined) {
      match = { matchers: open, found: new Map() };
      this.#byKey.set(key, match);
    }
    return match;
  }

  /** Indices of the series of a schema that fit, rising. */
  series(schema: Schema, { matchers, found }: HostMatch): readonly number[] {
    let indices = found.get(schema);
    if (indices === undefined) {
      indices = matchSchema(schema, matchers);
      found.set(schema, indices);
    }
    return indices;
  }
}

/** Undefined when the identity has no such label, or an empty one. */
function valueIn(identity: Identity, label: string): string | undefined {
  for (const [name, value] of identity) if (name === label && value !== '') return value;
  return undefined;
}

/** The metric and the label values of a series of a schema. */
export function entryOf(
  schema: Schema,
  index: number,
): { readonly metric: SchemaMetric; readonly values: readonly string[] } | undefined {
  let rest = index;
  for (const metric of schema.metrics) {
    const values = metric.series[rest];
    if (values !== undefined) return { metric, values };
    rest -= metric.series.length;
  }
  return undefined;
}

/** The value of a label of a series of a schema, `''` when it has none; without those of its host. */
export function labelValueOf(schema: Schema, index: number, name: string): string {
  const entry = entryOf(schema, index);
  if (entry === undefined) return '';
  if (name === METRIC_NAME) return entry.metric.name;
  const column = entry.metric.labelNames.indexOf(name);
  return column < 0 ? '' : (entry.values[column] ?? '');
}

/** The label set of a series of a schema on a host. */
export function labelsOf(schema: Schema, index: number, identity: Identity): Labels {
  const entry = entryOf(schema, index);
  if (entry === undefined) return Labels.empty;
  const { metric, values } = entry;
  // Rules of a large fleet make hundreds of thousands of sets a minute, so nothing is made here but the list itself.
  const flat = merged(metric, values, identity);
  if (flat !== undefined) return Labels.ofFlat(flat);
  const pairs: [string, string][] = [[METRIC_NAME, metric.name]];
  for (const [at, name] of metric.labelNames.entries()) pairs.push([name, values[at] ?? '']);
  for (const [name, value] of identity) if (value !== '') pairs.push([name, value]);
  return Labels.from(pairs);
}

/** Where label sets are written before they are copied: a list that grows takes twice the room. */
const scratch: string[] = [];

/** Name, value … of a series, sorted by name; undefined where its labels or those of the host are not in order or share a name. */
function merged(
  { name: metricName, labelNames }: SchemaMetric,
  values: readonly string[],
  identity: Identity,
): readonly string[] | undefined {
  let length = 0;
  const add = (name: string, value: string): boolean => {
    if (length > 0 && compareUtf8(scratch[length - 2] ?? '', name) >= 0) return false;
    scratch[length++] = name;
    scratch[length++] = value;
    return true;
  };
  let next = 0;
  /** Those of the host that come before a name. */
  const addIdentity = (before: string | undefined): boolean => {
    for (; next < identity.length; next++) {
      const [name, value] = identity[next] ?? ['', ''];
      if (before !== undefined && compareUtf8(name, before) > 0) return true;
      if (value !== '' && !add(name, value)) return false;
    }
    return true;
  };
  if (!addIdentity(METRIC_NAME) || (metricName !== '' && !add(METRIC_NAME, metricName))) return undefined;
  for (let column = 0; column < labelNames.length; column++) {
    const name = labelNames[column] ?? '';
    const value = values[column] ?? '';
    if (value !== '' && (!addIdentity(name) || !add(name, value))) return undefined;
  }
  return addIdentity(undefined) ? scratch.slice(0, length) : undefined;
}

function matchSchema(schema: Schema, matchers: readonly Matcher[]): readonly number[] {
  const found: number[] = [];
  let first = 0;
  for (const metric of schema.metrics) {
    const open = matchMetric(metric, matchers);
    if (open !== undefined) {
      for (const [at, values] of metric.series.entries()) {
        if (open.every(({ matcher, column }) => matcher.matches(values[column] ?? '')))
          found.push(first + at);
      }
    }
    first += metric.series.length;
  }
  return found;
}

interface ColumnMatcher {
  readonly matcher: Matcher;
  readonly column: number;
}

/** The matchers that depend on the series; undefined when the metric's name or a missing label rules it out. */
function matchMetric(
  metric: SchemaMetric,
  matchers: readonly Matcher[],
): readonly ColumnMatcher[] | undefined {
  const open: ColumnMatcher[] = [];
  for (const matcher of matchers) {
    if (matcher.name === METRIC_NAME) {
      if (!matcher.matches(metric.name)) return undefined;
      continue;
    }
    const column = metric.labelNames.indexOf(matcher.name);
    if (column >= 0) open.push({ matcher, column });
    else if (!matcher.matches('')) return undefined;
  }
  return open;
}
