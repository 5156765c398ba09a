/** Runs unit tests of rules, with promtool's verdicts. Source: Prometheus, `cmd/promtool/unittest.go`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { isAlmostEqual } from '../../query/evaluate/numeric.ts';
import type { QueryEngine } from '../../query/query.ts';
import { Labels } from '../../storage/labels.ts';
import type { SeriesBatch, SeriesSamples } from '../../storage/moment-batch.ts';
import { GroupEvaluator, type GroupPorts, type ResultSample, type RuleFailure } from './group.ts';
import type { RuleGroup } from './rule-file.ts';
import type { AlertExpectation, ExpressionExpectation, RuleTest, UnitTestFile } from './unit-test-file.ts';

export interface UnitTestOptions {
  readonly file: UnitTestFile;
  readonly groups: readonly RuleGroup[];
  /** An empty store; called once per test. */
  readonly newStore: () => TestStore;
}

/** Where the series of a test are kept while it runs. */
export interface TestStore {
  readonly append: (batch: SeriesBatch) => Promise<unknown>;
  readonly engine: QueryEngine;
}

/** Something that a test did not give as it should. */
export interface UnitTestFailure {
  readonly test: string;
  /** Of the expectation, or 0 when the test as a whole failed. */
  readonly line: number;
  readonly message: string;
}

const FUZZY_TOLERANCE = 1e-12;
const NEVER = new AbortController().signal;

/** Runs all tests of a file; every expectation that is not met is one failure. */
export async function runUnitTests(options: UnitTestOptions): Promise<readonly UnitTestFailure[]> {
  const failures: UnitTestFailure[] = [];
  for (const [i, test] of options.file.tests.entries()) {
    const name = test.name === '' ? `test ${i + 1}` : test.name;
    const found = await runTest(test, options);
    failures.push(...found.map((failure) => ({ test: name, ...failure })));
  }
  return failures;
}

type Found = Omit<UnitTestFailure, 'test'>;

async function runTest(test: RuleTest, options: UnitTestOptions): Promise<readonly Found[]> {
  const { append, engine } = options.newStore();
  await append(inputSeries(test));
  const query = async (expression: string, timeMs: number): Promise<readonly ResultSample[]> => {
    const { value } = await engine.instant(expression, { timeMs }, NEVER);
    if (value.kind === 'scalar') return [{ labels: Labels.empty, value: value.value }];
    if (value.kind === 'vector') return value.samples;
    throw new AppError('QUERY_FAILED', `rule result is not a vector or scalar`);
  };
  const ports: GroupPorts = {
    query,
    append: async (series) => void (await append(series)),
    externalLabels: test.externalLabels,
    externalUrl: test.externalUrl,
  };
  const groups = ordered(options.groups, options.file.groupOrder);
  const evaluators = groups.map((group) => new GroupEvaluator(group, ports));
  const failures = await runRules(test, evaluators, options.file.evaluationIntervalMs);
  for (const expectation of test.expressionExpectations) {
    const wrong = await judgeExpression(expectation, { test, query, isFuzzy: options.file.isFuzzy });
    if (wrong !== undefined) failures.push({ line: expectation.line, message: wrong });
  }
  return failures;
}

/** Evaluates all groups from the start of the test to its last expectation, and looks at the alerts on the way. */
async function runRules(
  test: RuleTest,
  evaluators: readonly GroupEvaluator[],
  intervalMs: number,
): Promise<Found[]> {
  const failures: Found[] = [];
  const expectations = [...test.alertExpectations, ...test.expressionExpectations];
  const lastMs = Math.max(0, ...expectations.map(({ evalTimeMs }) => evalTimeMs));
  for (let sinceStartMs = 0; sinceStartMs <= lastMs; sinceStartMs += intervalMs) {
    const timeMs = test.startMs + sinceStartMs;
    for (const evaluator of evaluators) {
      for (const failure of await evaluator.evaluate(timeMs)) {
        failures.push({ line: 0, message: describeFailure(failure, test.startMs) });
      }
    }
    // What is expected between two evaluations is what the earlier one gave.
    const due = test.alertExpectations.filter(
      ({ evalTimeMs }) => evalTimeMs >= sinceStartMs && evalTimeMs < sinceStartMs + intervalMs,
    );
    for (const expectation of due) {
      const wrong = judgeAlerts(expectation, evaluators);
      if (wrong !== undefined) failures.push({ line: expectation.line, message: wrong });
    }
  }
  return failures;
}

function inputSeries(test: RuleTest): readonly SeriesSamples[] {
  const bySeries = new Map<string, SeriesSamples>();
  for (const { labels, values } of test.series) {
    const samples = values.flatMap((value, i) => {
      const timeMs = test.startMs + i * test.intervalMs;
      if (value === 'stale') return [{ timeMs, value: NaN, isStale: true }];
      return typeof value === 'number' ? [{ timeMs, value }] : [];
    });
    bySeries.set(labels.key, { labels, samples });
  }
  return [...bySeries.values()];
}

function ordered(groups: readonly RuleGroup[], order: readonly string[]): readonly RuleGroup[] {
  const rank = (group: RuleGroup): number => {
    const place = order.indexOf(group.name);
    return place === -1 ? order.length : place;
  };
  return groups.toSorted((a, b) => rank(a) - rank(b));
}

function judgeAlerts(expected: AlertExpectation, evaluators: readonly GroupEvaluator[]): string | undefined {
  const got = evaluators
    .flatMap((evaluator) => evaluator.activeAlerts(expected.alertName))
    .filter(({ state }) => state === 'firing');
  const [wanted, given] = [expected.alerts, got].map((alerts) => alerts.map(alertText).sort());
  if (wanted?.join('\n') === given?.join('\n')) return undefined;
  return (
    `alertname: ${expected.alertName}, time: ${timeText(expected.evalTimeMs)},\n` +
    `    exp: ${listText(wanted ?? [])}\n    got: ${listText(given ?? [])}`
  );
}

interface ExpressionContext {
  readonly test: RuleTest;
  readonly query: (expression: string, timeMs: number) => Promise<readonly ResultSample[]>;
  readonly isFuzzy: boolean;
}

async function judgeExpression(
  expected: ExpressionExpectation,
  { test, query, isFuzzy }: ExpressionContext,
): Promise<string | undefined> {
  const place = `expr: ${JSON.stringify(expected.expr)}, time: ${timeText(expected.evalTimeMs)},`;
  let got: readonly ResultSample[];
  try {
    got = await query(expected.expr, test.startMs + expected.evalTimeMs);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return `${place} err: ${error.message}`;
  }
  const sorted = (samples: readonly ResultSample[]): readonly ResultSample[] =>
    samples.toSorted((a, b) => Labels.compare(a.labels, b.labels));
  const [wanted, given] = [sorted(expected.samples), sorted(got)];
  const isSame = (a: ResultSample, b: ResultSample | undefined): boolean =>
    b !== undefined &&
    a.labels.key === b.labels.key &&
    (a.value === b.value || (isFuzzy && isAlmostEqual(a.value, b.value, FUZZY_TOLERANCE)));
  if (wanted.length === given.length && wanted.every((sample, i) => isSame(sample, given[i])))
    return undefined;
  return `${place}\n    exp: ${listText(wanted.map(sampleText))}\n    got: ${listText(given.map(sampleText))}`;
}

function describeFailure({ rule, timeMs, reason }: RuleFailure, startMs: number): string {
  return `rule: ${rule.name}, time: ${timeText(timeMs - startMs)}, err: ${reason.message}`;
}

function alertText({
  labels,
  annotations,
}: {
  readonly labels: Labels;
  readonly annotations: Labels;
}): string {
  return `Labels:${labels.toString()} Annotations:${annotations.toString()}`;
}

function sampleText({ labels, value }: ResultSample): string {
  return `${labels.toString()} ${value}`;
}

function listText(texts: readonly string[]): string {
  return texts.length === 0 ? '[]' : `[\n        ${texts.join('\n        ')}\n    ]`;
}

function timeText(sinceStartMs: number): string {
  return `${sinceStartMs / 1000}s`;
}
