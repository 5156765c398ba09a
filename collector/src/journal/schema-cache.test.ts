import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { createSchema, decodeSchema } from '@rollcall/shared/protocol/schema.ts';
import { expect, test } from 'vitest';
import { SchemaCache } from './schema-cache.ts';
import { gaugeSchema } from './testing/lane-writer.ts';

test('equal schemas become one object, different ones do not', () => {
  const cache = new SchemaCache();
  const schema = gaugeSchema('cpu', { load: [] });
  expect(cache.get(schema.hash)).toBeUndefined();
  expect(cache.intern(schema)).toBe(schema);
  expect(cache.intern(decodeSchema(Buffer.from(schema.bytes)))).toBe(schema);
  expect(cache.get(schema.hash)).toBe(schema);
  const other = gaugeSchema('cpu', { load: ['1'] });
  expect(cache.intern(other)).toBe(other);
});

test("the collector's own schemas are kept without their bytes, which are made when they are asked for", () => {
  const schema = gaugeSchema('own.1', { load: [] });
  const known = new SchemaCache().intern(schema);
  expect(known.hash).toBe(schema.hash);
  expect(known.bytes).toEqual(schema.bytes);
  expect(known.bytes).not.toBe(known.bytes);
});

test("label values that stand in many of the collector's own schemas are in memory once", () => {
  const cache = new SchemaCache();
  const metric = { name: 'up', unit: '', type: 'gauge', encoding: 'float64', scale: 0 } as const;
  const [first, second] = ['own.1', 'own.2'].map((sampler) => {
    const series = [
      ['host-1', sampler],
      ['host-2', 'node'],
    ];
    const draft = {
      sampler,
      intervalMs: 0,
      metrics: [{ ...metric, labelNames: ['instance', 'job'], series }],
    };
    const made = createSchema(draft, 'collector');
    const kept = cache.decode(made.bytes, 'collector');
    expect(kept.bytes).toEqual(made.bytes);
    return kept.metrics[0]?.series;
  });
  expect(first?.[1]).toBe(second?.[1]);
  expect(first?.[0]).not.toEqual(second?.[0]);
});

test('a schema is read once, however many hosts declare it', () => {
  const cache = new SchemaCache();
  const { bytes, hash } = gaugeSchema('cpu', { load: [] });
  const received = Buffer.from(bytes);
  const first = cache.decode(received, 'agent');
  // The caller's buffer is not kept.
  received.fill(0);
  expect(first).toMatchObject({ hash, sampler: 'cpu', bytes });
  expect(cache.decode(Buffer.from(bytes), 'agent')).toBe(first);
  expect(cache.decode(bytes, 'collector')).toBe(first);
});

test('what the collector may declare does not become allowed for agents by being known', () => {
  const metric = { name: 'up', unit: '', type: 'gauge', encoding: 'integer', scale: 0 } as const;
  const draft = {
    sampler: 'own',
    intervalMs: 1_000,
    metrics: [{ ...metric, labelNames: ['instance'], series: [['a']] }],
  };
  const { bytes } = createSchema(draft, 'collector');
  const cache = new SchemaCache();
  const own = cache.decode(bytes, 'collector');
  expect(thrownCode(() => cache.decode(bytes, 'agent'))).toBe('RECORD_UNDECODABLE');
  expect(cache.decode(bytes, 'collector')).toBe(own);
  expect(thrownCode(() => cache.decode(Buffer.of(9), 'agent'))).toBe('RECORD_UNDECODABLE');
});

test('an agent may not use the names of the samplers under which the collector stores its own series', () => {
  const cache = new SchemaCache();
  const { bytes } = gaugeSchema('own.1', { load: [] });
  const refused = expect.objectContaining({
    code: 'RECORD_UNDECODABLE',
    message: 'sampler own.1 is for the collector to make',
  });
  expect(() => cache.decode(bytes, 'agent')).toThrow(refused);
  cache.decode(bytes, 'collector');
  expect(() => cache.decode(bytes, 'agent')).toThrow(refused);
  expect(cache.decode(gaugeSchema('own_1', { load: [] }).bytes, 'agent').sampler).toBe('own_1');
});

test("label values of the collector's own schemas go when most schemas went", async () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new TypeError('the engine gives no way to collect garbage');
  const cache = new SchemaCache();
  const make = (at: number) =>
    cache.decode(gaugeSchema(`own.${at}`, { load: [`host-${at}`] }).bytes, 'collector');
  const kept = make(0);
  const values = Array.from({ length: 20 }, (_, at) => new WeakRef(make(at + 1).metrics[0]?.series[0] ?? []));
  const left = () => values.filter((list) => list.deref() !== undefined).length;
  expect(left()).toBe(20);
  // What goes is told of in later turns.
  for (let turn = 0; turn < 20 && left() > 0; turn++) {
    await nextTurn();
    collect();
  }
  expect(left()).toBe(0);
  expect(cache.get(kept.hash)).toBe(kept);
});
