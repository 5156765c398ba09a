/**
 * Unit-test files of rules in promtool's format
 * (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/).
 */
import { parseDuration, parseNumber } from '../../query/parse/literals.ts';
import { parseSeries, parseValues, type NotedSeries } from '../../query/parse/series-notation.ts';
import { Labels } from '../../storage/labels.ts';
import { YamlDocument, type Path, type Problem } from './document.ts';

/** What alerts of one name must fire at one time. */
export interface AlertExpectation {
  readonly evalTimeMs: number;
  readonly alertName: string;
  readonly alerts: readonly { readonly labels: Labels; readonly annotations: Labels }[];
  readonly line: number;
}

/** What an expression must give at one time. */
export interface ExpressionExpectation {
  readonly expr: string;
  readonly evalTimeMs: number;
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[];
  readonly line: number;
}

/** Series, and what the rules must make of them. */
export interface RuleTest {
  readonly name: string;
  /** Distance of the values of a series. */
  readonly intervalMs: number;
  readonly series: readonly NotedSeries[];
  readonly alertExpectations: readonly AlertExpectation[];
  readonly expressionExpectations: readonly ExpressionExpectation[];
  readonly externalLabels: Labels;
  readonly externalUrl: string;
  readonly startMs: number;
}

export interface UnitTestFile {
  /** Names or patterns of rule files, as written: relative to the folder of the test file. */
  readonly ruleFiles: readonly string[];
  readonly evaluationIntervalMs: number;
  /** Groups named here are evaluated in this order, and before the others. */
  readonly groupOrder: readonly string[];
  /** Values may differ in their last digits. */
  readonly isFuzzy: boolean;
  readonly tests: readonly RuleTest[];
}

const DEFAULT_INTERVAL_MS = 60_000;
/** Evaluations of one test: a year of minutes is more than any test has. */
const SPAN_MS_MAX = 366 * 86_400_000;

const FILE_FIELDS = [
  'rule_files',
  'evaluation_interval',
  'group_eval_order',
  'fuzzy_compare',
  'tests',
] as const;
const TEST_FIELDS = [
  'interval',
  'name',
  'input_series',
  'alert_rule_test',
  'promql_expr_test',
  'external_labels',
  'external_url',
  'start_timestamp',
] as const;

/** The tests that could be read, and everything that is wrong. */
export function readUnitTestFile(text: string): {
  readonly file: UnitTestFile;
  readonly problems: readonly Problem[];
} {
  const document = new YamlDocument(text);
  const reader = new Reader(document);
  const file = reader.file();
  return { file, problems: document.problems.toSorted((a, b) => a.line - b.line) };
}

type Fields = ReadonlyMap<string, unknown>;

class Reader {
  readonly #document: YamlDocument;
  #intervalMs = DEFAULT_INTERVAL_MS;

  constructor(document: YamlDocument) {
    this.#document = document;
  }

  file(): UnitTestFile {
    const root = this.#document.root;
    const fields = root === null ? undefined : this.#document.mapping(root, [], FILE_FIELDS);
    const names = (field: string): readonly string[] =>
      this.#document
        .list(fields?.get(field), [field])
        .map((value, i) => this.#document.text(value, [field, i]));
    this.#intervalMs = this.#duration(fields, 'evaluation_interval', []) ?? DEFAULT_INTERVAL_MS;
    return {
      ruleFiles: names('rule_files'),
      evaluationIntervalMs: this.#intervalMs,
      groupOrder: names('group_eval_order'),
      isFuzzy: this.#document.text(fields?.get('fuzzy_compare'), ['fuzzy_compare']) === 'true',
      tests: this.#document
        .list(fields?.get('tests'), ['tests'])
        .map((test, i) => this.#test(test, ['tests', i])),
    };
  }

  #test(value: unknown, path: Path): RuleTest {
    const fields = this.#document.mapping(value, path, TEST_FIELDS);
    const items = <T>(name: string, read: (item: unknown, at: Path) => T | undefined): readonly T[] =>
      this.#document
        .list(fields?.get(name), [...path, name])
        .map((item, i) => read(item, [...path, name, i]))
        .filter((item) => item !== undefined);
    return {
      name: this.#text(fields, 'name', path),
      intervalMs: this.#duration(fields, 'interval', path) ?? this.#intervalMs,
      series: items('input_series', (item, at) => this.#series(item, at)),
      alertExpectations: items('alert_rule_test', (item, at) => this.#alertExpectation(item, at)),
      expressionExpectations: items('promql_expr_test', (item, at) => this.#expressionExpectation(item, at)),
      externalLabels: Labels.from(
        this.#document.texts(fields?.get('external_labels'), [...path, 'external_labels']),
      ),
      externalUrl: this.#text(fields, 'external_url', path),
      startMs: this.#startMs(this.#text(fields, 'start_timestamp', path), [...path, 'start_timestamp']),
    };
  }

  #series(value: unknown, path: Path): NotedSeries | undefined {
    const fields = this.#document.mapping(value, path, ['series', 'values']);
    return this.#parsed([...path, 'series'], () => ({
      labels: parseSeries(this.#text(fields, 'series', path)),
      values: parseValues(this.#text(fields, 'values', path)),
    }));
  }

  #alertExpectation(value: unknown, path: Path): AlertExpectation | undefined {
    const fields = this.#document.mapping(value, path, ['eval_time', 'alertname', 'exp_alerts']);
    const alertName = this.#text(fields, 'alertname', path);
    if (alertName === '')
      this.#document.report(path, 'an item under alert_rule_test misses required attribute alertname');
    const alerts = this.#document.list(fields?.get('exp_alerts'), [...path, 'exp_alerts']).map((item, i) => {
      const at = [...path, 'exp_alerts', i];
      const expected = this.#document.mapping(item, at, ['exp_labels', 'exp_annotations']);
      const texts = (name: string): readonly (readonly [string, string])[] =>
        this.#document.texts(expected?.get(name), [...at, name]);
      return {
        labels: Labels.from([...texts('exp_labels'), ['alertname', alertName]]),
        annotations: Labels.from(texts('exp_annotations')),
      };
    });
    return { evalTimeMs: this.#evalTime(fields, path), alertName, alerts, line: this.#document.lineOf(path) };
  }

  #expressionExpectation(value: unknown, path: Path): ExpressionExpectation | undefined {
    const fields = this.#document.mapping(value, path, ['expr', 'eval_time', 'exp_samples']);
    const samples = this.#document
      .list(fields?.get('exp_samples'), [...path, 'exp_samples'])
      .map((item, i) => {
        const at = [...path, 'exp_samples', i];
        const expected = this.#document.mapping(item, at, ['labels', 'value']);
        const valueText = this.#text(expected, 'value', at);
        const number = parseYamlFloat(valueText);
        if (number === undefined)
          this.#document.report([...at, 'value'], `value "${valueText}" is not a number`);
        const series = this.#text(expected, 'labels', at);
        const labels =
          series === '' ? Labels.empty : this.#parsed([...at, 'labels'], () => parseSeries(series));
        return { labels: labels ?? Labels.empty, value: number ?? NaN };
      });
    return {
      expr: this.#text(fields, 'expr', path),
      evalTimeMs: this.#evalTime(fields, path),
      samples,
      line: this.#document.lineOf(path),
    };
  }

  #evalTime(fields: Fields | undefined, path: Path): number {
    const timeMs = this.#duration(fields, 'eval_time', path) ?? 0;
    if (timeMs > SPAN_MS_MAX)
      this.#document.report([...path, 'eval_time'], 'eval_time: at most 366d are allowed');
    return Math.min(timeMs, SPAN_MS_MAX);
  }

  #startMs(text: string, path: Path): number {
    if (text === '') return 0;
    const seconds = Number(text);
    const timeMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text);
    if (!Number.isNaN(timeMs)) return timeMs;
    this.#document.report(
      path,
      `start_timestamp "${text}" is neither seconds since 1970 nor like 2026-01-31T12:00:00Z`,
    );
    return 0;
  }

  #text(fields: Fields | undefined, name: string, path: Path): string {
    return this.#document.text(fields?.get(name), [...path, name]);
  }

  #duration(fields: Fields | undefined, name: string, path: Path): number | undefined {
    const text = this.#text(fields, name, path);
    if (text === '') return undefined;
    const durationMs = parseDuration(text);
    if (durationMs === undefined)
      this.#document.report([...path, name], `${name}: not a valid duration string: "${text}"`);
    return durationMs;
  }

  #parsed<T>(path: Path, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      this.#document.report(path, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}

/** A number as YAML writes it: also `.inf` and `.nan`. */
function parseYamlFloat(text: string): number | undefined {
  const special = /^([+-]?)\.(inf|nan)$/i.exec(text);
  if (special !== null) {
    if (special[2]?.toLowerCase() === 'nan') return NaN;
    return special[1] === '-' ? -Infinity : Infinity;
  }
  const sign = text.startsWith('-') ? -1 : 1;
  const size = parseNumber(text.replace(/^[+-]/, ''));
  return size === undefined ? undefined : sign * size;
}
