/**
 * The schema of a sampler: the ordered list of series that its blocks carry. Equal content gives equal bytes and hence
 * an equal hash, so the collector keeps each schema once for the whole fleet.
 */
import { createHash } from 'node:crypto';
import { AppError } from '../lib/errors.ts';
import { compareUtf8, isCleanText } from '../lib/text.ts';
import { ByteReader, ByteWriter } from '../lib/varint.ts';
import { LIMITS } from './limits.ts';

const FORMAT = 1;
const SAMPLER_PATTERN = /^[a-z][a-z0-9_.]{0,63}$/;
const METRIC_NAME_PATTERN = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME_PATTERN = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const RESERVED_LABELS: ReadonlySet<string> = new Set([
  'instance',
  'job',
  'host',
  'host_id',
  'agent_id',
  'site',
]);
/** What newer senders write beside the name of a metric. */
const PUSHED_INTERNALS: ReadonlySet<string> = new Set(['__type__', '__unit__']);
const METRICS_MAX = LIMITS.seriesPerSchema;
const NUMBER_MAX = 65_535;
const SCALE_MAX = 9;
const SAMPLER_BYTES_MAX = 64;
const UNIT_BYTES_MAX = 32;
const INTERVAL_MS_MAX = 86_400_000;
/** Room for the number in front of the canonical bytes in a schema record. */
const NUMBER_BYTES_MAX = 3;
const SCHEMA_BYTES_MAX = LIMITS.recordInflatedBytes - NUMBER_BYTES_MAX;

/**
 * Who made a schema. An agent never names its own identity labels; the collector stores complete label sets (`up`, rule
 * results, pushed series), which may also be longer.
 */
export type SchemaOrigin = 'agent' | 'collector';

interface OriginRules {
  readonly reserved: ReadonlySet<string>;
  readonly labelsMax: number;
  readonly valueBytesMax: number;
  /** Metrics and labels are called as Prometheus 2 wants it; from 3 on they may have any name, and so what is pushed. */
  readonly mustBeClassic: boolean;
  /** No control characters in label values; what is pushed in Prometheus' format may have any. */
  readonly mustBeClean: boolean;
  /** What is stored when it happens has no interval, written as 0. */
  readonly intervalMsMin: number;
}

const ORIGIN_RULES: Readonly<Record<SchemaOrigin, OriginRules>> = {
  agent: {
    reserved: RESERVED_LABELS,
    labelsMax: LIMITS.labelsPerSeries,
    valueBytesMax: LIMITS.labelValueBytes,
    mustBeClassic: true,
    mustBeClean: true,
    intervalMsMin: 1,
  },
  collector: {
    reserved: new Set(),
    labelsMax: LIMITS.ownLabelsPerSeries,
    valueBytesMax: LIMITS.ownLabelValueBytes,
    mustBeClassic: false,
    mustBeClean: false,
    intervalMsMin: 0,
  },
};

/** A gauge goes up and down; a counter only up, until what it counts starts again. */
export type MetricType = 'gauge' | 'counter';
/** How values travel: as decimal-scaled integers, or as float64. */
export type ValueEncoding = 'integer' | 'float64';

/** One metric of a sampler with its series. */
export interface SchemaMetric {
  /** Of agents as Prometheus 2 allows it: `[a-zA-Z_:][a-zA-Z0-9_:]*`; of others any text. At most 128 bytes. */
  readonly name: string;
  /** For example `bytes`; '' for a plain number. At most 32 bytes. */
  readonly unit: string;
  readonly type: MetricType;
  readonly encoding: ValueEncoding;
  /** Integers are value × 10^scale, 0 to 9. */
  readonly scale: number;
  /** Sorted, at most 16; none of the names that the collector sets. */
  readonly labelNames: readonly string[];
  /** Label values per series in the order of `labelNames`, each at most 256 bytes; sorted, without doubles. */
  readonly series: readonly (readonly string[])[];
}

/** What the blocks of one sampler hold. */
export interface Schema {
  /** `[a-z][a-z0-9_.]*`, at most 64 characters. */
  readonly sampler: string;
  /** Nominal distance of two readings, 1 ms to 1 day. */
  readonly intervalMs: number;
  /** Sorted by name. */
  readonly metrics: readonly SchemaMetric[];
  /** Series of all metrics; a block has its values in this order. */
  readonly seriesCount: number;
}

/** A schema with its identity. */
export interface HashedSchema extends Schema {
  /** Canonical bytes. */
  readonly bytes: Buffer;
  /** SHA-256 of the canonical bytes, hexadecimal. */
  readonly hash: string;
}

/**
 * Brings metrics and series into canonical order and computes the hash. Values of a block follow the order of the
 * result, not that of the draft.
 * @throws AppError LIMIT_EXCEEDED, RECORD_UNDECODABLE when the content breaks a rule of the format
 */
export function createSchema(
  draft: {
    readonly sampler: string;
    readonly intervalMs: number;
    readonly metrics: readonly SchemaMetric[];
  },
  origin: SchemaOrigin = 'agent',
): HashedSchema {
  const metrics = draft.metrics
    .map((metric) => ({ ...metric, series: metric.series.toSorted(compareSeries) }))
    .sort((left, right) => compareUtf8(left.name, right.name));
  // Decoding what was just written checks every rule in the one place that knows them.
  return decodeSchema(encodeSchema({ ...draft, metrics }), origin);
}

/** The canonical bytes of a schema whose content is in canonical order. */
function encodeSchema({ sampler, intervalMs, metrics }: Omit<Schema, 'seriesCount'>): Buffer {
  const writer = new ByteWriter();
  writer.u8(FORMAT);
  writer.text(sampler);
  writer.varint(intervalMs);
  writer.varint(metrics.length);
  for (const metric of metrics) writeMetric(writer, metric);
  return writer.copy();
}

/**
 * The same schema for whoever keeps many and seldom needs their canonical bytes, which are as large as all else in them: it
 * encodes them anew each time that they are asked for.
 */
export function withoutBytes(schema: HashedSchema): HashedSchema {
  return new LeanSchema(schema);
}

class LeanSchema implements HashedSchema {
  readonly sampler: string;
  readonly intervalMs: number;
  readonly metrics: readonly SchemaMetric[];
  readonly seriesCount: number;
  readonly hash: string;

  constructor({ sampler, intervalMs, metrics, seriesCount, hash }: HashedSchema) {
    this.sampler = sampler;
    this.intervalMs = intervalMs;
    this.metrics = metrics;
    this.seriesCount = seriesCount;
    this.hash = hash;
  }

  get bytes(): Buffer {
    return encodeSchema(this);
  }
}

/**
 * Reads canonical bytes.
 * @param bytes kept by the result; must not change afterwards
 * @throws AppError RECORD_UNDECODABLE when they are not the canonical form of a valid schema, LIMIT_EXCEEDED
 */
export function decodeSchema(bytes: Buffer, origin: SchemaOrigin = 'agent'): HashedSchema {
  const rules = ORIGIN_RULES[origin];
  if (bytes.length > SCHEMA_BYTES_MAX) throw tooMany('bytes of a schema', bytes.length, SCHEMA_BYTES_MAX);
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw invalid(`schema format ${format} is unknown`);
  const sampler = reader.text(SAMPLER_BYTES_MAX);
  if (!SAMPLER_PATTERN.test(sampler)) throw invalid(`sampler name ${JSON.stringify(sampler)} is not allowed`);
  const intervalMs = reader.varint();
  if (intervalMs < rules.intervalMsMin || intervalMs > INTERVAL_MS_MAX) {
    throw invalid(`interval of ${intervalMs} ms is not from ${rules.intervalMsMin} to ${INTERVAL_MS_MAX}`);
  }
  const metricCount = reader.varint();
  if (metricCount > METRICS_MAX) throw tooMany('metrics in a schema', metricCount, METRICS_MAX);
  const metrics: SchemaMetric[] = [];
  let seriesCount = 0;
  // The same few values stand in many series, such as the host in all that the collector has to say about it.
  const texts = new Map<string, string>();
  for (let i = 0; i < metricCount; i++) {
    const metric = readMetric(reader, LIMITS.seriesPerSchema - seriesCount, { rules, texts });
    const previous = metrics[i - 1];
    if (previous !== undefined && compareUtf8(previous.name, metric.name) >= 0) {
      throw invalid(`metric ${metric.name} is out of order`);
    }
    seriesCount += metric.series.length;
    metrics.push(metric);
  }
  reader.expectEnd();
  const hash = hashSchema(bytes);
  return { sampler, intervalMs, metrics, seriesCount, bytes, hash };
}

/**
 * Whether a schema of `origin` may hold a series: what `decodeSchema` says to the names and lengths of its labels, without
 * making one.
 * @param labels names and values, without the metric's name; each name once
 */
export function isAllowedSeries(
  metricName: string,
  labels: readonly (readonly [name: string, value: string])[],
  origin: SchemaOrigin,
): boolean {
  const rules = ORIGIN_RULES[origin];
  if (!isShortText(metricName, LIMITS.labelNameBytes) || !isAllowedMetricName(metricName, rules))
    return false;
  if (labels.length > rules.labelsMax) return false;
  return labels.every(
    ([name, value]) =>
      isShortText(name, LIMITS.labelNameBytes) &&
      isAllowedLabelName(name, rules) &&
      isShortText(value, rules.valueBytesMax) &&
      (!rules.mustBeClean || isCleanText(value)),
  );
}

/** Whether a text is at most so long in UTF-8, which has no form for half of a surrogate pair. */
function isShortText(text: string, bytesMax: number): boolean {
  return Buffer.byteLength(text) <= bytesMax && text.isWellFormed();
}

function isAllowedMetricName(name: string, { mustBeClassic }: OriginRules): boolean {
  return mustBeClassic ? METRIC_NAME_PATTERN.test(name) : name !== '';
}

function isAllowedLabelName(name: string, { mustBeClassic, reserved }: OriginRules): boolean {
  if (mustBeClassic) return LABEL_NAME_PATTERN.test(name) && !name.startsWith('__') && !reserved.has(name);
  return name !== '' && (!name.startsWith('__') || PUSHED_INTERNALS.has(name));
}

/** SHA-256 of canonical bytes, hexadecimal: the name of a schema. */
export function hashSchema(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Body of a schema record: the number that blocks of this epoch refer to it by, and the canonical bytes.
 * @param number 1 to 65,535
 */
export function encodeSchemaBody(number: number, schema: HashedSchema): Buffer {
  const writer = new ByteWriter(schema.bytes.length + NUMBER_BYTES_MAX);
  writer.varint(number);
  writer.bytes(schema.bytes);
  return writer.copy();
}

/**
 * Reads the body of a schema record. The result keeps nothing of `body`.
 * @throws AppError RECORD_UNDECODABLE, LIMIT_EXCEEDED
 */
export function decodeSchemaBody(
  body: Buffer,
  origin: SchemaOrigin = 'agent',
): { readonly number: number; readonly schema: HashedSchema } {
  const { number, bytes } = splitSchemaBody(body);
  // A copy of its own: the record's buffer belongs to the socket.
  return { number, schema: decodeSchema(Buffer.from(bytes), origin) };
}

/**
 * Takes the body of a schema record apart, without a look at the schema.
 * @returns `bytes` as a view of `body`
 * @throws AppError RECORD_UNDECODABLE when the number is not allowed
 */
export function splitSchemaBody(body: Buffer): { readonly number: number; readonly bytes: Buffer } {
  const reader = new ByteReader(body);
  const number = reader.varint();
  if (number < 1 || number > NUMBER_MAX) {
    throw invalid(`schema number ${number} is not from 1 to ${NUMBER_MAX}`);
  }
  return { number, bytes: reader.bytes(reader.remaining) };
}

function writeMetric(writer: ByteWriter, metric: SchemaMetric): void {
  writer.text(metric.name);
  writer.text(metric.unit);
  writer.u8(metric.type === 'gauge' ? 1 : 2);
  writer.u8(metric.encoding === 'integer' ? 0 : 1);
  writer.u8(metric.scale);
  writer.varint(metric.labelNames.length);
  for (const name of metric.labelNames) writer.text(name);
  writer.varint(metric.series.length);
  for (const values of metric.series) for (const value of values) writer.text(value);
}

/** What is known while a schema is read. */
interface Reading {
  readonly rules: OriginRules;
  /** Label values that were read already, so that each is in memory once. */
  readonly texts: Map<string, string>;
}

function readMetric(reader: ByteReader, seriesLeft: number, reading: Reading): SchemaMetric {
  const name = reader.text(LIMITS.labelNameBytes);
  if (!isAllowedMetricName(name, reading.rules))
    throw invalid(`metric name ${JSON.stringify(name)} is not allowed`);
  const unit = reader.text(UNIT_BYTES_MAX);
  if (!isCleanText(unit)) throw invalid(`unit of metric ${name} has control characters`);
  const typeCode = reader.u8();
  if (typeCode !== 1 && typeCode !== 2) throw invalid(`type ${typeCode} of metric ${name} is unknown`);
  const encodingCode = reader.u8();
  if (encodingCode !== 0 && encodingCode !== 1) {
    throw invalid(`encoding ${encodingCode} of metric ${name} is unknown`);
  }
  const scale = reader.u8();
  if (scale > SCALE_MAX || (encodingCode === 1 && scale !== 0)) {
    throw invalid(`scale ${scale} of metric ${name} is not allowed`);
  }
  const labelNames = readLabelNames(reader, name, reading.rules);
  const seriesCount = reader.varint();
  if (seriesCount > seriesLeft) throw tooMany('series in a schema', seriesCount, seriesLeft);
  const series: string[][] = [];
  for (let i = 0; i < seriesCount; i++) {
    const values = labelNames.map(() => readLabelValue(reader, name, reading));
    const previous = series[i - 1];
    if (previous !== undefined && compareSeries(previous, values) >= 0) {
      throw invalid(`series ${i} of metric ${name} is out of order`);
    }
    series.push(values);
  }
  return {
    name,
    unit,
    type: typeCode === 1 ? 'gauge' : 'counter',
    encoding: encodingCode === 0 ? 'integer' : 'float64',
    scale,
    labelNames,
    series,
  };
}

function readLabelNames(reader: ByteReader, metricName: string, rules: OriginRules): string[] {
  const count = reader.varint();
  if (count > rules.labelsMax) throw tooMany(`labels of metric ${metricName}`, count, rules.labelsMax);
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.text(LIMITS.labelNameBytes);
    if (!isAllowedLabelName(name, rules)) {
      throw invalid(`label name ${JSON.stringify(name)} of metric ${metricName} is not allowed`);
    }
    const previous = names[i - 1];
    if (previous !== undefined && compareUtf8(previous, name) >= 0) {
      throw invalid(`labels of metric ${metricName} are out of order`);
    }
    names.push(name);
  }
  return names;
}

/** Control characters would reach terminals, logs and exports of everybody who looks at the host. */
function readLabelValue(reader: ByteReader, metricName: string, { rules, texts }: Reading): string {
  const value = reader.text(rules.valueBytesMax);
  const known = texts.get(value);
  if (known !== undefined) return known;
  if (rules.mustBeClean && !isCleanText(value))
    throw invalid(`a label value of metric ${metricName} has control characters`);
  texts.set(value, value);
  return value;
}

/** Orders series by their label values, one after another. */
function compareSeries(left: readonly string[], right: readonly string[]): number {
  for (let i = 0; i < left.length; i++) {
    const order = compareUtf8(left[i] ?? '', right[i] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

function invalid(message: string): AppError {
  return new AppError('RECORD_UNDECODABLE', message);
}

function tooMany(what: string, count: number, max: number): AppError {
  return new AppError('LIMIT_EXCEEDED', `${count} ${what}, at most ${max} are allowed`);
}
