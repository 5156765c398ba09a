import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Labels } from '../../labels.ts';
import { EMBEDDED_LIMITS } from '../limits.ts';
import { labelsOf } from '../reads/matching.ts';
import { isStorable, packSchemas } from './own-schemas.ts';

function pack(all: readonly Labels[]) {
  let number = 0;
  return [...packSchemas(all, () => `own.${++number}`)];
}

test('every series stands in exactly one schema, at the place of its label set', () => {
  const label = fc.constantFrom('a', 'b', 'instance', 'job');
  const set = fc.dictionary(label, fc.constantFrom('1', '2', 'é\n'), { maxKeys: 3 });
  const sets = fc.array(fc.tuple(fc.constantFrom('m', 'n'), set), { maxLength: 60 });
  const property = fc.property(sets, (list) => {
    const all = new Map(
      list.map(([name, labels]) => Labels.of({ ...labels, __name__: name })).map((l) => [l.key, l]),
    );
    const packed = pack([...all.values()]);
    const keys = packed.flatMap(({ labels }) => labels.map(({ key }) => key));
    expect(keys.toSorted()).toEqual([...all.keys()].toSorted());
    for (const { schema, labels } of packed) {
      expect(schema.seriesCount).toBe(labels.length);
      expect(labels.map((_, index) => labelsOf(schema, index, []))).toEqual(labels);
    }
  });
  expect(() => fc.assert(property)).not.toThrow();
});

test('schemas stay below their limits', () => {
  const many = Array.from({ length: 1_201 }, (_, i) => Labels.of({ __name__: 'm', i: String(i) }));
  expect(pack(many).map(({ labels }) => labels.length)).toEqual([500, 500, 201]);
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
  ['a metric name with a space', { __name__: 'a b' }, true],
  ['a label name with a dash', { __name__: 'm', 'a-b': '1' }, true],
  ['names in other letters', { __name__: 'größe', 'é.ü': '1' }, true],
  ['type and unit', { __name__: 'm', __type__: 'counter', __unit__: 'bytes' }, true],
  ['a label of Prometheus itself', { __name__: 'm', __tmp: '1' }, false],
  ['half of a surrogate pair in a name', { __name__: 'm', 'a\ud800': '1' }, false],
  ['a name of more than 128 bytes', { __name__: 'm', ['é'.repeat(65)]: '1' }, false],
  ['half of a surrogate pair', { __name__: 'm', a: '\ud800' }, false],
  ['a value of more than 4 KiB', { __name__: 'm', a: 'x'.repeat(4_097) }, false],
  [
    '65 labels',
    { __name__: 'm', ...Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, '1'])) },
    false,
  ],
])('%s: %o is storable: %s', (_what, labels, wanted) => {
  expect(isStorable(Labels.of(labels))).toBe(wanted);
});

test('what is storable, and nothing else, can be packed', () => {
  const text = fc.oneof(
    fc.constantFrom('a', 'instance', '__x', 'a-b', 'é', '\ud800', ''),
    fc.string({ unit: 'binary' }),
    fc.integer({ min: 120, max: 135 }).map((length) => 'x'.repeat(length)),
    fc.integer({ min: 4_090, max: 4_100 }).map((length) => 'x'.repeat(length)),
  );
  const property = fc.property(text, fc.dictionary(text, text, { maxKeys: 3 }), (name, others) => {
    const labels = Labels.of({ ...others, __name__: name });
    const canPack = (): boolean => {
      try {
        pack([labels]);
        return true;
      } catch (error) {
        if (error instanceof AppError) return false;
        throw error;
      }
    };
    // The writer of a schema would make a whole character of half of one.
    const isWhole = labels.flat.every((part) => part.isWellFormed());
    expect(isStorable(labels)).toBe(isWhole && canPack());
  });
  expect(() => fc.assert(property)).not.toThrow();
});

test('a metric with ever other label names does not make packing slow', () => {
  const many = Array.from({ length: 2_000 }, (_, i) =>
    Labels.of({ __name__: 'm', [`l${i % 4}`]: String(i) }),
  );
  expect(pack(many).map(({ labels }) => labels.length)).toEqual([500, 500, 500, 500]);
});
