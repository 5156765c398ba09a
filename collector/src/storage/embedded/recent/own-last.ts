/**
 * Looking for the newest samples of many of the collector's own series at once: after a restart all of them are new to it,
 * and one read of its own blocks costs little more for hundreds of series than for one.
 */
import { METRIC_NAME, type Labels } from '../../labels.ts';
import type { Matcher } from '../../matcher.ts';
import type { Series } from '../../storage.ts';
import type { LastSample } from '../own/own-series.ts';

/** Series times milliseconds that one read may be about: all their samples are in memory for it. */
const SERIES_MS_PER_READ = 500 * 3_600_000;

/** How many series to look for in one read that goes back so many milliseconds; at least 1. */
export function seriesPerRead(spanMs: number): number {
  return Math.max(1, Math.floor(SERIES_MS_PER_READ / Math.max(1, spanMs)));
}

/**
 * Matchers that each of the label sets fits, and few others: every label has one of the values that it has in them.
 * They are not to be remembered by their text.
 */
export function matchersOfAll(list: readonly Labels[]): readonly Matcher[] {
  const names = new Set([METRIC_NAME]);
  for (const labels of list) for (const [name] of labels.entries()) names.add(name);
  return Array.from(names, (name) => {
    // The empty one where a label set does not have the label.
    const values = new Set(list.map((labels) => labels.get(name)));
    return { name, operator: '=~', value: '', matches: (text) => values.has(text) };
  });
}

/** Undefined when it has no sample. */
export function lastSampleOf({ timestamps, values, stale }: Series): LastSample | undefined {
  const at = timestamps.length - 1;
  const timeMs = timestamps[at];
  if (timeMs === undefined) return undefined;
  return { timeMs, value: values[at] ?? Number.NaN, isStale: stale?.[at] === 1 };
}
