/** An agent's lane in tests: makes numbered records as an agent would. */
import { encodeGap, type Gap } from '@rollcall/shared/protocol/gap.ts';
import {
  decodeRecord,
  encodeRecord,
  RECORD_KIND,
  type WireRecord,
} from '@rollcall/shared/protocol/record.ts';
import { encodeSamples, type FailedBlock, type ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import {
  createSchema,
  encodeSchemaBody,
  type HashedSchema,
  type SchemaMetric,
} from '@rollcall/shared/protocol/schema.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';

/** A record as it would arrive. */
export function wireRecord(draft: {
  readonly seq: number;
  readonly kind: number;
  readonly wallMs: number;
  readonly body: Uint8Array;
}): WireRecord {
  const { seq, kind, wallMs, body } = draft;
  return decodeRecord(encodeRecord({ kind, flags: 0, wallMs, bootMs: 1, body }, seq), 0);
}

/** A schema with float64 gauges: metric name to the values of its one label `series`, none for a metric without labels. */
export function gaugeSchema(
  sampler: string,
  metrics: Readonly<Record<string, readonly string[]>>,
  intervalMs = 10_000,
): HashedSchema {
  const list = Object.entries(metrics).map(([name, series]): SchemaMetric => ({
    name,
    unit: '',
    type: 'gauge',
    encoding: 'float64',
    scale: 0,
    labelNames: series.length === 0 ? [] : ['series'],
    series: series.length === 0 ? [[]] : series.map((value) => [value]),
  }));
  return createSchema({ sampler, intervalMs, metrics: list });
}

/** A block with all values, or with `undefined` where a series is absent. */
export function valuesBlock(
  schemaNumber: number,
  schema: HashedSchema,
  values: readonly (number | undefined)[],
  offsetMs = 0,
): ValuesBlock {
  const isComplete = values.every((value) => value !== undefined);
  return {
    kind: 'values',
    schemaNumber,
    schema,
    offsetMs,
    values: Float64Array.from(values, (value) => value ?? 0),
    present: isComplete ? undefined : Uint8Array.from(values, (value) => (value === undefined ? 0 : 1)),
    errors: [],
  };
}

export function samplesBody(blocks: readonly (ValuesBlock | FailedBlock)[]): Buffer {
  const writer = new ByteWriter();
  encodeSamples(writer, blocks);
  return writer.copy();
}

export class LaneWriter {
  readonly epochId: string;
  next = 1;

  constructor(epochId = 'e'.repeat(16)) {
    this.epochId = epochId;
  }

  schema(number: number, schema: HashedSchema, wallMs: number): WireRecord {
    return this.#record(RECORD_KIND.SCHEMA, wallMs, encodeSchemaBody(number, schema));
  }

  tick(wallMs: number, blocks: readonly (ValuesBlock | FailedBlock)[]): WireRecord {
    return this.#record(RECORD_KIND.SAMPLES, wallMs, samplesBody(blocks));
  }

  event(wallMs: number, body: Readonly<Record<string, unknown>>): WireRecord {
    return this.#record(RECORD_KIND.EVENT, wallMs, Buffer.from(JSON.stringify(body)));
  }

  gap(wallMs: number, gap: Partial<Gap> & { readonly to: number }): WireRecord {
    const full: Gap = {
      reason: 1,
      isEstimated: false,
      ticksThrough: 0,
      samplesThrough: 0,
      firstWallMs: wallMs,
      lastWallMs: wallMs,
      ...gap,
    };
    const record = this.#record(RECORD_KIND.GAP, wallMs, encodeGap(full));
    this.next = gap.to + 1;
    return record;
  }

  raw(kind: number, wallMs: number, body: Uint8Array): WireRecord {
    return this.#record(kind, wallMs, body);
  }

  #record(kind: number, wallMs: number, body: Uint8Array): WireRecord {
    const record = wireRecord({ seq: this.next, kind, wallMs, body });
    this.next++;
    return record;
  }
}
