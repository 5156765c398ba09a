/** What the HTTP API needs of the store besides queries: series selectors, and lists of series and labels. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Labels } from '../../storage/labels.ts';
import { fitsAll } from '../../storage/matcher.ts';
import type { Matcher } from '../../storage/matcher.ts';
import type { LabelsRequest } from '../../storage/storage.ts';
import { parseMetricSelector } from './parse.ts';
import type { PatternTally } from './pattern-tally.ts';
import { matchersOf } from '../evaluate/selectors.ts';

/** Which series to list. */
export type CatalogueRequest = LabelsRequest;

/** Matchers that must all fit. */
export type SeriesSelector = readonly Matcher[];

/**
 * The matchers of `name{a="b"}`.
 * @param patterns of the request that it belongs to
 * @throws AppError BAD_QUERY when the text is no plain selector; BAD_REQUEST when every matcher would also fit a series
 *   without labels
 */
export function parseSeriesSelector(text: string, patterns?: PatternTally): SeriesSelector {
  const matchers = matchersOf(parseMetricSelector(text, patterns));
  if (matchers.every(({ matches }) => matches(''))) {
    throw new AppError('BAD_REQUEST', 'match[] must contain at least one non-empty matcher');
  }
  return matchers;
}

/** Whether a selector fits a set of labels. */
export function fitsLabels(selector: SeriesSelector, labels: Readonly<Record<string, string>>): boolean {
  return fitsAll(Labels.of(labels), selector);
}
