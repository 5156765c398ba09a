/** Readings as people see them: one `name{label="value"} number` a line, the text format of Prometheus. */
import type { SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import type { SchemaValues } from './readings.ts';

/** The lines of all present values in the order of the schema. */
export function formatValues({ schema, values, present }: SchemaValues): string[] {
  const lines: string[] = [];
  let index = 0;
  for (const metric of schema.metrics) {
    for (const labels of metric.series) {
      if (present === undefined || present[index] === 1) {
        lines.push(`${formatSeries(metric, labels)} ${String(values[index])}`);
      }
      index += 1;
    }
  }
  return lines;
}

/** `name{label="value"}` of the series at `index` of the schema. */
export function seriesAt({ schema }: Pick<SchemaValues, 'schema'>, index: number): string {
  let left = index;
  for (const metric of schema.metrics) {
    const labels = metric.series[left];
    if (labels !== undefined) return formatSeries(metric, labels);
    left -= metric.series.length;
  }
  throw new RangeError(`schema of sampler ${schema.sampler} has no series ${index}`);
}

function formatSeries(metric: SchemaMetric, labelValues: readonly string[]): string {
  const pairs = metric.labelNames.map((name, i) => `${name}="${escape(labelValues[i] ?? '')}"`);
  return pairs.length === 0 ? metric.name : `${metric.name}{${pairs.join(',')}}`;
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
