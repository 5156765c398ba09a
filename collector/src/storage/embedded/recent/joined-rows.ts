/**
 * What several block files have of one schema of a host as one array of times and one for each series: a chart of a day would
 * else look up and cut twenty-five pieces of each. Put together when it is first asked for.
 */
import { joined } from './joined-times.ts';
import type { HostGroup } from '../blocks/stored-groups.ts';

export class JoinedRows {
  /** Of all rows of all groups; not to be changed. */
  readonly timesMs: Float64Array;
  readonly #groups: readonly HostGroup[];
  /** By place in the schema; undefined for those that are to be read group by group. */
  readonly #columns = new Map<number, Float64Array | undefined>();
  /** All of one length, that of the times among them. */
  #arrays = 1;
  /** The times that were asked for last: who asks for the same rows gets the same array, by which others know them. */
  #newest: { readonly low: number; readonly high: number; readonly timesMs: Float64Array } | undefined;

  private constructor(groups: readonly HostGroup[], timesMs: Float64Array) {
    this.#groups = groups;
    this.timesMs = timesMs;
  }

  /** Undefined when a group is damaged, of another schema than the first one, or not later than the one before. */
  static of(groups: readonly HostGroup[]): JoinedRows | undefined {
    const [first] = groups;
    if (first === undefined) return undefined;
    const parts: Float64Array[] = [];
    let lastMs = Number.NEGATIVE_INFINITY;
    for (const { file, group, schema } of groups) {
      const times = file.times(group);
      if (schema.hash !== first.schema.hash || times === undefined || !((times[0] ?? Number.NaN) > lastMs))
        return undefined;
      lastMs = times.at(-1) ?? Number.NaN;
      parts.push(times);
    }
    return new JoinedRows(groups, joined(parts));
  }

  /** Whether it is made of these. */
  isOf(groups: readonly HostGroup[]): boolean {
    const own = this.#groups;
    if (own.length !== groups.length) return false;
    for (let at = 0; at < own.length; at++) if (own[at] !== groups[at]) return false;
    return true;
  }

  /** Memory that it takes at the moment. */
  get bytes(): number {
    return this.#arrays * this.timesMs.byteLength;
  }

  /** The times of rows from `low` on and before `high`. */
  times(low: number, high: number): Float64Array {
    if (this.#newest?.low !== low || this.#newest.high !== high)
      this.#newest = { low, high, timesMs: this.timesMs.subarray(low, high) };
    return this.#newest.timesMs;
  }

  /** The values of a series in all rows, not to be changed; undefined when it is damaged or is not in every row. */
  column(index: number): Float64Array | undefined {
    const known = this.#columns.get(index);
    if (known !== undefined || this.#columns.has(index)) return known;
    const parts: Float64Array[] = [];
    for (const { file, group } of this.#groups) {
      const part = file.column(group, index);
      if (part !== undefined && part.states === undefined) parts.push(part.values);
    }
    const values = parts.length === this.#groups.length ? joined(parts) : undefined;
    this.#columns.set(index, values);
    if (values !== undefined) this.#arrays++;
    return values;
  }
}
