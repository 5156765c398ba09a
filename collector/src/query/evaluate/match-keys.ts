/** Which labels decide that a series of one side belongs to a series of the other. */
import { cutOf, NAME_LABELS } from '../../storage/labels.ts';
import type { Labels } from '../../storage/labels.ts';
import type { Matching } from '../parse/ast.ts';
import type { Column } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { LABELS_WORK } from './label-sets.ts';

/** What applies when neither `on` nor `ignoring` was written. */
export const MATCH_ALL: Matching = { isOn: false, labels: [], manySide: 'none', include: [] };

/** A function to the labels of a series that take part in matching: those of `on`, or all but the name and `ignoring`. */
export function matchingLabels({ isOn, labels }: Matching): (series: Labels) => Labels {
  if (isOn) {
    const names = new Set(labels);
    return (series) => series.pick(names);
  }
  const names = new Set([...labels, ...NAME_LABELS]);
  return (series) => series.omit(names);
}

/** The text of those labels. */
export function matchingKey({ isOn, labels }: Matching): (series: Labels) => string {
  if (!isOn && labels.length === 0) return (series) => series.withoutName().key;
  const cut = isOn ? cutOf(labels, true) : cutOf([...labels, ...NAME_LABELS], false);
  return (series) => series.cutKey(cut);
}

/** Puts each column under the text of its matching labels. */
export async function groupByMatch(
  columns: readonly Column[],
  matching: Matching,
  ev: Evaluation,
): Promise<ReadonlyMap<string, readonly Column[]>> {
  const keyOf = matchingKey(matching);
  const groups = new Map<string, Column[]>();
  for (const column of columns) {
    const key = keyOf(column.labels);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [column]);
    else group.push(column);
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  return groups;
}
