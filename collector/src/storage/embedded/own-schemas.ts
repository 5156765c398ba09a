/** Packs label sets into schemas. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { createSchema, type HashedSchema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import { METRIC_NAME, type Labels } from '../labels.ts';
import { EMBEDDED_LIMITS } from './limits.ts';
import { labelsOf } from './matching.ts';

export interface PackedSchema {
  readonly schema: HashedSchema;
  /** Keys of the label sets in the order of the schema's series. */
  readonly keys: readonly string[];
}

/**
 * Those label sets that a schema can hold at all: names, lengths and number of their labels. Different from each other.
 * Most times all of them, which one try for all tells at a tenth of the cost of a try for each.
 */
export function storableAmong(all: readonly Labels[]): readonly Labels[] {
  const plausible = all.filter(isPlausible);
  return canPack(plausible) ? plausible : plausible.filter((labels) => canPack([labels]));
}

function isPlausible(labels: Labels): boolean {
  if (labels.key.length > EMBEDDED_LIMITS.ownSeriesBytes) return false;
  return labels.flat.every((text) => text.isWellFormed());
}

function canPack(all: readonly Labels[]): boolean {
  try {
    for (const taken of portionsOf(all)) toSchema('own.0', taken);
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

/**
 * Schemas that hold all of `all`, which are different from each other and storable. A metric stands in a schema once,
 * with one list of label names; series of one metric with other label names go to the next schema.
 */
export function* packSchemas(all: readonly Labels[], nextName: () => string): Iterable<PackedSchema> {
  for (const taken of portionsOf(all)) {
    const schema = toSchema(nextName(), taken);
    const keys = Array.from({ length: schema.seriesCount }, (_, index) => labelsOf(schema, index, []).key);
    yield { schema, keys };
  }
}

/** What one schema after the other holds. */
function* portionsOf(all: readonly Labels[]): Iterable<readonly Labels[]> {
  let rest = all;
  while (rest.length > 0) {
    const taken: Labels[] = [];
    const left: Labels[] = [];
    const shapes = new Map<string, string>();
    let bytes = 0;
    for (const labels of rest) {
      const shape = shapeOf(labels);
      const isFitting =
        (shapes.get(labels.metricName) ?? shape) === shape &&
        taken.length < EMBEDDED_LIMITS.ownSeriesPerSchema &&
        (taken.length === 0 || bytes + labels.key.length <= EMBEDDED_LIMITS.ownSchemaBytes);
      if (isFitting) {
        shapes.set(labels.metricName, shape);
        bytes += labels.key.length;
        taken.push(labels);
      } else {
        left.push(labels);
      }
    }
    yield taken;
    rest = left;
  }
}

function shapeOf(labels: Labels): string {
  return namesOf(labels).join(',');
}

function namesOf(labels: Labels): string[] {
  return labels.flat.filter((text, at) => at % 2 === 0 && text !== METRIC_NAME);
}

/** @throws AppError LIMIT_EXCEEDED, RECORD_UNDECODABLE when a label cannot be stored */
function toSchema(sampler: string, all: readonly Labels[]): HashedSchema {
  const metrics = new Map<string, { readonly labelNames: readonly string[]; readonly series: string[][] }>();
  for (const labels of all) {
    const name = labels.metricName;
    const metric = metrics.get(name) ?? { labelNames: namesOf(labels), series: [] };
    metric.series.push(metric.labelNames.map((label) => labels.get(label)));
    metrics.set(name, metric);
  }
  const list = [...metrics].map(([name, { labelNames, series }]): SchemaMetric => ({
    name,
    unit: '',
    type: 'gauge',
    encoding: 'float64',
    scale: 0,
    labelNames,
    series,
  }));
  return createSchema({ sampler, intervalMs: 0, metrics: list }, 'collector');
}
