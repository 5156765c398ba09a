import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Labels } from '../labels.ts';
import { EMBEDDED_LIMITS } from './limits.ts';
import { labelsOf } from './matching.ts';
import { packSchemas, storableAmong } from './own-schemas.ts';

function pack(all: readonly Labels[]) {
  let number = 0;
  return [...packSchemas(all, () => `own.${++number}`)];
}

test('every series stands in exactly one schema, at the place that its key names', () => {
  const label = fc.constantFrom('a', 'b', 'instance', 'job');
  const set = fc.dictionary(label, fc.constantFrom('1', '2', 'é\n'), { maxKeys: 3 });
  const sets = fc.array(fc.tuple(fc.constantFrom('m', 'n'), set), { maxLength: 60 });
  const property = fc.property(sets, (list) => {
    const all = new Map(
      list.map(([name, labels]) => Labels.of({ ...labels, __name__: name })).map((l) => [l.key, l]),
    );
    const packed = pack([...all.values()]);
    const keys = packed.flatMap((schema) => schema.keys);
    expect(keys.toSorted()).toEqual([...all.keys()].toSorted());
    for (const { schema, keys } of packed) {
      expect(keys.map((_, index) => labelsOf(schema, index, []).key)).toEqual(keys);
    }
  });
  expect(() => fc.assert(property)).not.toThrow();
});

test('schemas stay below their limits', () => {
  const many = Array.from({ length: 1_201 }, (_, i) => Labels.of({ __name__: 'm', i: String(i) }));
  expect(pack(many).map(({ keys }) => keys.length)).toEqual([500, 500, 201]);
  const long = Array.from({ length: 40 }, (_, i) =>
    Labels.of({ __name__: 'm', i: String(i), x: 'x'.repeat(4_000) }),
  );
  for (const { schema } of pack(long))
    expect(schema.bytes.length).toBeLessThan(EMBEDDED_LIMITS.ownSchemaBytes);
});

test.each([
  ['a plain series', { __name__: 'up', instance: 'a' }, true],
  ['a recording rule', { __name__: 'job:up:sum' }, true],
  ['a text with line breaks', { __name__: 'm', a: 'x\ny' }, true],
  ['no metric name', { a: '1' }, false],
  ['a metric name with a space', { __name__: 'a b' }, false],
  ['a label name with a dash', { __name__: 'm', 'a-b': '1' }, false],
  ['a label of Prometheus itself', { __name__: 'm', __tmp: '1' }, false],
  ['half of a surrogate pair', { __name__: 'm', a: '\ud800' }, false],
  ['a value of more than 4 KiB', { __name__: 'm', a: 'x'.repeat(4_097) }, false],
  [
    '65 labels',
    { __name__: 'm', ...Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, '1'])) },
    false,
  ],
])('%s: %o is storable: %s', (_what, labels, wanted) => {
  expect(storableAmong([Labels.of(labels)])).toHaveLength(wanted ? 1 : 0);
});

test('among many, only those that cannot be stored are left out', () => {
  const good = Array.from({ length: 50 }, (_, i) => Labels.of({ __name__: `m${i % 3}`, i: String(i) }));
  const bad = [Labels.of({ a: '1' }), Labels.of({ __name__: 'm0', i: '\ud800' })];
  expect(storableAmong([...bad, ...good])).toEqual(good);
  expect(storableAmong(good)).toEqual(good);
  expect(storableAmong([])).toEqual([]);
});
