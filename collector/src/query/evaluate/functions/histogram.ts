/** `histogram_quantile` over classic buckets. Source: Prometheus, `promql/quantile.go`, bucketQuantile. */
import type { Span } from '../../parse/ast.ts';
import { hasAny } from '../columns.ts';
import type { Column, Grid } from '../columns.ts';
import type { Evaluation } from '../evaluation.ts';
import { quote } from '../../parse/literals.ts';
import { isAlmostEqual } from '../numeric.ts';
import { warnOfQuantiles } from '../quantile-notes.ts';
import type { Labels } from '../../../storage/labels.ts';
import { withoutNames } from '../label-sets.ts';

const BUCKET_LABEL = 'le';
const NOT_GROUPED = new Set([BUCKET_LABEL]);

/** The buckets of one histogram, sorted by their upper bounds. */
interface Histogram {
  readonly labels: Labels;
  readonly isNameMarked: boolean;
  readonly buckets: { readonly bound: number; readonly column: Column }[];
}

/** The arguments of `histogram_quantile`, evaluated. */
export interface HistogramCall {
  /** The quantile wanted, one per step. */
  readonly phis: Float64Array;
  readonly columns: readonly Column[];
  readonly grid: Grid;
  /** Where a warning about the quantile, and about the buckets, points. */
  readonly phiPlace: Span;
  readonly bucketPlace: Span;
}

/**
 * The quantile of each histogram, NaN where its buckets do not tell.
 * @throws AppError QUERY_FAILED when histograms differ in their name only
 */
export async function histogramQuantiles(call: HistogramCall, ev: Evaluation): Promise<readonly Column[]> {
  const { phis, grid } = call;
  await warnOfQuantiles(phis, call.phiPlace, ev);
  const results: Column[] = [];
  for (const histogram of histogramsOf(call, ev)) {
    const { labels, isNameMarked, buckets } = histogram;
    const values = new Float64Array(grid.count);
    const present = new Uint8Array(grid.count);
    let wasForced = false;
    for (let i = 0; i < grid.count; i++) {
      const filled = bucketsAt(buckets, i);
      if (filled.length === 0) continue;
      present[i] = 1;
      const found = bucketQuantile(phis[i] ?? NaN, filled);
      values[i] = found.value;
      if (found.wasForced) wasForced = true;
      if (ev.pacer.spend(filled.length)) await ev.pacer.pause();
    }
    if (wasForced) {
      ev.notes.inform(call.bucketPlace, () => {
        const { metricName = '' } = buckets[0]?.column.labels ?? {};
        return `input to histogram_quantile needed to be fixed for monotonicity ${EXPLAINED}${ofMetric(metricName)}`;
      });
    }
    if (hasAny(present)) results.push({ labels, values, present, isNameMarked });
  }
  // Histograms that differ in their name only are an error, unless the name is to go later.
  return withoutNames(results, ev);
}

/** Part of the text that Prometheus gives, which scripts compare as a whole. */
const EXPLAINED = '(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)';

/** Buckets that an aggregation or a function made have no name. */
function ofMetric(name: string): string {
  return name === '' ? '' : ` for metric name ${quote(name)}`;
}

function histogramsOf({ columns, bucketPlace }: HistogramCall, ev: Evaluation): readonly Histogram[] {
  const histograms = new Map<string, Histogram>();
  for (const column of columns) {
    const text = column.labels.get(BUCKET_LABEL);
    const bound = parseBound(text);
    if (bound === undefined) {
      ev.notes.warn(bucketPlace, () => {
        const metric = ofMetric(column.labels.metricName);
        return `bucket label "le" is missing or has a malformed value of ${quote(text)}${metric}`;
      });
      continue;
    }
    const labels = column.labels.omit(NOT_GROUPED);
    let histogram = histograms.get(labels.key);
    if (histogram === undefined) {
      histogram = { labels, isNameMarked: column.isNameMarked, buckets: [] };
      histograms.set(labels.key, histogram);
    }
    histogram.buckets.push({ bound, column });
  }
  for (const { buckets } of histograms.values())
    buckets.sort((a, b) => (a.bound < b.bound ? -1 : a.bound > b.bound ? 1 : 0));
  return [...histograms.values()];
}

/** Not a number of PromQL: no hexadecimal or octal ones, and infinity may be written out. */
function parseBound(text: string): number | undefined {
  const digits = text.replace(/^[+-]/, '');
  if (!/^(?:inf(?:inity)?|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)$/i.test(digits)) return undefined;
  const size = /^inf/i.test(digits) ? Infinity : Number(digits);
  return text.startsWith('-') ? -size : size;
}

interface Bucket {
  readonly bound: number;
  count: number;
}

/** The buckets that have a value at step `i`; equal bounds become one. */
function bucketsAt(buckets: Histogram['buckets'], i: number): Bucket[] {
  const filled: Bucket[] = [];
  for (const { bound, column } of buckets) {
    if (column.present[i] !== 1) continue;
    const count = column.values[i] ?? NaN;
    const last = filled.at(-1);
    if (last !== undefined && last.bound === bound) last.count += count;
    else filled.push({ bound, count });
  }
  return filled;
}

/** The quantile of one histogram; changes the counts of `buckets` where they are not monotonic. */
function bucketQuantile(
  phi: number,
  buckets: Bucket[],
): { readonly value: number; readonly wasForced: boolean } {
  const unforced = (value: number) => ({ value, wasForced: false });
  if (Number.isNaN(phi)) return unforced(NaN);
  if (phi < 0) return unforced(-Infinity);
  if (phi > 1) return unforced(Infinity);
  const top = buckets.at(-1);
  if (top?.bound !== Infinity) return unforced(NaN);
  const wasForced = forceMonotonic(buckets);
  if (buckets.length < 2 || top.count === 0) return { value: NaN, wasForced };
  const rank = phi * top.count;
  let index = buckets.findIndex(({ count }) => count >= rank);
  if (index === -1) index = buckets.length - 1;
  return { value: interpolated(buckets, index, rank), wasForced };
}

/** The value at `rank` if observations lie evenly within the bucket at `index`. */
function interpolated(buckets: readonly Bucket[], index: number, rank: number): number {
  const end = buckets[index]?.bound ?? NaN;
  if (index === buckets.length - 1) return buckets[index - 1]?.bound ?? NaN;
  if (index === 0 && end <= 0) return end;
  const below = buckets[index - 1];
  const start = below?.bound ?? 0;
  const countBelow = below?.count ?? 0;
  const count = (buckets[index]?.count ?? NaN) - countBelow;
  return start + (end - start) * ((rank - countBelow) / count);
}

/** Differences smaller than this, relatively, are taken for rounding errors. */
const ROUNDING_RATIO = 1e-12;

/** Lifts counts that fall below the one before; true when a fall was more than a rounding error. */
function forceMonotonic(buckets: readonly Bucket[]): boolean {
  let wasForced = false;
  let before = buckets[0]?.count ?? NaN;
  for (const bucket of buckets.slice(1)) {
    const { count } = bucket;
    if (isAlmostEqual(before, count, ROUNDING_RATIO)) {
      bucket.count = before;
    } else if (count < before) {
      bucket.count = before;
      wasForced = true;
    } else {
      before = count;
    }
  }
  return wasForced;
}
