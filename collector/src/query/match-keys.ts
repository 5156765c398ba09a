/** Which labels decide that a series of one side belongs to a series of the other. */
import { METRIC_NAME } from '../storage/labels.ts';
import type { Labels } from '../storage/labels.ts';
import type { Matching } from './ast.ts';

/** What applies when neither `on` nor `ignoring` was written. */
export const MATCH_ALL: Matching = { isOn: false, labels: [], manySide: 'none', include: [] };

/** A function to the labels of a series that take part in matching: those of `on`, or all but name and `ignoring`. */
export function matchingLabels({ isOn, labels }: Matching): (series: Labels) => Labels {
  if (isOn) {
    const names = new Set(labels);
    return (series) => series.pick(names);
  }
  const names = new Set([...labels, METRIC_NAME]);
  return (series) => series.omit(names);
}

/** Puts each item under the text of its matching labels. */
export function groupByMatch<T extends { readonly labels: Labels }>(
  items: readonly T[],
  matching: Matching,
): ReadonlyMap<string, readonly T[]> {
  const pick = matchingLabels(matching);
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const { key } = pick(item.labels);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
