/** A sampler with two schemas: beside the same series one has something more, as when a device has come. */
import { createSchema, type HashedSchema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';

type Kind = 'counter' | 'gauge';

/**
 * The schemas of the sampler `disk`, of float64 metrics without labels; the second one has the gauge `fans` besides.
 * @param metrics names and types of what both have
 */
export function twoSchemas(
  intervalMs: number,
  metrics: Readonly<Record<string, Kind>>,
): readonly HashedSchema[] {
  const common = Object.entries(metrics).map(([name, type]) => metric(name, type));
  return [[], [metric('fans', 'gauge')]].map((more) =>
    createSchema({ sampler: 'disk', intervalMs, metrics: [...common, ...more] }),
  );
}

function metric(name: string, type: Kind): SchemaMetric {
  return { name, unit: '', type, encoding: 'float64', scale: 0, labelNames: [], series: [[]] };
}
