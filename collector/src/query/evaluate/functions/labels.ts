/** `label_replace` and `label_join`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { RE2JS } from 're2js';
import { METRIC_NAME } from '../../../storage/labels.ts';
import { isTooLarge, PATTERN_LENGTH_MAX, patternSizeOf } from '../../../storage/matcher.ts';
import type { Column } from '../columns.ts';
import { executionError } from '../../errors.ts';
import type { Evaluation } from '../evaluation.ts';
import { LABELS_WORK, mergeDuplicates } from '../label-sets.ts';
import { isClassicLabelName, isUtf8LabelName } from '../../parse/literals.ts';

/** The arguments of `label_replace`. */
export interface LabelReplacement {
  readonly target: string;
  /** May refer to groups of the pattern as `$1` or `${name}`; `$$` is a dollar sign. */
  readonly replacement: string;
  readonly source: string;
  /** RE2, to match the whole value. */
  readonly pattern: string;
}

/**
 * Sets `target` where the source label matches; an empty result deletes it.
 * @throws AppError QUERY_FAILED on a bad pattern or label name, or when two series become equal; QUERY_LIMIT
 */
export async function replaceLabels(
  columns: readonly Column[],
  rule: LabelReplacement,
  ev: Evaluation,
): Promise<readonly Column[]> {
  const regex = compile(rule.pattern);
  if (!isClassicLabelName(rule.target)) throw badName('destination', 'label_replace', rule.target);
  const { steps } = patternSizeOf(rule.pattern);
  const texts = new Map<string, string | undefined>();
  const replaced: Column[] = [];
  for (const column of columns) {
    const source = column.labels.get(rule.source);
    if (!texts.has(source)) {
      refuseLongMatch(source, steps);
      const made = replacedText(regex, source, rule.replacement);
      texts.set(source, made);
      holdText(made?.length ?? 0, ev);
      // A pattern may take its time, and so may a long replacement.
      if (ev.pacer.spend(PATTERN_WORK)) await ev.pacer.pause();
    }
    const text = texts.get(source);
    replaced.push(text === undefined ? column : withLabel(column, rule.target, text));
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  return mergeDuplicates(replaced, ev);
}

/**
 * Sets `target` to the values of the source labels with `separator` between them.
 * @throws AppError QUERY_FAILED on a bad label name, or when two series become equal
 */
export async function joinLabels(
  columns: readonly Column[],
  rule: { readonly target: string; readonly separator: string; readonly sources: readonly string[] },
  ev: Evaluation,
): Promise<readonly Column[]> {
  for (const source of rule.sources)
    if (!isUtf8LabelName(source)) throw badName('source', 'label_join', source);
  if (!isUtf8LabelName(rule.target)) throw badName('destination', 'label_join', rule.target);
  const joined: Column[] = [];
  for (const column of columns) {
    const text = joinedText(column, rule);
    holdText(text.length, ev);
    joined.push(withLabel(column, rule.target, text));
    if (ev.pacer.spend(LABELS_WORK * (1 + rule.sources.length))) await ev.pacer.pause();
  }
  return mergeDuplicates(joined, ev);
}

/**
 * Longest value that a query makes of others, in UTF-16 units. Without a bound forty calls within each other, each of which
 * doubles a value, would end the process.
 */
export const MADE_VALUE_LENGTH_MAX = 64 * 1024;

/** Shorter ones are no more than what was stored anyway. */
const HELD_LENGTH_MIN = 256;

/** So much work that the clock is looked at. */
const PATTERN_WORK = 10_000;

/**
 * Most steps of a pattern times characters of a value. Matching cannot be broken off, and looks at all steps for each character
 * at worst: 0.15 s.
 */
const MATCH_WORK_MAX = 10_000_000;

/** Values as short as stored ones are matched by any pattern. */
function refuseLongMatch({ length }: string, patternSteps: number): void {
  if (length <= HELD_LENGTH_MIN || length * patternSteps <= MATCH_WORK_MAX) return;
  throw new AppError(
    'QUERY_LIMIT',
    `label_replace() would match a label of ${length} characters against a pattern of ${patternSteps} steps: ` +
      `their product must not exceed ${MATCH_WORK_MAX}`,
  );
}

/** Counts the memory of a value that was made. */
function holdText(length: number, ev: Evaluation): void {
  if (length > HELD_LENGTH_MIN) ev.budget.hold(Math.ceil(length / 8));
}

function refuseLongValue(length: number): void {
  if (length <= MADE_VALUE_LENGTH_MAX) return;
  throw new AppError(
    'QUERY_LIMIT',
    `a label would get more than ${MADE_VALUE_LENGTH_MAX} characters, which is the most that a query may make`,
  );
}

function joinedText(
  { labels }: Column,
  { sources, separator }: { readonly sources: readonly string[]; readonly separator: string },
): string {
  let text = '';
  for (const [i, source] of sources.entries()) {
    text += (i === 0 ? '' : separator) + labels.get(source);
    refuseLongValue(text.length);
  }
  return text;
}

/** A name that was written on purpose is no longer one to be removed. */
function withLabel(column: Column, name: string, value: string): Column {
  const isNameMarked = name === METRIC_NAME ? false : column.isNameMarked;
  return { ...column, labels: column.labels.with(name, value), isNameMarked };
}

function badName(role: 'source' | 'destination', functionName: string, name: string): AppError {
  return executionError(`invalid ${role} label name in ${functionName}(): ${name}`);
}

function compile(pattern: string): RE2JS {
  if (pattern.length > PATTERN_LENGTH_MAX) {
    throw executionError(
      `invalid regular expression in label_replace(): ${pattern.length} characters are too many`,
    );
  }
  if (isTooLarge(pattern)) {
    throw executionError(`invalid regular expression in label_replace(): ${pattern}`);
  }
  try {
    return RE2JS.compile(`^(?s:${pattern})$`);
  } catch {
    throw executionError(`invalid regular expression in label_replace(): ${pattern}`);
  }
}

function replacedText(regex: RE2JS, source: string, replacement: string): string | undefined {
  const matcher = regex.matcher(source);
  if (!matcher.matches()) return undefined;
  const groupNames: Readonly<Record<string, number>> = regex.namedGroups();
  const groupAt = (index: number): string =>
    index <= matcher.groupCount() ? (matcher.group(index) ?? '') : '';
  const groupOf = (name: string): string => {
    if (/^(?:0|[1-9]\d*)$/.test(name)) return groupAt(Number(name));
    const index = Object.hasOwn(groupNames, name) ? groupNames[name] : undefined;
    return index === undefined ? '' : groupAt(index);
  };
  let length = 0;
  const text = replacement.replace(REFERENCE, (whole, bare?: string, braced?: string) => {
    const put = whole === '$$' ? '$' : groupOf(bare ?? braced ?? '');
    length += put.length;
    refuseLongValue(length);
    return put;
  });
  refuseLongValue(text.length);
  return text;
}

/** `$$`, `$name` (letters of any script, as long as possible) or `${name}`; any other dollar sign stands for itself. */
const REFERENCE = /\$\$|\$([\p{L}\p{Nd}_]+)|\$\{([\p{L}\p{Nd}_]+)\}/gu;
