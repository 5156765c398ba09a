/** Packs label sets into schemas. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import {
  createSchema,
  isAllowedSeries,
  type HashedSchema,
  type SchemaMetric,
} from '@rollcall/shared/protocol/schema.ts';
import { Labels, METRIC_NAME } from '../../labels.ts';
import { EMBEDDED_LIMITS } from '../limits.ts';

export interface PackedSchema {
  readonly schema: HashedSchema;
  /** The label sets in the order of the schema's series. */
  readonly labels: readonly Labels[];
}

/** Whether a schema can hold the label set at all: names, lengths and number of its labels. */
export function isStorable(labels: Labels): boolean {
  if (labels.keyLength > EMBEDDED_LIMITS.ownSeriesBytes) return false;
  const others = [...labels.entries()].filter(([name]) => name !== METRIC_NAME);
  return isAllowedSeries(labels.metricName, others, 'collector');
}

/**
 * Schemas that hold all of `all`, which are different from each other and storable. A metric stands in a schema once,
 * with one list of label names; series of one metric with other label names go to a later schema. One step of the iterator
 * is the work of one schema, a few milliseconds.
 */
export function* packSchemas(all: readonly Labels[], nextName: () => string): Iterable<PackedSchema> {
  for (const taken of portionsOf(all)) yield toSchema(nextName(), taken);
}

/** What one schema after the other holds. */
function* portionsOf(all: readonly Labels[]): Iterable<readonly Labels[]> {
  let rest = all;
  while (rest.length > 0) {
    const left: Labels[] = [];
    let taken: Labels[] = [];
    /** Per metric in `taken` one of its series. */
    const shapes = new Map<string, Labels>();
    let bytes = 0;
    for (const labels of rest) {
      const name = labels.metricName;
      if (!haveSameNames(shapes.get(name) ?? labels, labels)) {
        left.push(labels);
        continue;
      }
      const isFull =
        taken.length === EMBEDDED_LIMITS.ownSeriesPerSchema ||
        (taken.length > 0 && bytes + labels.keyLength > EMBEDDED_LIMITS.ownSchemaBytes);
      if (isFull) {
        yield taken;
        taken = [];
        shapes.clear();
        bytes = 0;
      }
      shapes.set(name, labels);
      bytes += labels.keyLength;
      taken.push(labels);
    }
    if (taken.length > 0) yield taken;
    rest = left;
  }
}

function haveSameNames({ flat: left }: Labels, { flat: right }: Labels): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 2) if (left[at] !== right[at]) return false;
  return true;
}

function toSchema(sampler: string, all: readonly Labels[]): PackedSchema {
  const byMetric = [...Map.groupBy(all, ({ metricName }) => metricName)]
    .sort(([left], [right]) => compareUtf8(left, right))
    .map(([name, members]) => ({ name, members: members.sort(Labels.compare) }));
  const metrics = byMetric.map(({ name, members }): SchemaMetric => {
    const names = [...(members[0]?.entries() ?? [])]
      .map(([label]) => label)
      .filter((label) => label !== METRIC_NAME);
    return {
      name,
      unit: '',
      type: 'gauge',
      encoding: 'float64',
      scale: 0,
      labelNames: names,
      series: members.map((labels) => names.map((label) => labels.get(label))),
    };
  });
  return {
    schema: createSchema({ sampler, intervalMs: 0, metrics }, 'collector'),
    labels: byMetric.flatMap(({ members }) => members),
  };
}
