/** Tells which evaluations of a script need native histograms, which Rollcall does not have. */
import type { Labels } from '../../storage/labels.ts';
import { METRIC_NAME } from '../../storage/labels.ts';
import { fitsAll } from '../../storage/matcher.ts';
import { childrenOf } from '../parse/ast.ts';
import type { Expr } from '../parse/ast.ts';
import { parseSyntax } from '../parse/parse.ts';
import { matchersOf } from '../evaluate/selectors.ts';
import type { EvalCommand, LoadCommand } from './script.ts';

const NATIVE_FUNCTION = /\bhistogram_(?:avg|count|sum|stddev|stdvar|fraction)\b/;

/** The series of a load that are, or in Prometheus would become, native histograms. */
export function nativeSeriesOf({ series, makesNative }: LoadCommand): readonly Labels[] {
  const native = series.filter(({ values }) => values.includes('native')).map(({ labels }) => labels);
  if (!makesNative) return native;
  const converted = series
    .map(({ labels }) => labels)
    .filter((labels) => labels.get('le') !== '')
    .map((labels) => labels.with('le', '').with(METRIC_NAME, labels.metricName.replace(/_bucket$/, '')));
  return [...native, ...converted];
}

/** Whether an evaluation reads native histograms, expects them, or calls their functions. */
export function needsNative({ expr, result }: EvalCommand, nativeSeries: readonly Labels[]): boolean {
  if (NATIVE_FUNCTION.test(expr)) return true;
  const expected = result.kind === 'series' || result.kind === 'matrix' ? result.series : [];
  if (expected.some(({ values }) => values.includes('native'))) return true;
  return readsSeries(expr, nativeSeries);
}

/** Whether a query selects one of the series; one that does not parse selects none. */
export function readsSeries(expr: string, series: readonly Labels[]): boolean {
  if (series.length === 0) return false;
  let tree: Expr;
  try {
    tree = parseSyntax(expr);
  } catch {
    return false;
  }
  return readsAny(tree, series);
}

function readsAny(expr: Expr, series: readonly Labels[]): boolean {
  if (expr.kind === 'selector') {
    const matchers = matchersOf(expr);
    return series.some((labels) => fitsAll(labels, matchers));
  }
  return childrenOf(expr).some((child) => readsAny(child, series));
}
