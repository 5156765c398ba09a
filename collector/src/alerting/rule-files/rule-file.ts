/**
 * Prometheus rule files: groups of alerting and recording rules
 * (https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/).
 */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { parseDuration } from '../../query/parse/literals.ts';
import { parseQuery } from '../../query/parse/parse.ts';
import { compileExpansion, type ExpansionContext } from '../template/template.ts';
import { YamlDocument, type Path, type Problem } from './document.ts';

/** A text of a rule, ready to be filled in. */
export interface RuleText {
  readonly name: string;
  readonly source: string;
  readonly expand: (context: ExpansionContext) => string;
}

interface FileRuleBase {
  /** Name of the alert, or of the metric that is recorded. */
  readonly name: string;
  /** PromQL. */
  readonly expr: string;
  readonly labels: readonly RuleText[];
  /** Where it stands in its file. */
  readonly line: number;
}

export interface AlertingFileRule extends FileRuleBase {
  readonly kind: 'alerting';
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly annotations: readonly RuleText[];
}

export interface RecordingFileRule extends FileRuleBase {
  readonly kind: 'recording';
}

export type FileRule = AlertingFileRule | RecordingFileRule;

export interface RuleGroup {
  readonly name: string;
  /** Distance of two evaluations; undefined for the default. */
  readonly intervalMs: number | undefined;
  /** Most alerts or series that one rule may have; 0 for any number. */
  readonly limit: number;
  /** How far behind the present the rules are evaluated. */
  readonly queryOffsetMs: number;
  readonly rules: readonly FileRule[];
}

/** Rules of one file. */
const RULES_MAX = 10_000;

const GROUP_FIELDS = ['name', 'interval', 'limit', 'query_offset', 'labels', 'rules'] as const;
const RULE_FIELDS = ['alert', 'record', 'expr', 'for', 'keep_firing_for', 'labels', 'annotations'] as const;
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Reads a rule file.
 * @throws AppError BAD_CONFIG with every problem and its line, one per line of the message
 */
export function parseRuleFile(text: string, fileName: string): readonly RuleGroup[] {
  const { groups, problems } = readRuleFile(text);
  if (problems.length > 0) throw badFile(fileName, problems);
  return groups;
}

/** The error for a file with problems; each stands on a line of its own behind `file:line:`. */
export function badFile(fileName: string, problems: readonly Problem[]): AppError {
  const lines = problems.map(({ line, message }) => `${fileName}:${line}: ${message}`);
  return new AppError('BAD_CONFIG', lines.join('\n'));
}

/** The groups that could be read, and everything that is wrong, in the order of the lines. */
export function readRuleFile(text: string): { groups: readonly RuleGroup[]; problems: readonly Problem[] } {
  const document = new YamlDocument(text);
  const root =
    document.root === null || document.root === ''
      ? undefined
      : document.mapping(document.root, [], ['groups']);
  const names = new Set<string>();
  const groups = document.list(root?.get('groups'), ['groups']).flatMap((value, i) => {
    const group = readGroup(document, value, ['groups', i]);
    if (group === undefined) return [];
    if (names.has(group.name)) {
      document.report(['groups', i, 'name'], `groupname: "${group.name}" is repeated in the same file`);
    }
    names.add(group.name);
    return [group];
  });
  const count = groups.reduce((sum, { rules }) => sum + rules.length, 0);
  if (count > RULES_MAX) document.report([], `the file has ${count} rules, ${RULES_MAX} are allowed`);
  return { groups, problems: document.problems.toSorted((a, b) => a.line - b.line) };
}

function readGroup(document: YamlDocument, value: unknown, path: Path): RuleGroup | undefined {
  const fields = document.mapping(value, path, GROUP_FIELDS);
  if (fields === undefined) return undefined;
  const name = document.text(fields.get('name'), [...path, 'name']);
  if (name === '') document.report(path, 'Groupname must not be empty');
  const limit = document.text(fields.get('limit'), [...path, 'limit']);
  if (!/^\d*$/.test(limit)) document.report([...path, 'limit'], `limit "${limit}" must be a whole number`);
  const labels = readTexts(document, fields.get('labels'), [...path, 'labels']);
  const rules = document
    .list(fields.get('rules'), [...path, 'rules'])
    .map((rule, i) => readRule(document, rule, [...path, 'rules', i]))
    .filter((rule) => rule !== undefined);
  return {
    name,
    intervalMs: readDuration(document, fields.get('interval'), [...path, 'interval']),
    limit: Number(limit),
    queryOffsetMs: readDuration(document, fields.get('query_offset'), [...path, 'query_offset']) ?? 0,
    rules: rules.map((rule) => ({ ...rule, labels: inherited(labels, rule.labels) })),
  };
}

/** Labels of a group, unless the rule has its own of the same name. */
function inherited(ofGroup: readonly RuleText[], ofRule: readonly RuleText[]): readonly RuleText[] {
  const own = new Set(ofRule.map(({ name }) => name));
  return [...ofGroup.filter(({ name }) => !own.has(name)), ...ofRule];
}

function readRule(document: YamlDocument, value: unknown, path: Path): FileRule | undefined {
  const fields = document.mapping(value, path, RULE_FIELDS);
  if (fields === undefined) return undefined;
  const text = (name: string): string => document.text(fields.get(name), [...path, name]);
  const [alert, record, expr] = [text('alert'), text('record'), text('expr')];
  if (alert === '' && record === '') document.report(path, "one of 'record' or 'alert' must be set");
  if (alert !== '' && record !== '') document.report(path, "only one of 'record' and 'alert' must be set");
  checkExpression(document, expr, [...path, 'expr']);
  const labels = readTexts(document, fields.get('labels'), [...path, 'labels']);
  const annotations = readTexts(document, fields.get('annotations'), [...path, 'annotations']);
  const forMs = readDuration(document, fields.get('for'), [...path, 'for']);
  const keepFiringForMs = readDuration(document, fields.get('keep_firing_for'), [...path, 'keep_firing_for']);
  const base = { expr, labels, line: document.lineOf(path) };
  if (record === '') {
    return {
      kind: 'alerting',
      name: alert,
      ...base,
      forMs: forMs ?? 0,
      keepFiringForMs: keepFiringForMs ?? 0,
      annotations,
    };
  }
  for (const name of ['for', 'keep_firing_for', 'annotations'] as const) {
    if (!isSet(fields.get(name))) continue;
    document.report([...path, name], `invalid field '${name}' in recording rule`);
  }
  if (!METRIC_NAME.test(record))
    document.report([...path, 'record'], `invalid recording rule name: ${record}`);
  return { kind: 'recording', name: record, ...base };
}

function checkExpression(document: YamlDocument, expr: string, path: Path): void {
  if (expr === '') {
    document.report(path, "field 'expr' must be set in rule");
    return;
  }
  try {
    parseQuery(expr);
  } catch (error) {
    document.report(path, `could not parse expression: ${messageOf(error)}`);
  }
}

function readTexts(document: YamlDocument, value: unknown, path: Path): readonly RuleText[] {
  const kind = path.at(-1) === 'annotations' ? 'annotation' : 'label';
  return document.texts(value, path).map(([name, source]) => {
    const place = [...path, name];
    if (!LABEL_NAME.test(name) || (kind === 'label' && name === '__name__')) {
      document.report(place, `invalid ${kind} name: ${name}`);
    }
    try {
      return { name, source, expand: compileExpansion(source) };
    } catch (error) {
      document.report(place, `${kind} "${name}": ${messageOf(error)}`);
      return { name, source, expand: () => source };
    }
  });
}

function readDuration(document: YamlDocument, value: unknown, path: Path): number | undefined {
  const text = document.text(value, path);
  if (text === '') return undefined;
  const durationMs = parseDuration(text);
  if (durationMs === undefined) {
    document.report(
      path,
      `${String(path.at(-1))}: not a valid duration string: "${text}", write it like 30s, 5m or 1h30m`,
    );
  }
  return durationMs;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function messageOf(error: unknown): string {
  return error instanceof AppError ? error.message : describeError(error);
}
