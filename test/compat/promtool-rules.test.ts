import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkRules, testRules } from '../../collector/src/cli/rules.ts';
import { CASE_LABELS, shorten, TEMPLATE_CASES } from '../../collector/src/alerting/template/testing/cases.ts';
import { needs } from '../harness/needs.ts';

const promtool = needs('promtool');
const TESTDATA = join(import.meta.dirname, '../../collector/src/alerting/rule-files/testdata');
const STOCK_RULES = join(import.meta.dirname, '../../collector/src/alerting/stock-rules');
const CONFORMANCE = process.env['ROLLCALL_CONFORMANCE'];

interface Verdict {
  readonly isPassed: boolean;
  readonly output: string;
}

function run(...parameters: readonly string[]): Verdict {
  try {
    const output = execFileSync(promtool.path ?? '', parameters, { encoding: 'utf8', stdio: 'pipe' });
    return { isPassed: true, output };
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    const complaints = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    return { isPassed: false, output: output + complaints };
  }
}

describe.skipIf(promtool.path === null)(`rules, compared with promtool${promtool.note}`, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'rollcall-rules-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('templates give the same text', () => {
    const values = [...new Set(TEMPLATE_CASES.map(({ value = '12.5' }) => value))];
    const metricOf = (value = '12.5'): string => (value === '12.5' ? 'v' : `v_${values.indexOf(value)}`);
    const labels = `{instance="${CASE_LABELS.instance}", mountpoint="${CASE_LABELS.mountpoint}"}`;
    const rules = TEMPLATE_CASES.map(({ template, value }, i) => ({
      alert: `T${i}`,
      expr: metricOf(value),
      annotations: { text: template },
    }));
    writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'g', rules }] }));
    const test = {
      external_labels: { region: 'eu' },
      external_url: 'http://monitor.example.org',
      input_series: [
        ...values.map((value) => ({ series: metricOf(value) + labels, values: value })),
        { series: 'w{n="b"}', values: '1' },
        { series: 'w{n="a"}', values: '2' },
      ],
      // An expectation that cannot be met makes promtool print what it has.
      alert_rule_test: rules.map(({ alert }) => ({ eval_time: '0s', alertname: alert, exp_alerts: [] })),
    };
    writeFileSync(join(folder, 'test.yml'), JSON.stringify({ rule_files: ['rules.yml'], tests: [test] }));
    const { output } = run('test', 'rules', join(folder, 'test.yml'));
    const annotation = /alertname: T(\d+), time[^]*?Annotations:\{(?:text="((?:[^"\\]|\\.)*)")?\}/g;
    const texts = new Map(
      Array.from(output.matchAll(annotation), ([, i, text = '']) => [
        Number(i),
        String(JSON.parse(`"${text}"`)),
      ]),
    );
    expect(texts.size).toBe(TEMPLATE_CASES.length);
    for (const [i, { template, expected }] of TEMPLATE_CASES.entries()) {
      expect([template, shorten(texts.get(i) ?? '')]).toEqual([template, expected]);
    }
  });

  it.each(readdirSync(TESTDATA).filter((name) => name.endsWith('.test.yml')))(
    '%s has the same verdict',
    async (name) => {
      const { isPassed, output } = run('test', 'rules', join(TESTDATA, name));
      const { failedCount, text } = await testRules([join(TESTDATA, name)]);
      expect({ isPassed: failedCount === 0, text, output }).toEqual({ isPassed, text, output });
      expect(isPassed).toBe(!name.endsWith('.fail.test.yml'));
    },
  );

  it('the stock rules and their tests pass', () => {
    const inFolder = (...parts: readonly string[]): readonly string[] =>
      readdirSync(join(STOCK_RULES, ...parts))
        .filter((name) => name.endsWith('.yaml'))
        .map((name) => join(STOCK_RULES, ...parts, name));
    const checked = run('check', 'rules', ...inFolder());
    expect(checked).toEqual({ isPassed: true, output: checked.output });
    // Our own verdict is among the unit tests.
    const tested = run('test', 'rules', ...inFolder('tests'));
    expect(tested).toEqual({ isPassed: true, output: tested.output });
  });

  it.each([
    ['groups: [{name: a, rules: [{alert: A, expr: up}]}]', true],
    ['groups: [{name: a, rules: [{alert: A, expr: up, for: 1m, labels: {a: 1}}]}]', true],
    ['groups: [{name: a, rules: [{alert: A, expr: "sum("}]}]', false],
    ['groups: [{name: a}, {name: a}]', false],
    ['groups: [{name: "", rules: []}]', false],
    ['groups: [{name: a, rules: [{alert: A, record: b, expr: up}]}]', false],
    ['groups: [{name: a, rules: [{alert: A, expr: up, labels: {a-b: c}}]}]', false],
    ['groups: [{name: a, rules: [{record: a, expr: up, for: 1m}]}]', false],
    ['groups: [{name: a, rules: [{record: "a b", expr: up}]}]', false],
    ['groups: [{name: a, rules: [{alert: A, expr: up, annotations: {s: "{{ $x }}"}}]}]', false],
    ['groups: [{name: a, rules: [{alert: A, expr: up, annotations: {s: "{{ nope }}"}}]}]', false],
    ['groups: [{name: a, rules: [{alert: A, expr: up, colour: red}]}]', false],
    ['groups: [{name: a, interval: x}]', false],
    ['nothing: []', false],
  ])('the check of %j has the same verdict', (text, isGood) => {
    const path = join(folder, 'check.yml');
    writeFileSync(path, text);
    expect(run('check', 'rules', path).isPassed).toBe(isGood);
    expect(checkRules([path])).toMatchObject({ failedCount: isGood ? 0 : 1 });
  });

  it.skipIf(CONFORMANCE === undefined)('the public rules are in order', () => {
    const rules = join(CONFORMANCE ?? '', 'rules');
    const files = readdirSync(rules)
      .filter((name) => /\.ya?ml$/.test(name))
      .map((name) => join(rules, name));
    expect(files.length).toBeGreaterThan(0);
    expect(run('check', 'rules', ...files).isPassed).toBe(true);
    expect(checkRules(files).failedCount).toBe(0);
  });
});
