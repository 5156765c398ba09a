/**
 * The layout of a sampler's readings: which series it emits in which order, and where each stands in the canonical
 * order of its schema. Building one is dear (sorting, hashing); it is kept until the sampler emits something else.
 */
import { assert } from '@rollcall/shared/lib/assert.ts';
import type { MetricDefinition } from '@rollcall/shared/catalogue/definition.ts';
import { metricDefinition, type MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { encodeRecord, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { fitsInteger } from '@rollcall/shared/protocol/samples.ts';
import {
  createSchema,
  type HashedSchema,
  type MetricType,
  type SchemaMetric,
} from '@rollcall/shared/protocol/schema.ts';
import { cleanLabel } from './label.ts';

/** Room for the number in front of the canonical bytes in a schema record. */
const NUMBER_BYTES_MAX = 3;
/** A schema of so many bytes fits into a record however badly it can be compressed. */
const SURE_BYTES = LIMITS.recordBytes - NUMBER_BYTES_MAX;

/**
 * A metric that others named: the text files of a machine have them. The same object stands for the same metric from
 * tick to tick, and no two of a tick have the same name; another object is another series.
 */
export interface ForeignMetric {
  /** `[a-zA-Z_:][a-zA-Z0-9_:]*`, at most LIMITS.labelNameBytes; no name of the catalogue. */
  readonly name: string;
  readonly type: MetricType;
  /** Label names in UTF-8 order, at most LIMITS.labelsPerSeries. */
  readonly labels: readonly string[];
}

/** A metric of the catalogue, by its name, or one of others. */
export type Metric = MetricName | ForeignMetric;

/** A series as the sampler emits it: label values raw, in the order of the metric's label names. */
export interface Emission {
  readonly metric: Metric;
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
  /** Per emission its index in the only part; undefined when there are several parts, or two emissions of one series. */
  readonly indexes: Int32Array | undefined;
  /** Per emission: decimals of its metric, or -1 when the metric travels as float64. */
  readonly scales: Int8Array;
  readonly parts: readonly LayoutPart[];
}

/** Decimals with which any whole number of 32 bits still fits an integer of the wire: 2^31 times 10^6 is below 2^52. */
const INT32_SCALE_MAX = 6;

export const EMPTY_LAYOUT: Layout = {
  emissions: [],
  places: [],
  indexes: undefined,
  scales: new Int8Array(0),
  parts: [],
};

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
  readonly floatMetrics: ReadonlySet<Metric>;
  readonly partsMin: number;
}): Layout {
  const { emissions, floatMetrics } = options;
  const keys: string[] = [];
  const first = new Map<string, Emission>();
  for (const { metric, labels } of emissions) {
    assert(
      labels.length === columnsOf(metric).labels.length,
      `metric ${nameOf(metric)} got ${labels.length} labels`,
    );
    const clean = { metric, labels: labels.map(cleanLabel) };
    const key = keyOf(nameOf(metric), clean.labels);
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
  const places = keys.map((key) => placeOf.get(key));
  const isPlain = parts.length === 1 && !places.includes(undefined);
  return {
    emissions,
    places,
    indexes: isPlain ? Int32Array.from(places, (place) => place?.index ?? 0) : undefined,
    scales: Int8Array.from(emissions, ({ metric }) =>
      floatMetrics.has(metric) ? -1 : columnsOf(metric).scale,
    ),
    parts,
  };
}

function createPart(
  options: {
    readonly sampler: string;
    readonly intervalMs: number;
    readonly series: readonly Emission[];
    readonly floatMetrics: ReadonlySet<Metric>;
  },
  placeOf: Map<string, Place>,
): LayoutPart {
  const seriesOf = new Map<Metric, (readonly string[])[]>();
  for (const { metric, labels } of options.series) {
    const list = seriesOf.get(metric);
    if (list === undefined) seriesOf.set(metric, [labels]);
    else list.push(labels);
  }
  const metrics = Array.from(seriesOf, ([metric, series]): SchemaMetric => {
    const { unit, type, scale, labels } = columnsOf(metric);
    const name = nameOf(metric);
    const isFloat = options.floatMetrics.has(metric);
    const encoding = isFloat ? 'float64' : 'integer';
    return { name, unit, type, encoding, scale: isFloat ? 0 : scale, labelNames: labels, series };
  });
  const schema = createSchema({ sampler: options.sampler, intervalMs: options.intervalMs, metrics });
  if (schema.bytes.length > SURE_BYTES) checkFits(schema);
  const part = {
    schema,
    values: new Float64Array(schema.seriesCount),
    present: new Uint8Array(schema.seriesCount),
  };
  let index = 0;
  for (const { name, series } of schema.metrics) {
    for (const labels of series) placeOf.set(keyOf(name, labels), { part, index: index++ });
  }
  return part;
}

/**
 * That the schema fits into a record. If the spool found out, the whole tick would be lost and not just this sampler.
 * @throws AppError LIMIT_EXCEEDED
 */
function checkFits({ bytes }: HashedSchema): void {
  const draft = { kind: RECORD_KIND.SCHEMA, flags: 0, wallMs: 0, bootMs: 0 };
  encodeRecord({ ...draft, body: Buffer.concat([bytes, Buffer.alloc(NUMBER_BYTES_MAX)]) }, 1);
}

/** Whether a finite value can travel with so many decimals, -1 for as float64. */
export function fitsScale(value: number, scale: number): boolean {
  // Most values are whole numbers of 32 bits, which always fit.
  return ((value | 0) === value && scale <= INT32_SCALE_MAX) || scale < 0 || fitsInteger(value, scale);
}

export function areSameLabels(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** The name of a metric, wherever it comes from. */
function nameOf(metric: Metric): string {
  return typeof metric === 'string' ? metric : metric.name;
}

/** What a schema says of a metric; one of others begins as whole numbers without a unit. */
function columnsOf(metric: Metric): Pick<MetricDefinition, 'type' | 'unit' | 'labels' | 'scale'> {
  return typeof metric === 'string' ? metricDefinition(metric) : { ...metric, unit: '', scale: 0 };
}

/** Cleaned labels hold no control characters, so the separator is safe. */
function keyOf(name: string, labels: readonly string[]): string {
  return `${name}\0${labels.join('\0')}`;
}

/** Pieces of `list`, at least one. */
function chunks<T>(list: readonly T[], size: number): T[][] {
  const result: T[][] = [list.slice(0, size)];
  for (let from = size; from < list.length; from += size) result.push(list.slice(from, from + size));
  return result;
}
