import { decodeSchema } from '@rollcall/shared/protocol/schema.ts';
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
