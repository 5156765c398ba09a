/**
 * The file with levels of their own: a rule, the objects that it is about, and the numbers that are right for them, with
 * the person who decided it and why. See docs/rules.md.
 */
import { parseDuration } from '../../query/parse/literals.ts';
import { parseSeriesSelector } from '../../query/parse/series-selector.ts';
import type { Matcher } from '../../storage/matcher.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { YamlDocument, type Path, type Problem } from '../rule-files/document.ts';

/** Other levels for some objects of a rule. */
export interface ThresholdOverride {
  /** Unique in the file. */
  readonly name: string;
  /** Name of the alert. */
  readonly rule: string;
  /** `warn` or `crit`; undefined when the rule has one level only. */
  readonly level: string | undefined;
  /** What the labels of an alert must be; empty for all objects of the rule. */
  readonly matchers: readonly Matcher[];
  /** `off` when the rule is not to look at these objects. */
  readonly threshold: number | 'off';
  /** Undefined to move it with the threshold. */
  readonly recovery: number | undefined;
  /** Undefined for the hold time of the rule. */
  readonly forMs: number | undefined;
  readonly author: string;
  readonly reason: string;
  /** Where it stands in its file. */
  readonly line: number;
}

/** Entries of the file: each is one more query per evaluation. */
const OVERRIDES_MAX = 500;
const FIELDS = [
  'name',
  'rule',
  'level',
  'match',
  'threshold',
  'recovery',
  'for',
  'author',
  'reason',
] as const;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** The entries that could be read, and everything that is wrong, in the order of the lines. */
export function readThresholdFile(text: string): {
  readonly overrides: readonly ThresholdOverride[];
  readonly problems: readonly Problem[];
} {
  const document = new YamlDocument(text);
  const isEmpty = document.root === null || document.root === '';
  const root = isEmpty ? undefined : document.mapping(document.root, [], ['thresholds']);
  const items = document.list(root?.get('thresholds'), ['thresholds']);
  if (items.length > OVERRIDES_MAX) {
    document.report(['thresholds'], `the file has ${items.length} entries, ${OVERRIDES_MAX} are allowed`);
  }
  const names = new Set<string>();
  const overrides = items.slice(0, OVERRIDES_MAX).flatMap((item, i) => {
    const override = readOverride(document, item, ['thresholds', i]);
    if (override === undefined) return [];
    if (names.has(override.name))
      document.report(['thresholds', i, 'name'], `name "${override.name}" is used twice`);
    names.add(override.name);
    return [override];
  });
  return { overrides, problems: document.problems.toSorted((a, b) => a.line - b.line) };
}

function readOverride(document: YamlDocument, value: unknown, path: Path): ThresholdOverride | undefined {
  const fields = document.mapping(value, path, FIELDS);
  if (fields === undefined) return undefined;
  const text = (name: string): string => document.text(fields.get(name), [...path, name]);
  for (const name of ['name', 'rule', 'threshold', 'author', 'reason'] as const) {
    if (text(name) === '') document.report(path, `${name} must be set`);
  }
  if (text('name') !== '' && !NAME.test(text('name'))) {
    document.report(
      [...path, 'name'],
      `name "${text('name')}" must be 1 to 64 letters, digits, dots, dashes or underscores`,
    );
  }
  const number = (name: 'threshold' | 'recovery'): number | undefined => {
    const written = text(name);
    if (written === '') return undefined;
    const parsed = Number(written);
    if (Number.isFinite(parsed)) return parsed;
    const allowed = name === 'threshold' ? 'a number, or off' : 'a number';
    document.report([...path, name], `${name} "${written}" must be ${allowed}`);
    return undefined;
  };
  return {
    name: text('name'),
    rule: text('rule'),
    level: text('level') === '' ? undefined : text('level'),
    matchers: readMatchers(document, text('match'), [...path, 'match']),
    threshold: text('threshold') === 'off' ? 'off' : (number('threshold') ?? NaN),
    recovery: number('recovery'),
    forMs: readSpan(document, text('for'), [...path, 'for']),
    author: text('author'),
    reason: text('reason'),
    line: document.lineOf(path),
  };
}

function readMatchers(document: YamlDocument, text: string, path: Path): readonly Matcher[] {
  if (text === '') return [];
  try {
    return parseSeriesSelector(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    document.report(
      path,
      `match "${text}" must be like {instance=~"db-.*", mountpoint="/data"}: ${error.message}`,
    );
    return [];
  }
}

function readSpan(document: YamlDocument, text: string, path: Path): number | undefined {
  if (text === '') return undefined;
  const spanMs = parseDuration(text);
  if (spanMs === undefined) document.report(path, `for "${text}" must be a span such as 90s, 5m or 1h30m`);
  return spanMs;
}
