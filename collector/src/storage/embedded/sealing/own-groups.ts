/**
 * Groups of what the collector stored itself. Its records hold the few series of one time each, so rows over a whole
 * schema would be mostly empty. Here series with the same times form a group, under a schema of their own.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { Labels } from '../../labels.ts';
import { STATE, type Block } from '../blocks/block.ts';
import type { Column } from '../format/group.ts';
import { labelsOf } from '../reads/matching.ts';
import { packSchemas } from '../own/own-schemas.ts';
import type { SchemaGroup } from './tick-columns.ts';

/** Sampler of the schemas that are made here. */
const SEALED_SAMPLER = 'own.sealed';

interface OwnSamples {
  readonly labels: Labels;
  readonly times: number[];
  readonly values: number[];
  readonly states: number[];
  isRising: boolean;
}

export class OwnGroups {
  readonly #bySchema = new Map<Schema, (OwnSamples | undefined)[]>();
  readonly #byKey = new Map<string, OwnSamples>();

  /** Takes in a block; those of one time in order of their records. */
  add({ schema, timeMs, values, states }: Block): void {
    for (let index = 0; index < values.length; index++) {
      const state = states === undefined ? STATE.PRESENT : (states[index] ?? STATE.ABSENT);
      if (state === STATE.ABSENT) continue;
      const series = this.#series(schema, index);
      if (timeMs <= (series.times.at(-1) ?? Number.NEGATIVE_INFINITY)) series.isRising = false;
      series.times.push(timeMs);
      series.values.push(values[index] ?? Number.NaN);
      series.states.push(state);
    }
  }

  /** Groups of series with the same times. */
  *groups(hostId: string): Generator<SchemaGroup> {
    const clusters = new Map<string, OwnSamples[]>();
    for (const series of this.#byKey.values()) {
      const ordered = series.isRising ? series : inOrder(series);
      const key = timesKey(ordered.times);
      const cluster = clusters.get(key);
      if (cluster === undefined) clusters.set(key, [ordered]);
      else if (haveSameTimes(cluster[0], ordered)) cluster.push(ordered);
      else clusters.set(`${key} ${ordered.labels.key}`, [ordered]);
    }
    for (const cluster of clusters.values()) {
      const members = new Map(cluster.map((series) => [series.labels.key, series]));
      const timesMs = Float64Array.from(cluster[0]?.times ?? []);
      const all = cluster.map((series) => series.labels).sort(Labels.compare);
      for (const { schema, labels } of packSchemas(all, () => SEALED_SAMPLER)) {
        const columns = labels.map(({ key }) => toColumn(members.get(key)));
        yield { schema, group: { hostId, schemaHash: schema.hash, timesMs, columns } };
      }
    }
  }

  #series(schema: Schema, index: number): OwnSamples {
    let list = this.#bySchema.get(schema);
    if (list === undefined) {
      list = [];
      this.#bySchema.set(schema, list);
    }
    let series = list[index];
    if (series === undefined) {
      const labels = labelsOf(schema, index, []);
      series = this.#byKey.get(labels.key) ?? { labels, times: [], values: [], states: [], isRising: true };
      this.#byKey.set(labels.key, series);
      list[index] = series;
    }
    return series;
  }
}

/** Equal for equal times, and seldom for others. */
function timesKey(times: readonly number[]): string {
  const firstMs = times[0] ?? 0;
  let sum = 0;
  for (let i = 0; i < times.length; i++) sum = (sum + ((times[i] ?? 0) - firstMs) * (i + 1)) % 2 ** 40;
  return `${times.length} ${firstMs} ${sum}`;
}

function haveSameTimes(left: OwnSamples | undefined, right: OwnSamples): boolean {
  return (
    left?.times.length === right.times.length && right.times.every((timeMs, i) => left.times[i] === timeMs)
  );
}

/** Rising times; of samples of one time a value beats a stale marker, then the first counts. */
function inOrder({ labels, times, values, states }: OwnSamples): OwnSamples {
  const order = times.map((_, at) => at);
  const rank = (at: number): number => (states[at] === STATE.PRESENT ? 0 : 1);
  order.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || rank(a) - rank(b) || a - b);
  const kept = order.filter((at, i) => i === 0 || times[at] !== times[order[i - 1] ?? -1]);
  return {
    labels,
    times: kept.map((at) => times[at] ?? 0),
    values: kept.map((at) => values[at] ?? Number.NaN),
    states: kept.map((at) => states[at] ?? STATE.ABSENT),
    isRising: true,
  };
}

function toColumn(series: OwnSamples | undefined): Column {
  if (series === undefined) throw new Error('a series of its own schema is missing');
  const isComplete = series.states.every((state) => state === STATE.PRESENT);
  return {
    states: isComplete ? undefined : Uint8Array.from(series.states),
    streams: [Float64Array.from(series.values)],
  };
}
