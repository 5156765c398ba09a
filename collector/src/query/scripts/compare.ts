/** Compares what a query gave with what a script expects. */
import type { Labels } from '../../storage/labels.ts';
import { formatDecimal } from '../encode/format.ts';
import { isAlmostEqual } from '../evaluate/numeric.ts';
import type { QueryValue } from '../results.ts';
import type { EvalCommand, ExpectedResult } from './script.ts';
import type { NotedSeries } from '../parse/series-notation.ts';

/** Relative difference below which two values count as equal. */
const TOLERANCE = 1e-6;

/** What is wrong with `value`, or undefined. */
export function mismatch(value: QueryValue, { result, times, isOrdered }: EvalCommand): string | undefined {
  switch (value.kind) {
    case 'scalar':
      if (result.kind !== 'scalar') return `got a scalar, expected ${result.kind}`;
      return valueMismatch('scalar', value.value, result.value);
    case 'string':
      if (result.kind !== 'string') return `got a string, expected ${result.kind}`;
      return value.text === result.text ? undefined : `got "${value.text}", expected "${result.text}"`;
    case 'vector': {
      if (result.kind !== 'series') return `got a vector, expected ${result.kind}`;
      const actual = value.samples.map((sample) => ({
        labels: sample.labels,
        points: new Map([[sample.timeMs, sample.value]]),
      }));
      const timeMs = value.samples[0]?.timeMs ?? 0;
      return seriesMismatch(actual, expectedSeries(result.series, { startMs: timeMs, stepMs: 1 }), isOrdered);
    }
    case 'matrix': {
      const grid = expectedGrid(result, times);
      if (grid === undefined || (result.kind !== 'series' && result.kind !== 'matrix')) {
        return `got a matrix, expected ${result.kind}`;
      }
      const actual = value.series.map(({ labels, timestamps, values }) => ({
        labels,
        points: new Map(Array.from(timestamps, (timeMs, i) => [timeMs, values[i] ?? NaN])),
      }));
      return seriesMismatch(actual, expectedSeries(result.series, grid), isOrdered);
    }
  }
}

interface SeriesPoints {
  readonly labels: Labels;
  /** Value by time. */
  readonly points: ReadonlyMap<number, number>;
}

interface Times {
  readonly startMs: number;
  readonly stepMs: number;
}

function expectedGrid(result: ExpectedResult, times: EvalCommand['times']): Times | undefined {
  if (result.kind === 'matrix') return result;
  return times.kind === 'range' ? times : undefined;
}

function expectedSeries(series: readonly NotedSeries[], { startMs, stepMs }: Times): readonly SeriesPoints[] {
  return series.map(({ labels, values }) => ({
    labels,
    points: new Map(
      values.flatMap((value, i) =>
        typeof value === 'number' ? [[startMs + i * stepMs, value] as const] : [],
      ),
    ),
  }));
}

function seriesMismatch(
  actual: readonly SeriesPoints[],
  expected: readonly SeriesPoints[],
  isOrdered: boolean,
): string | undefined {
  const wanted = new Map(expected.map((series, i) => [series.labels.key, { ...series, i }]));
  for (const [i, { labels, points }] of actual.entries()) {
    const partner = wanted.get(labels.key);
    if (partner === undefined) return `unexpected series ${labels.toString()} ${describePoints(points)}`;
    if (isOrdered && partner.i !== i)
      return `${labels.toString()} is number ${i + 1}, expected ${partner.i + 1}`;
    const wrong = pointsMismatch({ labels, points }, partner.points);
    if (wrong !== undefined) return wrong;
    wanted.delete(labels.key);
  }
  const [missing] = wanted.values();
  return missing === undefined ? undefined : `missing series ${missing.labels.toString()}`;
}

function pointsMismatch(
  { labels, points }: SeriesPoints,
  expected: SeriesPoints['points'],
): string | undefined {
  const name = labels.toString();
  for (const [timeMs, value] of points) {
    const wanted = expected.get(timeMs);
    if (wanted === undefined) return `${name} at ${timeMs} ms: got ${formatDecimal(value)}, expected nothing`;
    const wrong = valueMismatch(`${name} at ${timeMs} ms`, value, wanted);
    if (wrong !== undefined) return wrong;
  }
  for (const [timeMs, wanted] of expected) {
    if (!points.has(timeMs)) return `${name} at ${timeMs} ms: got nothing, expected ${formatDecimal(wanted)}`;
  }
  return undefined;
}

function valueMismatch(place: string, actual: number, expected: number): string | undefined {
  if (isAlmostEqual(actual, expected, TOLERANCE)) return undefined;
  return `${place}: got ${formatDecimal(actual)}, expected ${formatDecimal(expected)}`;
}

function describePoints(points: SeriesPoints['points']): string {
  return Array.from(points.values(), formatDecimal).slice(0, 5).join(' ');
}
