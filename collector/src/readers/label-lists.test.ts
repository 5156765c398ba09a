import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Labels } from '../storage/labels.ts';
import type { Relabel } from '../query/query.ts';
import { LabelLists, packLabels, unpackLabels, type AskedLabels, type KnownLabels } from './label-lists.ts';

const set = fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 }).map((object) => Labels.of(object));

function many(count: number, value = 'x'): readonly Labels[] {
  return Array.from({ length: count }, (_, i) => Labels.of({ __name__: 'm', i: String(i), value }));
}

function pass(list: readonly Labels[], known: KnownLabels | undefined) {
  const packed = structuredClone(packLabels(list, known?.hash));
  const unpacked = unpackLabels(packed, known);
  return { packed, unpacked };
}

test('a list arrives as it was, whatever was known', () => {
  const lists = fc.array(set, { maxLength: 250 });
  const property = fc.property(lists, lists, (before, list) => {
    const { packed, unpacked } = pass(before, undefined);
    expect(unpacked).toEqual(before);
    const known = packed.hash === undefined ? undefined : { hash: packed.hash, list: unpacked };
    expect(pass(list, known).unpacked).toEqual(list);
  });
  expect(() => fc.assert(property, { numRuns: 50 })).not.toThrow();
});

test('a list that is known does not travel, and stays the same objects', () => {
  const first = pass(many(200), undefined);
  expect(first.packed.sets?.texts).toHaveLength(205);
  const known = { hash: first.packed.hash ?? '', list: first.unpacked };
  const again = pass(many(200), known);
  expect(again.packed.sets).toBeUndefined();
  expect(again.unpacked).toBe(first.unpacked);
});

test.each([
  ['one more', many(201)],
  ['one less', many(199)],
  ['another order', many(200).toReversed()],
  ['another value', many(200, 'y')],
  ['labels cut at another place', many(200).map((labels, i) => labels.with('i', `${i}5:value`))],
])('a list that differs by %s travels anew', (_what, list) => {
  const first = pass(many(200), undefined);
  const { packed, unpacked } = pass(list, { hash: first.packed.hash ?? '', list: first.unpacked });
  expect(packed.sets).toBeDefined();
  expect(unpacked).toEqual(list);
});

test('a short list has no name', () => {
  expect(packLabels(many(99), undefined).hash).toBeUndefined();
  expect(packLabels([], undefined)).toMatchObject({ hash: undefined, sets: { texts: [] } });
});

test('the question that was not asked for longest is forgotten when there is too much', () => {
  const lists = new LabelLists();
  const list = Array.from<Labels>({ length: 400_000 }).fill(Labels.empty);
  const take = (question: string, hash: string): void =>
    void lists.take({ text: question }, { hash, sets: undefined }, { hash, list });
  take('a', '1');
  take('b', '2');
  take('a', '3');
  take('c', '4');
  expect(['a', 'b', 'c'].map((question) => lists.get({ text: question })?.hash)).toEqual([
    '3',
    undefined,
    '4',
  ]);
});

test('sets are relabeled when they come, and what they became is what is remembered', () => {
  const lists = new LabelLists();
  let relabeled = 0;
  const withName = (name: string): Relabel => ({
    key: name,
    of: (list) => {
      relabeled++;
      return list.map((labels) => labels.with('__name__', name));
    },
  });
  const take = (asked: AskedLabels, list: readonly Labels[]) => {
    const known = lists.get(asked);
    return lists.take(asked, structuredClone(packLabels(list, known?.hash)), known);
  };
  const asks = [{ text: 'm', relabel: withName('a') }, { text: 'm', relabel: withName('b') }, { text: 'm' }];
  const first = asks.map((asked) => take(asked, many(200)));
  expect(first.map((list) => new Set(list.map(({ metricName }) => metricName)))).toEqual(
    ['a', 'b', 'm'].map((name) => new Set([name])),
  );
  const again = asks.map((asked) => take(asked, many(200)));
  expect(again.every((list, at) => list === first[at])).toBe(true);
  expect(relabeled).toBe(2);
  // Equal in what it does, another object: as after rules were read again.
  expect(take({ text: 'm', relabel: withName('a') }, many(200))).toBe(first[0]);
  expect(take({ text: 'm', relabel: withName('a') }, many(201)).at(-1)?.metricName).toBe('a');
  expect(take({ text: 'm', relabel: withName('a') }, many(3)).at(-1)?.metricName).toBe('a');
});

test('what must not be relabeled is refused each time', () => {
  const lists = new LabelLists();
  const asked = {
    text: 'm',
    relabel: {
      key: '',
      of: () => {
        throw new Error('no');
      },
    },
  };
  for (let round = 0; round < 2; round++) {
    const known = lists.get(asked);
    const packed = packLabels(many(200), known?.hash);
    expect(() => lists.take(asked, packed, known)).toThrow('no');
  }
});
