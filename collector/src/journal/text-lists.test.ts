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

/** One word of each pair, in this order, is a text that has the same hash whichever words are taken. Found by trying. */
const PAIRS = [
  ['1e56rtr', '0f94688'],
  ['100l7js', '0may6i3'],
  ['1ddo14d', '0krgalb'],
  ['10z6tws', '150knqy'],
  ['0vfmb4d', '14vgg2r'],
  ['1avt43g', '1vu98wf'],
  ['10oywdw', '0gowtlj'],
] as const;

/** A list that counts how often somebody looks at what is in it. */
function watched(text: string, looks: { count: number }): readonly string[] {
  return new Proxy([text], {
    get(list, key) {
      if (key === '0') looks.count++;
      return Reflect.get(list, key) as unknown;
    },
  });
}

test('is not slow for texts that were made to collide, and shares only some of them', () => {
  const lists = new TextLists();
  const looks = { count: 0 };
  let texts = [''];
  for (const pair of PAIRS) texts = texts.flatMap((text) => pair.map((word) => text + word));
  const all = texts.map((text) => watched(text, looks));
  expect(all).toHaveLength(128);
  for (const list of all) lists.of(list);
  expect(all.filter((list) => lists.of([...list]) === list)).toHaveLength(32);
  // Each told apart from all others would be some 25,000.
  expect(looks.count).toBeLessThan(128 * 32 * 3);
});

test('looks at no text while it grows', () => {
  const lists = new TextLists();
  const looks = { count: 0 };
  const all = Array.from({ length: 511 }, (_, at) => watched(`host-${at}`, looks));
  for (const list of all) lists.of(list);
  looks.count = 0;
  lists.of(['the one more with which it grows']);
  expect(looks.count).toBe(0);
  for (const list of all) expect(lists.of([...list])).toBe(list);
});

test('what is forgotten is not known any more', () => {
  const lists = new TextLists();
  const list = ['a'];
  lists.of(list);
  lists.forget();
  const again = ['a'];
  expect(lists.of(again)).toBe(again);
  expect(lists.of(['a'])).toBe(again);
});
