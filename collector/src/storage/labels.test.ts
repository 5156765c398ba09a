import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutOf, Labels } from './labels.ts';

const names = fc.constantFrom('__name__', 'A', 'a', 'b', 'instance', 'z', '\u{1f600}', '\uffee');
const sets = fc.dictionary(names, fc.constantFrom('', 'x', 'y', '1:x'));

it('changes and filters as if the set were made anew', () => {
  fc.assert(
    fc.property(sets, fc.array(names), names, fc.constantFrom('', 'v'), (object, wanted, name, value) => {
      const labels = Labels.of(object);
      const some = new Set<string>(wanted);
      const entries = Object.entries(object);
      const picked = Labels.from(entries.filter(([key]) => some.has(key)));
      const omitted = Labels.from(entries.filter(([key]) => !some.has(key)));
      expect(labels.pick(some).flat).toEqual(picked.flat);
      expect(labels.omit(some).flat).toEqual(omitted.flat);
      const keys = [true, false].map((isKept) => labels.cutKey(cutOf(wanted, isKept)));
      expect(keys).toEqual([picked.key, omitted.key]);
      expect(labels.cutKey(cutOf(wanted, false))).toBe(omitted.key);
      expect(labels.with(name, value).flat).toEqual(Labels.of({ ...object, [name]: value }).flat);
      expect(labels.withoutName().flat).toEqual(Labels.of({ ...object, __name__: '' }).flat);
      expect(Labels.ofFlat(labels.flat).key).toBe(labels.key);
    }),
  );
});

it('tells sets apart by their digests as by their keys', () => {
  const halves = fc.constantFrom('', 'x', '1:x', '\u{1f600}', '\ud83d', '\ud83e', '\ufffd');
  const some = fc.dictionary(fc.constantFrom('__name__', 'a', 'b'), halves);
  fc.assert(
    fc.property(some, some, (left, right) => {
      const [one, other] = [Labels.of(left), Labels.of(right)];
      expect(one.digest === other.digest).toBe(one.key === other.key);
      expect(one.equals(other)).toBe(one.key === other.key);
      expect(Labels.of(left).hashCode).toBe(one.hashCode);
      expect(one.keyLength).toBe(one.key.length);
    }),
    { examples: [[{ a: '\ud83d' }, { a: '\ufffd' }]] },
  );
  expect(Labels.of({ a: 'x' }).digest).toHaveLength(16);
});

it('takes the last value of a name, and none that is empty, of few labels and of many', () => {
  const many = fc.integer({ min: 0, max: 99 }).map((at) => `n${at}`);
  const entry = fc.tuple(fc.oneof(names, many), fc.constantFrom('', 'x', 'y'));
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 90, size: 'max' }), (entries) => {
      const expected = [...new Map(entries)].filter(([, value]) => value !== '');
      expected.sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
      expect(Labels.from(entries).flat).toEqual(expected.flat());
      expect(Labels.from(new Map(entries)).flat).toEqual(expected.flat());
    }),
  );
});
