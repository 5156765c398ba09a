import { expect, it } from 'vitest';
import { EXAMPLE_SCHEMA } from '../testing/wire-examples.ts';
import { SchemaLayouts } from './layouts.ts';
import { encodeRecord, RECORD_KIND } from './record.ts';
import { encodeSchemaBody } from './schema.ts';

const times = { flags: 0, wallMs: 1, bootMs: 1 };

function schemaRecord(schemaNumber: number): Buffer {
  const body = encodeSchemaBody(schemaNumber, EXAMPLE_SCHEMA);
  return encodeRecord({ ...times, kind: RECORD_KIND.SCHEMA, body }, 1);
}

it('learns the schemas of an epoch, batch by batch', () => {
  const layouts = new SchemaLayouts();
  const event = encodeRecord({ ...times, kind: RECORD_KIND.EVENT, body: Buffer.from('{}') }, 2);
  layouts.learn('a', [schemaRecord(1), event]);
  layouts.learn('a', [schemaRecord(5)]);
  const metric = (encoding: string, length: number) => ({ name: '', encoding, scale: 0, series: { length } });
  const expected = {
    seriesCount: 5,
    metrics: [metric('float64', 2), metric('integer', 1), metric('integer', 2)],
  };
  expect([layouts.of(1), layouts.of(5), layouts.of(2)]).toEqual([expected, expected, undefined]);
});

it('forgets them when another epoch is sent, where numbers mean something else', () => {
  const layouts = new SchemaLayouts();
  layouts.learn('a', [schemaRecord(1)]);
  layouts.learn('b', []);
  expect(layouts.of(1)).toBeUndefined();
});

it('leaves it to the collector to complain of a record that cannot be read', () => {
  const layouts = new SchemaLayouts();
  const damaged = schemaRecord(1);
  damaged[40] = (damaged[40] ?? 0) ^ 1;
  const body = Buffer.from('no schema');
  layouts.learn('a', [damaged, encodeRecord({ ...times, kind: RECORD_KIND.SCHEMA, body }, 2)]);
  expect(layouts.of(1)).toBeUndefined();
});
