/** `label_replace` and `label_join`. */
import type { AppError } from '@rollcall/shared/lib/errors.ts';
import { RE2JS } from 're2js';
import { METRIC_NAME } from '../../storage/labels.ts';
import { PATTERN_LENGTH_MAX } from '../../storage/matcher.ts';
import type { Column } from '../columns.ts';
import { executionError } from '../errors.ts';
import type { Evaluation } from '../evaluation.ts';
import { LABELS_WORK, mergeDuplicates } from '../label-sets.ts';
import { isClassicLabelName, isUtf8LabelName } from '../literals.ts';

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
 * @throws AppError QUERY_FAILED on a bad pattern or label name, or when two series become equal
 */
export async function replaceLabels(
  columns: readonly Column[],
  rule: LabelReplacement,
  ev: Evaluation,
): Promise<readonly Column[]> {
  const regex = compile(rule.pattern);
  if (!isClassicLabelName(rule.target)) throw badName('destination', 'label_replace', rule.target);
  const texts = new Map<string, string | undefined>();
  const replaced: Column[] = [];
  for (const column of columns) {
    const source = column.labels.get(rule.source);
    if (!texts.has(source)) texts.set(source, replacedText(regex, source, rule.replacement));
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
    const text = rule.sources.map((source) => column.labels.get(source)).join(rule.separator);
    joined.push(withLabel(column, rule.target, text));
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  return mergeDuplicates(joined, ev);
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
  return replacement.replace(REFERENCE, (whole, bare?: string, braced?: string) => {
    if (whole === '$$') return '$';
    const name = bare ?? braced ?? '';
    if (/^(?:0|[1-9]\d*)$/.test(name)) return groupAt(Number(name));
    const index = Object.hasOwn(groupNames, name) ? groupNames[name] : undefined;
    return index === undefined ? '' : groupAt(index);
  });
}

/** `$$`, `$name` (letters of any script, as long as possible) or `${name}`; any other dollar sign stands for itself. */
const REFERENCE = /\$\$|\$([\p{L}\p{Nd}_]+)|\$\{([\p{L}\p{Nd}_]+)\}/gu;
