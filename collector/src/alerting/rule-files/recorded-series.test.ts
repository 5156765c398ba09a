import { expect, test } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { RecordedSeries, SeriesMemory, type ResultSample } from './group.ts';
import { parseRuleFile } from './rule-file.ts';

const text = 'groups: [{ name: g, rules: [{ record: r, expr: m, labels: { own: x } }] }]';
const [rule] = parseRuleFile(text, 'test').flatMap(({ rules }) => rules);

/** What becomes of one result after the other. */
function recorder(limit = 0) {
  if (rule?.kind !== 'recording') throw new Error('the rule records');
  const series = new RecordedSeries();
  return (result: readonly ResultSample[]) => series.of(rule, result, limit);
}

const a = Labels.of({ __name__: 'm', i: 'a' });
const b = Labels.of({ __name__: 'm', i: 'b' });
const result = (...sets: readonly Labels[]) => sets.map((labels, value) => ({ labels, value }));

test('a result with the same label sets gives the same series, as objects, with its own values', () => {
  const recorded = recorder();
  const first = recorded(result(a, b));
  expect(first.map(({ labels }) => labels.toString())).toEqual(['r{i="a", own="x"}', 'r{i="b", own="x"}']);
  const again = recorded([
    { labels: a, value: 7 },
    { labels: b, value: 8 },
  ]);
  expect(again.map(({ value }) => value)).toEqual([7, 8]);
  expect(again.every(({ labels }, i) => labels === first[i]?.labels)).toBe(true);
});

test.each([
  ['in another order', [b, a]],
  ['one fewer', [b]],
  ['one more', [a, b, Labels.of({ i: 'c' })]],
  ['none', []],
])('a result that has others gives others: %s', (_what, sets) => {
  const recorded = recorder();
  recorded(result(a, b));
  expect(recorded(result(...sets))).toEqual(recorder()(result(...sets)));
});

test('series that become equal, or too many, are refused each time', () => {
  const equal = result(a, a.with('own', 'y'));
  const recorded = recorder();
  expect(() => recorded(equal)).toThrow('same labelset');
  expect(() => recorded(equal)).toThrow('same labelset');
  const limited = recorder(1);
  expect(() => limited(result(a, b))).toThrow('exceeded limit of 1 with 2 series');
  expect(() => limited(result(a, b))).toThrow('exceeded limit of 1');
});

test('a series that is gone ends once, whether the others are the same objects or equal ones', () => {
  const memory = new SeriesMemory<string>();
  const stale = (series: ReturnType<typeof memory.next>) =>
    series
      .slice()
      .filter(({ samples }) => samples[0]?.isStale)
      .map(({ labels }) => labels.get('i'));
  expect(stale(memory.next('r', result(a, b), 1))).toEqual([]);
  expect(stale(memory.next('r', result(a, b), 2))).toEqual([]);
  expect(stale(memory.next('r', result(Labels.from(a.entries())), 3))).toEqual(['b']);
  expect(stale(memory.next('r', result(a), 4))).toEqual([]);
  expect(stale(memory.next('r', result(), 5))).toEqual(['a']);
  expect(stale(memory.next('r', result(), 6))).toEqual([]);
});
