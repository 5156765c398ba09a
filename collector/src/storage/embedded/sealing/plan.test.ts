import { describe, expect, test } from 'vitest';
import type { BlockResolution, BlockRow } from '../../../journal/blocks.ts';
import { planExpiry, planMerges, type Retention } from './plan.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** First of a month. */
const BASE_MS = Date.UTC(2026, 5, 1);
const RETENTION: Retention = {
  ageMs: { raw: 30 * DAY_MS, '5m': 365 * DAY_MS, '1h': 1_825 * DAY_MS },
  bytesMax: undefined,
};

let lastId = 0;

function row(resolution: BlockResolution, fromHours: number, hours: number, madeHours = 0): BlockRow {
  const fromMs = BASE_MS + fromHours * HOUR_MS;
  const toMs = fromMs + hours * HOUR_MS;
  const id = ++lastId;
  const madeMs = BASE_MS + madeHours * HOUR_MS;
  const range = { fromMs, toMs, firstMs: fromMs, lastMs: toMs - 1 };
  return {
    id,
    file: `${id}`,
    resolution,
    ...range,
    lastPos: id,
    madeMs,
    bytes: 100,
    samples: 10,
    checksum: 1,
  };
}

const at = (hours: number): number => BASE_MS + hours * HOUR_MS;
const outputs = (rows: readonly BlockRow[], hours: number): unknown[] =>
  planMerges(rows, at(hours), RETENTION).map((job) => [job.outputs, job.inputs.length, job.replaced.length]);
const whole = (day: number): BlockRow[] =>
  (['raw', '5m', '1h'] as const).map((resolution) => row(resolution, day * 24, 24));

describe('merges', () => {
  test('hours become a day with its rollups two hours after its end', () => {
    const hours = [row('raw', 0, 1), row('raw', 1, 1), row('raw', 23, 1)];
    expect(outputs(hours, 25)).toEqual([]);
    expect(outputs(hours, 26)).toEqual([[['raw', '5m', '1h'], 3, 3]]);
  });

  test('a day that is complete is left alone, one without rollups gets them', () => {
    expect(outputs(whole(0), 30)).toEqual([]);
    expect(outputs([row('raw', 0, 24)], 30)).toEqual([[['5m', '1h'], 1, 0]]);
  });

  test('late blocks wait for others, but not for long', () => {
    const late = (count: number) => Array.from({ length: count }, () => row('raw', 5, 1, 29));
    expect(outputs([...whole(0), ...late(1)], 30)).toEqual([]);
    expect(outputs([...whole(0), ...late(1)], 35)).toEqual([[['raw', '5m', '1h'], 2, 4]]);
    expect(outputs([...whole(0), ...late(8)], 30)).toEqual([[['raw', '5m', '1h'], 9, 11]]);
  });

  test('rollups of samples that are gone stay, and get what came late put beside them and then together', () => {
    const rollups = whole(0).slice(1);
    const late = row('raw', 5, 1);
    expect(outputs([...rollups, late], 5)).toEqual([]);
    expect(outputs([...rollups, late], 40)).toEqual([[['5m', '1h'], 1, 1]]);
    const beside = [row('5m', 0, 24), row('1h', 0, 24)];
    expect(outputs([...rollups, ...beside], 40)).toEqual([
      [['5m'], 2, 2],
      [['1h'], 2, 2],
    ]);
  });

  test('a day of late samples alone is not taken for the whole day', () => {
    const [, ...rollups] = whole(0);
    const part = row('raw', 0, 24);
    expect(outputs([...rollups, part, row('raw', 5, 1)], 40)).toEqual([[['5m', '1h'], 2, 2]]);
  });

  test('late samples of a month whose rollups are complete are put beside them, and then together', () => {
    const month = (['5m', '1h'] as const).map((resolution) => row(resolution, 0, 30 * 24));
    const [day] = whole(3);
    if (day === undefined) return;
    const late = row('raw', 75, 1, 47 * 24);
    expect(outputs([day, ...month], 50 * 24)).toEqual([]);
    const older = { ...day, lastPos: 0 };
    expect(outputs([older, ...month, late], 50 * 24)).toEqual([[['5m', '1h'], 1, 0]]);
    const beside = (['5m', '1h'] as const).map((resolution) => row(resolution, 72, 24));
    expect(outputs([older, ...month, late, ...beside], 50 * 24)).toEqual([[['raw'], 2, 2]]);
    expect(outputs([older, ...month, ...beside], 50 * 24)).toEqual([
      [['5m'], 2, 2],
      [['1h'], 2, 2],
    ]);
  });

  test('a month waits for all of its days that have no rollups yet', () => {
    const days = [...[0, 1].flatMap((day) => whole(day).slice(1)), row('raw', 72, 1, 60 * 24)];
    expect(outputs(days, 60 * 24)).toEqual([[['raw', '5m', '1h'], 1, 1]]);
  });

  test('days of rollups become a month when nothing can be late any more; samples do not', () => {
    const june = Array.from({ length: 30 }, (_, day) => whole(day)).flat();
    expect(outputs(june, 45 * 24)).toEqual([]);
    expect(outputs(june, 46 * 24)).toEqual([
      [['5m'], 30, 30],
      [['1h'], 30, 30],
    ]);
  });
});

describe('expiry', () => {
  const expired = (rows: readonly BlockRow[], hours: number, bytesToFree = 0, bytesMax?: number): string[] =>
    planExpiry(rows, at(hours), { retention: { ...RETENTION, bytesMax }, bytesToFree }).map((id) => {
      const found = rows.find((candidate) => candidate.id === id);
      return `${found?.resolution} ${((found?.fromMs ?? 0) - BASE_MS) / DAY_MS}`;
    });
  const three = [0, 1, 2].flatMap(whole);

  test('each resolution has its age', () => {
    expect(expired(three, 31 * 24 - 1)).toEqual([]);
    expect(expired(three, 31 * 24)).toEqual(['raw 0']);
    expect(expired(three, 400 * 24).toSorted((a, b) => a.localeCompare(b))).toEqual(
      ['5m 0', '5m 1', '5m 2', 'raw 0', 'raw 1', 'raw 2'].toSorted((a, b) => a.localeCompare(b)),
    );
  });

  test('what was too old when it came stays for a day, unless it was merged', () => {
    const hour = row('raw', 0, 1, 60 * 24);
    expect(expired([hour], 60 * 24)).toEqual([]);
    expect(expired([hour], 61 * 24)).toEqual(['raw 0']);
    expect(expired([row('raw', 0, 24, 60 * 24)], 60 * 24)).toEqual(['raw 0']);
    expect(expired([row('raw', 0, 1, 2)], 60 * 24)).toEqual(['raw 0']);
    expect(expired([row('raw', 0, 1, 30 * 24)], 30 * 24 + 1)).toEqual(['raw 0']);
    expect(expired([hour], 60 * 24, 50)).toEqual(['raw 0']);
  });

  test('too many bytes cost the oldest samples first, then rollups, and never the last day of samples', () => {
    expect(expired(three, 73, 0, 800)).toEqual(['raw 0']);
    expect(expired(three, 73, 150)).toEqual(['raw 0', 'raw 1']);
    expect(expired(three, 73, 250)).toEqual(['raw 0', 'raw 1', '5m 0']);
    expect(expired(three, 73, 1e9)).not.toContain('raw 2');
  });

  test('room is made of what came since, while time stands because the clock is in doubt', () => {
    expect(expired(three, -400 * 24, 150)).toEqual(['raw 0', '5m 0']);
    expect(expired(three, -400 * 24, 1e9)).not.toContain('raw 2');
  });
});
