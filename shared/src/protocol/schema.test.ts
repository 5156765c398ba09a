import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../lib/varint.ts';
import { arbitrarySchema } from '../testing/arbitrary.ts';
import { thrownCode } from '../testing/thrown.ts';
import { LIMITS } from './limits.ts';
import {
  createSchema,
  decodeSchema,
  decodeSchemaBody,
  encodeSchemaBody,
  withoutBytes,
  type HashedSchema,
  type SchemaMetric,
} from './schema.ts';

const METRIC: SchemaMetric = {
  name: 'node_x',
  unit: 'bytes',
  type: 'gauge',
  encoding: 'integer',
  scale: 0,
  labelNames: ['device'],
  series: [['eth0']],
};

function schemaOf(change: Partial<SchemaMetric> = {}, sampler = 'cpu', intervalMs = 10_000): HashedSchema {
  return createSchema({ sampler, intervalMs, metrics: [{ ...METRIC, ...change }] });
}

describe('createSchema', () => {
  it('gives equal bytes and hash for equal series, in whatever order they came', () => {
    const shuffled = arbitrarySchema.chain((schema) =>
      fc.record({
        schema: fc.constant(schema),
        metrics: fc.shuffledSubarray([...schema.metrics], { minLength: schema.metrics.length }),
        isReversed: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ schema, metrics, isReversed }) => {
        const again = createSchema({
          sampler: schema.sampler,
          intervalMs: schema.intervalMs,
          metrics: metrics.map((metric) => ({
            ...metric,
            series: isReversed ? metric.series.toReversed() : metric.series,
          })),
        });
        expect(again.hash).toBe(schema.hash);
        expect(again).toEqual(schema);
      }),
    );
  });

  it.each<readonly [string, HashedSchema]>([
    ['sampler', schemaOf({}, 'memory')],
    ['interval', schemaOf({}, 'cpu', 15_000)],
    ['name', schemaOf({ name: 'node_y' })],
    ['unit', schemaOf({ unit: '' })],
    ['type', schemaOf({ type: 'counter' })],
    ['encoding', schemaOf({ encoding: 'float64' })],
    ['scale', schemaOf({ scale: 1 })],
    ['label name', schemaOf({ labelNames: ['disk'] })],
    ['label value', schemaOf({ series: [['eth1']] })],
    ['series', schemaOf({ series: [['eth0'], ['eth1']] })],
  ])('gives another hash for another %s', (_name, schema) => {
    expect(schema.hash).not.toBe(schemaOf().hash);
  });

  it('sorts as UTF-8 does, not as JavaScript does', () => {
    const { metrics } = schemaOf({ series: [['\u{1f642}'], ['\uffee'], ['a']] });
    expect(metrics[0]?.series).toEqual([['a'], ['\uffee'], ['\u{1f642}']]);
  });

  it('allows a sampler without metrics, and a metric without series', () => {
    expect(createSchema({ sampler: 'empty', intervalMs: 1_000, metrics: [] }).seriesCount).toBe(0);
    expect(schemaOf({ series: [] }).seriesCount).toBe(0);
  });

  it.each([
    'instance',
    'job',
    'host',
    'host_id',
    'agent_id',
    'site',
    '__name__',
    '__x',
    '',
    '1a',
    'a-b',
    'ä',
  ])('refuses the label name %j, which is reserved or malformed', (name) => {
    expect(thrownCode(() => schemaOf({ labelNames: [name] }))).toBe('RECORD_UNDECODABLE');
  });

  it.each<readonly [string, () => unknown]>([
    ['a metric name with a space', () => schemaOf({ name: 'a b' })],
    ['an empty metric name', () => schemaOf({ name: '' })],
    ['a sampler name with a slash', () => schemaOf({}, '../cpu')],
    ['no interval', () => schemaOf({}, 'cpu', 0)],
    ['an interval of years', () => schemaOf({}, 'cpu', 1e12)],
    ['a scale of ten', () => schemaOf({ scale: 10 })],
    ['a scale for floats', () => schemaOf({ encoding: 'float64', scale: 1 })],
    ['a control character in a label', () => schemaOf({ series: [['eth0\n']] })],
    ['a direction override in a label', () => schemaOf({ series: [['\u202eeth0']] })],
    ['a control character in a unit', () => schemaOf({ unit: '\u001b[2J' })],
    ['a label value of 257 bytes', () => schemaOf({ series: [['x'.repeat(257)]] })],
    ['two equal series', () => schemaOf({ series: [['a'], ['a']] })],
    ['two series without labels', () => schemaOf({ labelNames: [], series: [[], []] })],
    ['labels out of order', () => schemaOf({ labelNames: ['b', 'a'], series: [['1', '2']] })],
    ['a label twice', () => schemaOf({ labelNames: ['a', 'a'], series: [['1', '2']] })],
    ['a metric twice', () => createSchema({ sampler: 'cpu', intervalMs: 1, metrics: [METRIC, METRIC] })],
    ['fewer values than labels', () => schemaOf({ labelNames: ['a', 'b'], series: [['1']] })],
  ])('refuses %s', (_name, act) => {
    expect(thrownCode(act)).toBe('RECORD_UNDECODABLE');
  });

  it('holds as many series as allowed and not one more', () => {
    const series = Array.from({ length: LIMITS.seriesPerSchema + 1 }, (_unused, i) => [`d${i}`]);
    expect(schemaOf({ series: series.slice(1) }).seriesCount).toBe(LIMITS.seriesPerSchema);
    expect(thrownCode(() => schemaOf({ series }))).toBe('LIMIT_EXCEEDED');
    const labelNames = Array.from({ length: LIMITS.labelsPerSeries + 1 }, (_unused, i) => `l${i + 10}`);
    expect(thrownCode(() => schemaOf({ labelNames, series: [] }))).toBe('LIMIT_EXCEEDED');
  });

  it('refuses what would not fit into a record', () => {
    const labelNames = ['a', 'b'];
    const series = Array.from({ length: 1_100 }, (_unused, i) => [
      `${i}`.padStart(250, 'x'),
      'y'.repeat(250),
    ]);
    expect(thrownCode(() => schemaOf({ labelNames, series }))).toBe('LIMIT_EXCEEDED');
  });
});

describe('decodeSchema', () => {
  it('gives back what was created', () => {
    fc.assert(
      fc.property(arbitrarySchema, (schema) => {
        expect(decodeSchema(Buffer.from(schema.bytes))).toEqual(schema);
      }),
    );
  });

  it('takes nothing that would be encoded otherwise', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(arbitrarySchema, fc.array(change, { maxLength: 2 }), (schema, changes) => {
        const bytes = Buffer.from(schema.bytes);
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        let again: Buffer = bytes;
        // Bytes that are no schema are refused, which is another test's matter.
        thrownCode(() => (again = withoutBytes(decodeSchema(bytes)).bytes));
        expect(again).toEqual(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses every form but the canonical one', () => {
    const write = (names: readonly string[], series: readonly string[]): Buffer => {
      const writer = new ByteWriter();
      writer.u8(1);
      writer.text('cpu');
      writer.varint(10_000);
      writer.varint(names.length);
      for (const name of names) {
        writer.text(name);
        writer.text('');
        writer.bytes(Uint8Array.of(1, 0, 0));
        writer.varint(1);
        writer.text('device');
        writer.varint(series.length);
        for (const value of series) writer.text(value);
      }
      return writer.copy();
    };
    const canonical = write(['a', 'b'], ['1', '2']);
    expect(decodeSchema(canonical).seriesCount).toBe(4);
    for (const bytes of [
      write(['b', 'a'], ['1']),
      write(['a', 'a'], ['1']),
      write(['a'], ['2', '1']),
      write(['a'], ['1', '1']),
      Buffer.concat([canonical, Buffer.of(0)]),
      Buffer.concat([Buffer.of(2), canonical.subarray(1)]),
      // The interval as a varint that is longer than needed.
      Buffer.concat([canonical.subarray(0, 6), Buffer.of(0xce, 0x80, 0x00), canonical.subarray(7)]),
    ]) {
      expect(thrownCode(() => decodeSchema(bytes))).toBe('RECORD_UNDECODABLE');
    }
  });

  it('never takes a changed or cut schema for the same one', () => {
    const { bytes, hash } = schemaOf({
      labelNames: ['a', 'b'],
      series: [
        ['1', 'x'],
        ['2', 'y'],
      ],
    });
    for (let end = 0; end < bytes.length; end++) {
      expect(thrownCode(() => decodeSchema(bytes.subarray(0, end)))).toBe('RECORD_UNDECODABLE');
    }
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const outcome = thrownCode(() => expect(decodeSchema(flipped).hash).not.toBe(hash));
      expect([undefined, 'RECORD_UNDECODABLE', 'LIMIT_EXCEEDED']).toContain(outcome);
    }
  });
});

describe('schema record', () => {
  it('gives back number and schema, and keeps nothing of the body', () => {
    const schema = schemaOf();
    const body = encodeSchemaBody(65_535, schema);
    const read = decodeSchemaBody(body);
    body.fill(0);
    expect(read).toEqual({ number: 65_535, schema });
    expect(read.schema.bytes.equals(schema.bytes)).toBe(true);
  });

  it.each([0, 65_536])('refuses the number %i', (number) => {
    expect(thrownCode(() => decodeSchemaBody(encodeSchemaBody(number, schemaOf())))).toBe(
      'RECORD_UNDECODABLE',
    );
  });
});
