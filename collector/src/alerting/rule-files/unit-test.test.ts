import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readUnitTestFile } from './unit-test-file.ts';
import { testRules } from '../../cli/rules.ts';

const FOLDER = join(import.meta.dirname, 'testdata');

describe('unit tests of rules', () => {
  // A system test compares the same verdicts with promtool's.
  it.each(readdirSync(FOLDER).filter((name) => name.endsWith('.test.yml')))('%s', async (name) => {
    const { text, failedCount } = await testRules([join(FOLDER, name)]);
    expect([text, failedCount]).toEqual([text, name.endsWith('.fail.test.yml') ? 1 : 0]);
  });

  it('says what was expected and what there was', async () => {
    const { text } = await testRules([join(FOLDER, 'annotation.fail.test.yml')]);
    expect(text).toMatch(/test 1 \(line 6\): alertname: Down, time: 300s,/);
    expect(text).toMatch(/exp: \[\n.*Annotations:\{summary="other"\}/);
    expect(text).toMatch(/got: \[\n.*Annotations:\{summary="a is down, 0 others up"\}/);
  });
});

describe('readUnitTestFile', () => {
  const test = (lines: string): string => `tests:\n- ${lines.split('\n').join('\n  ')}\n`;

  it.each([
    ['', /^$/],
    ['tests: 1', /tests must be a list/],
    ['evaluation_interval: x', /not a valid duration/],
    [test('interval: 1m\nx: 1'), /field x is not known/],
    [test('input_series: [{series: "a{", values: 1}]'), /unexpected|expected|unterminated/i],
    [test('input_series: [{series: a, values: 1y}]'), /"1y" is not a series value/],
    [test('alert_rule_test: [{eval_time: 1m}]'), /misses required attribute alertname/],
    [test('alert_rule_test: [{eval_time: 900d, alertname: A}]'), /at most 366d/],
    [test('promql_expr_test: [{expr: up, exp_samples: [{value: x}]}]'), /value "x" is not a number/],
    [test('start_timestamp: soon'), /start_timestamp "soon" is neither/],
  ])('says what is wrong with %j', (text, message) => {
    const { problems } = readUnitTestFile(text);
    expect(problems.map((problem) => problem.message).join('\n')).toMatch(message);
  });

  it('reads special numbers', () => {
    const values = ['.inf', '-.Inf', '.nan', '1e3', '0x10', '-5'];
    const samples = values.map((value) => `{value: ${value}}`).join(', ');
    const { file } = readUnitTestFile(test(`promql_expr_test: [{expr: up, exp_samples: [${samples}]}]`));
    expect(file.tests[0]?.expressionExpectations[0]?.samples.map(({ value }) => value)).toEqual([
      Infinity,
      -Infinity,
      NaN,
      1000,
      16,
      -5,
    ]);
  });
});
