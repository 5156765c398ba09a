/** The suite that every storage adapter passes; long, because it is a list of cases. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { describe, expect, test } from 'vitest';
import { Labels } from './labels.ts';
import { createMatcher, type Matcher, type MatchOperator } from './matcher.ts';
import type {
  AppendSample,
  AppendSeries,
  LabelsRequest,
  Series,
  Storage,
  StorageCapabilities,
  StorageReader,
} from './storage.ts';

/** A store for one test. */
export interface StorageUnderTest {
  readonly storage: Storage;
  /** Releases what the factory made around the store; the suite has closed the store itself. */
  readonly release?: () => Promise<void>;
}

/** What a store that is not ours keeps of what is written to it. */
export interface ExternalTraits {
  /**
   * `all`: every double. `no-nan`: all but NaN. `finite`: neither NaN nor infinite ones. `ordinary`: finite ones, and
   * those of very different magnitude in one series lose digits.
   */
  readonly numbers: 'all' | 'no-nan' | 'finite' | 'ordinary';
  readonly hasStaleMarkers: boolean;
  /** `printable`: control characters are replaced, and backslashes at the end are taken away. */
  readonly labelValues: 'all' | 'printable';
  /** Longest label value, in UTF-16 units. */
  readonly labelLengthMax: number;
  /** Lists leave out series that have no samples near the range. */
  readonly listsByTime: boolean;
}

/** The read side of a store that is not ours, with a way to write to it. */
export interface ExternalUnderTest {
  readonly storage: StorageReader & Pick<Storage, 'append' | 'flush'>;
  readonly release: () => Promise<void>;
}

/** Times in the suite start here; a store may treat what is near its clock differently from what is old. */
export const CONFORMANCE_BASE_MS = Date.UTC(2026, 5, 1, 12);

const DAY_MS = 86_400_000;
const EVER: Pick<LabelsRequest, 'fromMs' | 'toMs' | 'limit'> = {
  fromMs: 0,
  toMs: CONFORMANCE_BASE_MS * 2,
  limit: 0,
};
const calm = (): AbortSignal => new AbortController().signal;

/**
 * Registers the tests of the seam for one adapter.
 * @param create makes an empty store
 */
export function storageConformance(name: string, create: () => Promise<StorageUnderTest>): void {
  /** Runs `body` on a fresh store and closes it. */
  const withStorage = (body: (storage: Storage) => Promise<void>) => async (): Promise<void> => {
    const { storage, release } = await create();
    try {
      await body(storage);
      await storage.close();
    } finally {
      await release?.();
    }
  };

  describe(`${name}: samples`, () => {
    test('come back as they were stored, whatever the number', withStorage(storesNumbers));
    test('appear in label order, each series in order of time', withStorage(ordersSeries));
    test('are found within a range whose ends both count', withStorage(selectsRange));
    test('keep stale markers apart from values', withStorage(keepsStaleMarkers));
    test('of many times and series in one batch all arrive', withStorage(storesManyAtOnce));
    test('of one metric may have different label names', withStorage(storesMixedLabels));
  });

  describe(`${name}: what is refused`, () => {
    test('the same sample again is accepted and stored once', withStorage(acceptsRepeats));
    test('another value at the same time, and older samples, are rejected', withStorage(rejectsConflicts));
    test('a series without a metric name is rejected, the rest is stored', withStorage(rejectsNameless));
    test('hostile label values come back unchanged or are rejected', withStorage(survivesHostileLabels));
    test('metrics and labels of any name are kept', withStorage(keepsAnyName));
    test('a read over its limit of samples ends with QUERY_LIMIT', withStorage(limitsSamples));
    test('a read without matchers ends with BAD_REQUEST', withStorage(wantsMatchers));
    test('an aborted read ends with QUERY_CANCELED', withStorage(obeysAbort));
  });

  describe(`${name}: matchers`, () => {
    test.each(MATCHES)('%s', async (_title, matchers, wanted) => {
      const found: string[][] = [];
      await withStorage(async (storage) => {
        await storeMatched(storage);
        found.push(...(await matchedIds(storage, matchers)));
      })();
      expect(found).toEqual([wanted, wanted]);
    });
  });

  describe(`${name}: labels`, () => {
    test('names, values and label sets of all series', withStorage(listsLabels));
    test('only of the series that any matcher set fits', withStorage(listsMatchingLabels));
    test('at most as many as the limit says, the first in order', withStorage(limitsLabels));
    test('of series without samples anywhere near the range do not appear', withStorage(listsLabelsInRange));
  });

  describe(`${name}: life`, () => {
    test('a new store is empty', withStorage(startsEmpty));
    test('statistics count series and tell the ends of time', withStorage(countsSeries));
    test('reads and writes may overlap', withStorage(overlaps));
  });
}

/**
 * Registers the tests of the read side for a store that others keep: what it promises by its traits, and everything else
 * as for our own.
 * @param create makes a store, or a view of one, that is empty
 */
export function externalConformance(
  name: string,
  traits: ExternalTraits,
  create: () => Promise<ExternalUnderTest>,
): void {
  const capabilities = { isDurable: true, hasStaleMarkers: traits.hasStaleMarkers };
  const kept = { numbers: EXTERNAL_NUMBERS[traits.numbers], labelValues: hostileValues(traits) };
  const withStore = (body: (storage: Readable) => Promise<void>) => async (): Promise<void> => {
    const { storage, release } = await create();
    const append: Readable['append'] = async (batch) => {
      const result = await storage.append(batch);
      await storage.flush();
      return result;
    };
    const methods = bound(storage);
    try {
      await body({ ...methods, append, capabilities, kept });
    } finally {
      await release();
    }
  };

  describe(`${name}: samples`, () => {
    test('come back as they were stored', withStore(storesNumbers));
    test('appear in label order, each series in order of time', withStore(ordersSeries));
    test('are found within a range whose ends both count', withStore(selectsRange));
    test('keep stale markers apart from values', withStore(keepsStaleMarkers));
    test('of many times and series in one batch all arrive', withStore(storesManyAtOnce));
    test('of one metric may have different label names', withStore(storesMixedLabels));
    test('that are written again are there once', withStore(storesRepeatsOnce));
    test('with hostile label values come back unchanged or are rejected', withStore(survivesHostileLabels));
    test('over the limit of a read end it with QUERY_LIMIT', withStore(limitsSamples));
    test('are not read without matchers: BAD_REQUEST', withStore(wantsMatchers));
    test('are not read when the read is aborted: QUERY_CANCELED', withStore(obeysAbort));
  });

  describe(`${name}: matchers`, () => {
    // One store for all: they only read.
    test('fit what they fit in PromQL', async () => {
      const { storage, release } = await create();
      try {
        await storeMatched(storage);
        await storage.flush();
        for (const [title, matchers, wanted] of MATCHES) {
          expect([title, ...(await matchedIds(storage, matchers))]).toEqual([title, wanted, wanted]);
        }
      } finally {
        await release();
      }
    });
  });

  describe(`${name}: labels`, () => {
    test('names, values and label sets of all series', withStore(listsLabels));
    test('only of the series that any matcher set fits', withStore(listsMatchingLabels));
    test('at most as many as the limit says, the first in order', withStore(limitsLabels));
    // A store that lists all that it has ever seen has its range left out.
    const listsNear = traits.listsByTime ? listsLabelsInRange : readsNothing;
    // oxlint-disable-next-line vitest/expect-expect -- both of them assert
    test('of what is nowhere near the range are empty', withStore(listsNear));
    test('of nothing are empty', withStore(readsNothing));
  });
}

/** What the tests of reading need of a store. */
type Readable = StorageReader &
  Pick<Storage, 'append' | 'flush'> & {
    readonly capabilities: StorageCapabilities;
    /** What a store keeps that is not ours; ours keep everything. */
    readonly kept?: { readonly numbers: readonly number[]; readonly labelValues: readonly string[] };
  };

/** The methods of an object as functions. */
function bound(storage: ExternalUnderTest['storage']): Omit<Readable, 'append' | 'capabilities'> {
  return {
    select: (request, signal) => storage.select(request, signal),
    series: (request, signal) => storage.series(request, signal),
    labelNames: (request, signal) => storage.labelNames(request, signal),
    labelValues: (name, request, signal) => storage.labelValues(name, request, signal),
    flush: () => storage.flush(),
  };
}

const FINITE = [0, 1, -1.5, 1e-300, 1.7976931348623157e308, 2 ** 53, 0.1];
const EXTERNAL_NUMBERS: Readonly<Record<ExternalTraits['numbers'], readonly number[]>> = {
  // Protocol Buffers of Go leave -0 out, which then is 0.
  all: [...FINITE, Number.NaN, Infinity, -Infinity],
  'no-nan': [...FINITE, Infinity, -Infinity],
  finite: FINITE,
  ordinary: [0, 1, -1.5, 0.1, 1024, 123_456.789],
};

function hostileValues({ labelValues, labelLengthMax }: ExternalTraits): readonly string[] {
  const isKept = (value: string): boolean => labelValues === 'all' || !/\p{Cc}|\\$/u.test(value);
  return HOSTILE_VALUES.map((value) => value.slice(0, labelLengthMax)).filter(isKept);
}

async function storesRepeatsOnce(storage: Readable): Promise<void> {
  const batch = [seriesOf({ __name__: 'm_a' }, point(0, 1), point(10, 2))];
  for (let i = 0; i < 3; i++) await storage.append(batch);
  const [series, ...others] = await selectAll(storage, ['__name__', '=', 'm_a']);
  expect(others).toEqual([]);
  expect(samplesOf(series)).toEqual([
    [0, 1],
    [10, 2],
  ]);
}

async function readsNothing(storage: Readable): Promise<void> {
  expect(await selectAll(storage, ['__name__', '=~', '.*'])).toEqual([]);
  expect(await storage.series({ ...EVER, matcherSets: [] }, calm())).toEqual([]);
  expect(await storage.labelNames({ ...EVER, matcherSets: [] }, calm())).toEqual([]);
  expect(await storage.labelValues('a', { ...EVER, matcherSets: [] }, calm())).toEqual([]);
}

function point(offsetMs: number, value: number): AppendSample {
  return { timeMs: CONFORMANCE_BASE_MS + offsetMs, value };
}

function seriesOf(labels: Readonly<Record<string, string>>, ...samples: AppendSample[]): AppendSeries {
  return { labels: Labels.of(labels), samples };
}

type MatcherText = readonly [string, MatchOperator, string];

function matchersOf(...texts: readonly MatcherText[]): Matcher[] {
  return texts.map(([name, operator, value]) => createMatcher(name, operator, value));
}

function selectAll(storage: StorageReader, ...texts: readonly MatcherText[]): Promise<readonly Series[]> {
  return storage.select({ matchers: matchersOf(...texts), ...EVER, samplesMax: 1e6 }, calm());
}

/** Offsets and values, `stale` for a marker. */
function samplesOf(series: Series | undefined): (readonly [number, number | 'stale'])[] {
  if (series === undefined) return [];
  return Array.from(series.timestamps, (timeMs, at) => {
    const value = series.stale?.[at] === 1 ? 'stale' : (series.values[at] ?? Number.NaN);
    return [timeMs - CONFORMANCE_BASE_MS, value] as const;
  });
}

async function storesNumbers(storage: Readable): Promise<void> {
  const values = storage.kept?.numbers ?? [...EXTERNAL_NUMBERS.all, -0];
  const samples = values.map((value, at) => point(at * 1_000, value));
  expect(await storage.append([seriesOf({ __name__: 'm', a: '1' }, ...samples)])).toEqual({
    accepted: values.length,
    rejected: [],
  });
  await storage.flush();
  const [series, ...others] = await selectAll(storage, ['__name__', '=', 'm']);
  expect(others).toEqual([]);
  expect(series?.labels.toObject()).toEqual({ __name__: 'm', a: '1' });
  expect(samplesOf(series)).toEqual(values.map((value, at) => [at * 1_000, value]));
  expect(series?.stale).toBeUndefined();
}

async function ordersSeries(storage: Readable): Promise<void> {
  const sets = [
    { b: '1' },
    { a: '2' },
    { a: '10' },
    { a: '1', b: '2' },
    { a: '1' },
    { z: 'é' },
    { z: '😀' },
    { z: '\ufffd' },
  ];
  for (const labels of sets)
    await storage.append([seriesOf({ __name__: 'm', ...labels }, point(0, 1), point(1, 2))]);
  await storage.append([seriesOf({ __name__: 'l' }, point(0, 1))]);
  const found = await selectAll(storage, ['__name__', '=~', '.+']);
  const labels = found.map((series) => series.labels);
  expect(labels).toHaveLength(sets.length + 1);
  expect(labels).toEqual(labels.toSorted(Labels.compare));
  expect(labels.at(-1)?.get('z')).toBe('😀');
  for (const series of found) {
    expect(series.timestamps).toHaveLength(series.values.length);
    expect([...series.timestamps]).toEqual([...series.timestamps].sort((left, right) => left - right));
  }
}

async function selectsRange(storage: Readable): Promise<void> {
  await storage.append([seriesOf({ __name__: 'm' }, point(10, 1), point(20, 2), point(30, 3))]);
  const matchers = matchersOf(['__name__', '=', 'm']);
  const cases = [
    [10, 30, 3],
    [11, 29, 1],
    [20, 20, 1],
    [31, 99, 0],
    [0, 9, 0],
    [30, 10, 0],
  ] as const;
  for (const [from, to, count] of cases) {
    const range = { fromMs: CONFORMANCE_BASE_MS + from, toMs: CONFORMANCE_BASE_MS + to };
    const found = await storage.select({ matchers, ...range, samplesMax: 10 }, calm());
    // A series without a sample in the range does not appear.
    expect(found.map(({ timestamps }) => timestamps.length)).toEqual(count === 0 ? [] : [count]);
  }
}

async function keepsStaleMarkers(storage: Readable): Promise<void> {
  const lastValue = storage.kept?.numbers.at(-1) ?? Number.NaN;
  if (!storage.capabilities.hasStaleMarkers) return;
  const marker = { ...point(20, 0), isStale: true };
  await storage.append([seriesOf({ __name__: 'm' }, point(10, 1), marker, point(30, lastValue))]);
  await storage.append([seriesOf({ __name__: 'n' }, { ...point(10, 7), isStale: true })]);
  const [m, n] = await selectAll(storage, ['__name__', '=~', 'm|n']);
  expect(samplesOf(m)).toEqual([
    [10, 1],
    [20, 'stale'],
    [30, lastValue],
  ]);
  expect(samplesOf(n)).toEqual([[10, 'stale']]);
}

async function storesManyAtOnce(storage: Readable): Promise<void> {
  const batch = Array.from({ length: 1_200 }, (_, i) =>
    seriesOf(
      { __name__: `m${i % 7}`, i: String(i) },
      point(0, i),
      point(1_000, i + 0.5),
      point(2_000, -1 - i),
    ),
  );
  expect((await storage.append(batch)).accepted).toBe(3_600);
  const found = await selectAll(storage, ['i', '!=', '']);
  expect(found).toHaveLength(1_200);
  for (const series of found) {
    const i = Number(series.labels.get('i'));
    expect([...series.values]).toEqual([i, i + 0.5, -1 - i]);
  }
}

async function storesMixedLabels(storage: Readable): Promise<void> {
  const sets = [{}, { a: '1' }, { b: '1' }, { a: '1', b: '1' }, { instance: 'x', job: 'y', host: 'z' }];
  await storage.append(sets.map((labels, i) => seriesOf({ __name__: 'm', ...labels }, point(0, i))));
  await storage.append(sets.map((labels, i) => seriesOf({ __name__: 'm', ...labels }, point(5, -1 - i))));
  const found = await selectAll(storage, ['__name__', '=', 'm']);
  expect(found).toHaveLength(sets.length);
  for (const [i, labels] of sets.entries()) {
    const series = found.find(
      (candidate) => candidate.labels.key === Labels.of({ __name__: 'm', ...labels }).key,
    );
    expect([...(series?.values ?? [])]).toEqual([i, -1 - i]);
  }
}

async function acceptsRepeats(storage: Storage): Promise<void> {
  const batch = [
    seriesOf({ __name__: 'm' }, point(10, Number.NaN)),
    seriesOf({ __name__: 'n' }, point(10, 5)),
  ];
  for (let i = 0; i < 3; i++) expect(await storage.append(batch)).toEqual({ accepted: 2, rejected: [] });
  expect(await storage.append([seriesOf({ __name__: 'n' }, point(20, 6), point(20, 6))])).toEqual({
    accepted: 2,
    rejected: [],
  });
  const found = await selectAll(storage, ['__name__', '=~', '.+']);
  expect(found.map(({ timestamps }) => timestamps.length)).toEqual([1, 2]);
}

async function rejectsConflicts(storage: Storage): Promise<void> {
  const labels = { __name__: 'm', a: 'x' };
  await storage.append([seriesOf(labels, point(10, 1), point(20, 2))]);
  const result = await storage.append([
    seriesOf(labels, point(20, 3), point(19, 9), point(10, 1), point(30, 4), {
      ...point(30, 4),
      isStale: true,
    }),
    seriesOf({ __name__: 'm', a: 'y' }, point(1, 1)),
  ]);
  expect(result.accepted).toBe(2);
  expect(result.rejected.map(({ timeMs, reason }) => [timeMs - CONFORMANCE_BASE_MS, reason])).toEqual([
    [20, 'duplicate_timestamp'],
    [19, 'out_of_order'],
    [10, 'out_of_order'],
    [30, 'duplicate_timestamp'],
  ]);
  expect(result.rejected.every((entry) => entry.labels.key === Labels.of(labels).key)).toBe(true);
  const [x, y] = await selectAll(storage, ['__name__', '=', 'm']);
  expect(samplesOf(x)).toEqual([
    [10, 1],
    [20, 2],
    [30, 4],
  ]);
  expect(samplesOf(y)).toEqual([[1, 1]]);
}

async function rejectsNameless(storage: Storage): Promise<void> {
  const result = await storage.append([
    seriesOf({ a: '1' }, point(0, 1)),
    seriesOf({ __name__: 'm' }, point(0, 2)),
  ]);
  expect(result).toMatchObject({ accepted: 1, rejected: [{ reason: 'invalid_labels' }] });
  expect(await selectAll(storage, ['__name__', '=~', '.*'])).toHaveLength(1);
}

const HOSTILE_VALUES = [
  'line\nbreak',
  '"quoted"',
  "it's",
  '\\',
  '😀',
  '\ufffd',
  'nul\0',
  '{a="b"}',
  'é',
  ' ',
  'x'.repeat(65_536),
];

async function survivesHostileLabels(storage: Readable): Promise<void> {
  const values = storage.kept?.labelValues ?? HOSTILE_VALUES;
  for (const [i, value] of [...values, '\ud800'].entries()) {
    const labels = { __name__: 'm', i: String(i), value };
    const { accepted, rejected } = await storage.append([seriesOf(labels, point(0, i))]);
    expect(accepted + rejected.length).toBe(1);
    const found = await selectAll(storage, ['i', '=', String(i)]);
    expect(found).toHaveLength(accepted);
    for (const series of found) expect(series.labels.toObject()).toEqual(labels);
    expect(await selectAll(storage, ['value', '=', value])).toHaveLength(accepted);
  }
  // All but the extremes are ordinary text.
  expect((await selectAll(storage, ['__name__', '=', 'm'])).length).toBeGreaterThanOrEqual(values.length - 1);
}

/** Some stand before `__name__`, as texts of UTF-8, and some behind it. */
const HOSTILE_NAMES = ['a.b', 'größe', 'a b', 'a"b', "it's", 'a\nb', '{}', '1', '-', 'Z', '😀', '__type__'];

async function keepsAnyName(storage: Storage): Promise<void> {
  for (const [i, name] of HOSTILE_NAMES.entries()) {
    const labels = { __name__: `m${name}`, i: String(i), [name]: 'x' };
    const result = await storage.append([seriesOf(labels, point(0, i))]);
    expect(result).toEqual({ accepted: 1, rejected: [] });
    for (const [label, value] of Object.entries(Labels.of(labels).toObject())) {
      const found = await selectAll(storage, ['i', '=', String(i)], [label, '=', value]);
      expect(found.map((series) => series.labels.toObject())).toEqual([Labels.of(labels).toObject()]);
    }
  }
  const names = await storage.labelNames({ ...EVER, matcherSets: [] }, calm());
  expect(names).toEqual([...new Set([...HOSTILE_NAMES, '__name__', 'i'])].sort(compareUtf8));
}

async function limitsSamples(storage: Readable): Promise<void> {
  await storage.append([
    seriesOf({ __name__: 'm', a: '1' }, point(0, 1), point(1, 1)),
    seriesOf({ __name__: 'm', a: '2' }, point(0, 1)),
  ]);
  const request = { matchers: matchersOf(['__name__', '=', 'm']), ...EVER };
  expect(await storage.select({ ...request, samplesMax: 3 }, calm())).toHaveLength(2);
  await expect(storage.select({ ...request, samplesMax: 2 }, calm())).rejects.toMatchObject({
    code: 'QUERY_LIMIT',
  });
}

async function wantsMatchers(storage: Readable): Promise<void> {
  const request = { matchers: [], ...EVER, samplesMax: 3 };
  await expect(storage.select(request, calm())).rejects.toMatchObject({ code: 'BAD_REQUEST' });
}

async function obeysAbort(storage: Readable): Promise<void> {
  await storage.append([seriesOf({ __name__: 'm' }, point(0, 1))]);
  const aborted = AbortSignal.abort();
  const matchers = matchersOf(['__name__', '=', 'm']);
  const labels = { ...EVER, matcherSets: [matchers] };
  const canceled = { code: 'QUERY_CANCELED' };
  await expect(storage.select({ matchers, ...EVER, samplesMax: 9 }, aborted)).rejects.toMatchObject(canceled);
  await expect(storage.series(labels, aborted)).rejects.toMatchObject(canceled);
  await expect(storage.labelNames(labels, aborted)).rejects.toMatchObject(canceled);
  await expect(storage.labelValues('a', labels, aborted)).rejects.toMatchObject(canceled);
  expect(await selectAll(storage, ['__name__', '=', 'm'])).toHaveLength(1);
}

const MATCHES: readonly (readonly [string, readonly MatcherText[], readonly string[]])[] = [
  ['equal', [['a', '=', '1']], ['1', '3']],
  ['equal to nothing fits absent labels', [['a', '=', '']], ['4', '5']],
  ['not equal fits absent labels', [['a', '!=', '1']], ['2', '4', '5']],
  ['not equal to nothing wants the label', [['a', '!=', '']], ['1', '2', '3']],
  ['pattern', [['a', '=~', '1|2']], ['1', '2', '3']],
  ['pattern is anchored', [['b', '=~', 'ell']], []],
  ['pattern that fits nothing fits absent labels', [['b', '=~', 'x|']], ['1', '2', '4', '5']],
  ['negative pattern', [['b', '!~', 'h.*']], ['1', '2', '4', '5']],
  ['negative pattern that fits nothing wants the label', [['b', '!~', '']], ['3']],
  [
    'several must all fit',
    [
      ['a', '=', '1'],
      ['b', '=', 'hello'],
    ],
    ['3'],
  ],
  [
    'two on one label',
    [
      ['a', '!=', '1'],
      ['a', '!=', ''],
    ],
    ['2'],
  ],
  ['a label that nobody has', [['nobody', '=', 'x']], []],
  ['the metric name', [['__name__', '=', 'n']], ['5']],
  ['not the metric name', [['__name__', '!=', 'm']], ['5']],
  ['a pattern on the metric name', [['__name__', '=~', 'm.?']], ['1', '2', '3', '4']],
];

/** The series that fit, by their label `id`: as they are read, and as they are listed. */
async function matchedIds(storage: StorageReader, texts: readonly MatcherText[]): Promise<string[][]> {
  const found = await selectAll(storage, ...texts);
  const request = { ...EVER, matcherSets: [matchersOf(...texts)] };
  const listed = await storage.labelValues('id', request, calm());
  return [found.map(({ labels }) => labels.get('id')).sort(), [...listed]];
}

async function storeMatched(storage: Pick<Storage, 'append'>): Promise<void> {
  await storage.append([
    seriesOf({ __name__: 'm', id: '1', a: '1' }, point(0, 1)),
    seriesOf({ __name__: 'm', id: '2', a: '2' }, point(0, 1)),
    seriesOf({ __name__: 'm', id: '3', a: '1', b: 'hello' }, point(0, 1)),
    seriesOf({ __name__: 'm', id: '4' }, point(0, 1)),
    seriesOf({ __name__: 'n', id: '5' }, point(0, 1)),
  ]);
}

/** Three series, the last one a day later than the others. */
async function storeLabels(storage: Readable): Promise<void> {
  await storage.append([
    seriesOf({ __name__: 'm', a: '2', only: 'x' }, point(0, 1)),
    seriesOf({ __name__: 'm', a: '10' }, point(0, 1)),
  ]);
  await storage.append([seriesOf({ __name__: 'n', a: '1' }, point(DAY_MS, 1))]);
}

async function listsLabels(storage: Readable): Promise<void> {
  await storeLabels(storage);
  const all = { ...EVER, matcherSets: [] };
  expect(await storage.labelNames(all, calm())).toEqual(['__name__', 'a', 'only']);
  expect(await storage.labelValues('__name__', all, calm())).toEqual(['m', 'n']);
  expect(await storage.labelValues('a', all, calm())).toEqual(['1', '10', '2']);
  expect(await storage.labelValues('only', all, calm())).toEqual(['x']);
  expect(await storage.labelValues('nobody', all, calm())).toEqual([]);
  expect((await storage.series(all, calm())).map((labels) => labels.toString())).toEqual([
    'm{a="10"}',
    'm{a="2", only="x"}',
    'n{a="1"}',
  ]);
}

async function listsMatchingLabels(storage: Readable): Promise<void> {
  await storeLabels(storage);
  const request = {
    ...EVER,
    matcherSets: [matchersOf(['only', '=', 'x']), matchersOf(['__name__', '=', 'n'], ['a', '!=', ''])],
  };
  expect((await storage.series(request, calm())).map((labels) => labels.get('a'))).toEqual(['2', '1']);
  expect(await storage.labelValues('a', request, calm())).toEqual(['1', '2']);
  const none = { ...EVER, matcherSets: [matchersOf(['a', '=', 'none'])] };
  expect(await storage.series(none, calm())).toEqual([]);
  expect(await storage.labelNames(none, calm())).toEqual([]);
}

async function limitsLabels(storage: Readable): Promise<void> {
  await storeLabels(storage);
  const request = { ...EVER, matcherSets: [], limit: 2 };
  expect(await storage.labelNames(request, calm())).toEqual(['__name__', 'a']);
  expect(await storage.labelValues('a', request, calm())).toEqual(['1', '10']);
  expect((await storage.series(request, calm())).map((labels) => labels.get('a'))).toEqual(['10', '2']);
}

async function listsLabelsInRange(storage: Readable): Promise<void> {
  await storeLabels(storage);
  const later = {
    fromMs: CONFORMANCE_BASE_MS + DAY_MS - 1_000,
    toMs: CONFORMANCE_BASE_MS + DAY_MS,
    limit: 0,
  };
  const earlier = { fromMs: CONFORMANCE_BASE_MS, toMs: CONFORMANCE_BASE_MS + 1_000, limit: 0 };
  const before = { fromMs: 0, toMs: CONFORMANCE_BASE_MS - DAY_MS, limit: 0 };
  expect(await storage.labelValues('__name__', { ...later, matcherSets: [] }, calm())).toEqual(['n']);
  expect(await storage.labelValues('__name__', { ...earlier, matcherSets: [] }, calm())).toEqual(['m']);
  expect(await storage.labelNames({ ...later, matcherSets: [] }, calm())).toEqual(['__name__', 'a']);
  expect(await storage.series({ ...before, matcherSets: [] }, calm())).toEqual([]);
}

async function startsEmpty(storage: Storage): Promise<void> {
  expect(await selectAll(storage, ['__name__', '=~', '.*'])).toEqual([]);
  expect(await storage.labelNames({ ...EVER, matcherSets: [] }, calm())).toEqual([]);
  expect(await storage.append([])).toEqual({ accepted: 0, rejected: [] });
  expect(await storage.stats()).toMatchObject({ seriesCount: 0, sampleCount: 0, oldestMs: undefined });
}

async function countsSeries(storage: Storage): Promise<void> {
  await storeLabels(storage);
  expect(await storage.stats()).toMatchObject({
    seriesCount: 3,
    sampleCount: 3,
    oldestMs: CONFORMANCE_BASE_MS,
    newestMs: CONFORMANCE_BASE_MS + DAY_MS,
  });
}

async function overlaps(storage: Storage): Promise<void> {
  const work: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    work.push(storage.append([seriesOf({ __name__: 'm', i: String(i % 3) }, point(i, i))]));
    work.push(selectAll(storage, ['__name__', '=', 'm']));
  }
  await Promise.all(work);
  await storage.flush();
  const found = await selectAll(storage, ['__name__', '=', 'm']);
  expect(found.map(({ timestamps }) => timestamps.length)).toEqual([7, 7, 6]);
}
