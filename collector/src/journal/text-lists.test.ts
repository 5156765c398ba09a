import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextLists } from './text-lists.ts';

test('gives the same list for the same texts, and for no others', () => {
  const text = fc.string({ maxLength: 3, unit: fc.constantFrom('a', 'b', ':', '\ud800') });
  const property = fc.property(fc.array(fc.array(text, { maxLength: 3 }), { maxLength: 80 }), (all) => {
    const lists = new TextLists();
    const first = new Map<string, readonly string[]>();
    for (const list of all) {
      const key = JSON.stringify(list);
      const wanted = first.get(key) ?? list;
      first.set(key, wanted);
      expect(lists.of(list)).toBe(wanted);
    }
  });
  expect(() => fc.assert(property)).not.toThrow();
});

test('knows many, and forgets all with one more than it may know', () => {
  const lists = new TextLists(5_000);
  const all = Array.from({ length: 5_000 }, (_, at) => [`host-${at}`, 'node']);
  for (const list of all) expect(lists.of(list)).toBe(list);
  for (const list of all) expect(lists.of([...list])).toBe(list);
  lists.of(['one more']);
  const again = [...(all[0] ?? [])];
  expect(lists.of(again)).toBe(again);
});
