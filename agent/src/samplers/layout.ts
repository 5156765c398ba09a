/**
 * The layout of a sampler's readings: which series it emits in which order, and where each stands in the canonical
 * order of its schema. Building one is dear (sorting, hashing); it is kept until the sampler emits something else.
 */
import assert from 'node:assert';
import { metricDefinition, type MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { createSchema, type HashedSchema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import { cleanLabel } from './label.ts';

/** A series as the sampler emits it: label values raw, in the catalogue's order. */
export interface Emission {
  readonly metric: MetricName;
  readonly labels: readonly string[];
}

/** The series of one schema with room for one value each. */
export interface LayoutPart {
  readonly schema: HashedSchema;
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

/** Where an emission goes. */
export interface Place {
  readonly part: LayoutPart;
  readonly index: number;
}

export interface Layout {
  readonly emissions: readonly Emission[];
  /** Per emission; undefined when an earlier one has the same labels after cleaning. */
  readonly places: readonly (Place | undefined)[];
  /** Per emission: decimals of its metric, or -1 when the metric travels as float64. */
  readonly scales: Int8Array;
  readonly parts: readonly LayoutPart[];
}

export const EMPTY_LAYOUT: Layout = { emissions: [], places: [], scales: new Int8Array(0), parts: [] };

/**
 * @param options.sampler name of the schema; the second and further parts of a sampler with more series than a schema
 *   may hold are called `<name>.2` and so on
 * @param options.floatMetrics metrics that travel as float64
 * @param options.partsMin as many schemas are made, the last ones empty: one that existed has to tell that its series ended
 */
export function createLayout(options: {
  readonly sampler: string;
  readonly intervalMs: number;
  readonly emissions: readonly Emission[];
  readonly floatMetrics: ReadonlySet<MetricName>;
  readonly partsMin: number;
}): Layout {
  const { emissions, floatMetrics } = options;
  const keys: string[] = [];
  const first = new Map<string, Emission>();
  for (const { metric, labels } of emissions) {
    assert(
      labels.length === metricDefinition(metric).labels.length,
      `metric ${metric} got ${labels.length} labels`,
    );
    const clean = { metric, labels: labels.map(cleanLabel) };
    const key = seriesKey(clean);
    keys.push(first.has(key) ? '' : key);
    if (!first.has(key)) first.set(key, clean);
  }
  const placeOf = new Map<string, Place>();
  const shares: Emission[][] = chunks([...first.values()], LIMITS.seriesPerSchema);
  while (shares.length < options.partsMin) shares.push([]);
  const parts = shares.map((series, i) =>
    createPart(
      { ...options, sampler: i === 0 ? options.sampler : `${options.sampler}.${i + 1}`, series },
      placeOf,
    ),
  );
  return {
    emissions,
    places: keys.map((key) => placeOf.get(key)),
    scales: Int8Array.from(emissions, ({ metric }) =>
      floatMetrics.has(metric) ? -1 : metricDefinition(metric).scale,
    ),
    parts,
  };
}

function createPart(
  options: {
    readonly sampler: string;
    readonly intervalMs: number;
    readonly series: readonly Emission[];
    readonly floatMetrics: ReadonlySet<MetricName>;
  },
  placeOf: Map<string, Place>,
): LayoutPart {
  const seriesOf = new Map<MetricName, (readonly string[])[]>();
  for (const { metric, labels } of options.series) {
    const list = seriesOf.get(metric);
    if (list === undefined) seriesOf.set(metric, [labels]);
    else list.push(labels);
  }
  const metrics = Array.from(seriesOf, ([name, series]): SchemaMetric => {
    const { unit, type, scale, labels } = metricDefinition(name);
    const isFloat = options.floatMetrics.has(name);
    const encoding = isFloat ? 'float64' : 'integer';
    return { name, unit, type, encoding, scale: isFloat ? 0 : scale, labelNames: labels, series };
  });
  const schema = createSchema({ sampler: options.sampler, intervalMs: options.intervalMs, metrics });
  const part = {
    schema,
    values: new Float64Array(schema.seriesCount),
    present: new Uint8Array(schema.seriesCount),
  };
  let index = 0;
  for (const { name, series } of schema.metrics) {
    for (const labels of series) placeOf.set(seriesKey({ metric: name, labels }), { part, index: index++ });
  }
  return part;
}

/** Cleaned labels hold no control characters, so the separator is safe. */
function seriesKey(series: { readonly metric: string; readonly labels: readonly string[] }): string {
  return `${series.metric}\0${series.labels.join('\0')}`;
}

/** Pieces of `list`, at least one. */
function chunks<T>(list: readonly T[], size: number): T[][] {
  const result: T[][] = [list.slice(0, size)];
  for (let from = size; from < list.length; from += size) result.push(list.slice(from, from + size));
  return result;
}
