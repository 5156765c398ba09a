/** Random schemas and ticks for property tests. Extremes are as likely as plain values. */
import * as fc from 'fast-check';
import { fitsInteger, type FailedBlock, type ValuesBlock } from '../protocol/samples.ts';
import { createSchema, type HashedSchema, type SchemaMetric } from '../protocol/schema.ts';
import { isCleanText } from '../lib/text.ts';

const INTEGER_MAX = 2 ** 52 - 1;

/** Label values as they may travel, any script, including characters above U+FFFF. */
const arbitraryLabelValue: fc.Arbitrary<string> = fc
  .string({ unit: 'binary', maxLength: 12 })
  .filter(isCleanText);

const arbitraryMetric = fc
  .record({
    unit: fc.constantFrom('', 'bytes', 'seconds'),
    type: fc.constantFrom('gauge', 'counter'),
    encoding: fc.constantFrom('integer', 'float64'),
    scale: fc.integer({ min: 0, max: 9 }),
    labelNames: fc.subarray(['a', 'b_2', 'device', 'mode']),
    seriesCount: fc.integer({ min: 0, max: 12 }),
    seed: arbitraryLabelValue,
  })
  .map(({ seriesCount, seed, scale, ...rest }): Omit<SchemaMetric, 'name'> => ({
    ...rest,
    scale: rest.encoding === 'integer' ? scale : 0,
    // Without labels there is one series at most.
    series: Array.from(
      { length: rest.labelNames.length === 0 ? Math.min(1, seriesCount) : seriesCount },
      (_unused, i) => rest.labelNames.map((_name, j) => (j === 0 ? `${seed}${i}` : seed)),
    ),
  }));

/** A schema of up to six metrics, some of them without series. */
export const arbitrarySchema: fc.Arbitrary<HashedSchema> = fc
  .array(arbitraryMetric, { maxLength: 6 })
  .map((metrics) =>
    createSchema({
      sampler: 'random',
      intervalMs: 10_000,
      metrics: metrics.map((metric, i) => ({ ...metric, name: `metric_${i}` })),
    }),
  );

/** A value that `metric` can carry. */
function arbitraryValue(metric: SchemaMetric): fc.Arbitrary<number> {
  if (metric.encoding === 'float64') {
    return fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(0, -0, 5e-324, -5e-324, 2.225073858507201e-308, 1e308, -1e308, Number.MAX_VALUE),
    );
  }
  const integer = fc.oneof(
    fc.integer({ min: -INTEGER_MAX, max: INTEGER_MAX }),
    fc.integer({ min: -300, max: 300 }),
    fc.constantFrom(
      0,
      INTEGER_MAX,
      -INTEGER_MAX,
      2 ** 31,
      -(2 ** 31),
      2 ** 32,
      2 ** 28 - 1,
      63,
      64,
      -64,
      -65,
    ),
  );
  return integer
    .map((value) => value / 10 ** metric.scale)
    .filter((value) => fitsInteger(value, metric.scale));
}

function arbitraryValuesBlock(schemaNumber: number, schema: HashedSchema): fc.Arbitrary<ValuesBlock> {
  const values = schema.metrics.flatMap((metric) => metric.series.map(() => arbitraryValue(metric)));
  const flags = fc.array(fc.constantFrom(0, 1), { minLength: values.length, maxLength: values.length });
  return fc
    .record({
      offsetMs: fc.integer({ min: -3_600_000, max: 3_600_000 }),
      values: fc.tuple(...values),
      present: fc.option(flags, { nil: undefined }),
      code: fc.integer({ min: 1, max: 7 }),
    })
    .map(({ offsetMs, values, present, code }) => ({
      kind: 'values',
      schemaNumber,
      schema,
      offsetMs,
      values: Float64Array.from(values, (value, i) => (present?.[i] === 0 ? 0 : value)),
      present: present === undefined ? undefined : Uint8Array.from(present),
      errors: (present ?? []).flatMap((flag, index) =>
        flag === 0 && index % 2 === 0 ? [{ index, code }] : [],
      ),
    }));
}

/** The blocks of one tick; absent values are 0, as decoding leaves them. */
export const arbitraryTick: fc.Arbitrary<(ValuesBlock | FailedBlock)[]> = fc
  .array(fc.option(arbitrarySchema, { nil: undefined }), { minLength: 1, maxLength: 5 })
  .chain((schemas) =>
    fc.tuple(
      ...schemas.map((schema, i) =>
        schema === undefined
          ? fc.record({
              kind: fc.constant('failed' as const),
              schemaNumber: fc.constant(i + 1),
              offsetMs: fc.integer({ min: -1_000, max: 60_000 }),
              code: fc.integer({ min: 1, max: 7 }),
            })
          : arbitraryValuesBlock(i + 1, schema),
      ),
    ),
  );
