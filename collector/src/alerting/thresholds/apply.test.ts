import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { parseRuleFile } from '../rule-files/rule-file.ts';
import { alertingRules, bookOf } from '../rules/book.ts';
import { isInScope } from '../rules/rule.ts';
import { stockRules } from '../rules/stock.ts';
import { withThresholds } from './apply.ts';
import { readThresholdFile } from './threshold-file.ts';

const RULES = `groups:
  - name: g
    rules:
      - alert: CpuHigh
        expr: busy > 0.85 or busy > 0.75 and on (instance) ALERTS{level="warn"}
        for: 10m
        labels: {level: warn}
        annotations: {summary: hot, threshold: '0.85', recovery: '0.75'}
      - alert: CpuHigh
        expr: busy > 0.95
        labels: {level: crit}
        annotations: {threshold: '0.95'}
      - alert: Plain
        expr: up == 0
`;

const BOOK = bookOf(stockRules(), [{ name: 'a.yml', groups: parseRuleFile(RULES, 'a.yml') }], {
  intervalMs: 5_000,
});
const ENTRY = { rule: 'CpuHigh', level: 'warn', author: 'ana', reason: 'nightly reports' };

function apply(...entries: readonly Readonly<Record<string, string | number>>[]) {
  const list = entries.map((entry, i) => ({ ...ENTRY, name: `o${i}`, ...entry }));
  const { overrides, problems } = readThresholdFile(JSON.stringify({ thresholds: list }));
  expect(problems).toEqual([]);
  const applied = withThresholds(BOOK, overrides);
  return { ...applied, rules: alertingRules(applied.book) };
}

describe('withThresholds', () => {
  it('makes a narrower rule with other levels, and takes its objects from the general one', () => {
    const { rules, problems } = apply({ match: '{instance=~"db-.*"}', threshold: 0.95, for: '30m' });
    expect(problems).toEqual([]);
    const narrow = rules.get('a.yml/g/CpuHigh@o0')?.rule;
    const general = rules.get('a.yml/g/CpuHigh')?.rule;
    if (narrow?.source !== 'file' || general?.source !== 'file') throw new Error('a rule is missing');
    // The recovery level keeps its share of the level.
    expect(narrow.expr).toBe('busy > 0.95 or busy > 0.838235294118 and on (instance) ALERTS{level="warn"}');
    expect(narrow).toMatchObject({ threshold: 0.95, recovery: 0.838235294118, forMs: 30 * 60_000 });
    expect(narrow.annotations.map(({ name, source }) => [name, source])).toContainEqual([
      'threshold',
      '0.95',
    ]);
    expect(narrow.scope?.origin).toEqual({ name: 'o0', author: 'ana', reason: 'nightly reports' });
    expect(general.expr).toContain('busy > 0.85');
    const looks = (instance: string) =>
      [general, narrow].map(({ scope }) => isInScope(scope, Labels.of({ instance })));
    expect([looks('db-1'), looks('web-1')]).toEqual([
      [false, true],
      [true, false],
    ]);
  });

  it('lets the first one count where several fit', () => {
    const { rules } = apply(
      { match: '{instance="db-1"}', threshold: 0.99 },
      { match: '{instance=~"db-.*"}', threshold: 0.9, recovery: 0.5 },
    );
    const scopes = ['', '@o0', '@o1'].map((suffix) => rules.get(`a.yml/g/CpuHigh${suffix}`)?.rule.scope);
    const looks = (instance: string) => scopes.map((scope) => isInScope(scope, Labels.of({ instance })));
    expect([looks('db-1'), looks('db-2'), looks('web')]).toEqual([
      [false, true, false],
      [false, false, true],
      [true, false, false],
    ]);
    expect(rules.get('a.yml/g/CpuHigh@o1')?.rule).toMatchObject({ threshold: 0.9, recovery: 0.5 });
  });

  it('replaces a rule for everything, and switches rules off', () => {
    const replaced = apply({ threshold: 0.5 });
    expect([...replaced.rules.keys()]).not.toContain('a.yml/g/CpuHigh');
    expect(replaced.rules.get('a.yml/g/CpuHigh@o0')?.rule.threshold).toBe(0.5);
    const off = apply(
      { rule: 'Plain', level: '', threshold: 'off' },
      { rule: 'HostDown', level: '', threshold: 'off', match: '{instance="lab"}' },
    );
    expect(off.problems).toEqual([]);
    expect([...off.rules.keys()]).not.toContain('a.yml/g/Plain');
    for (const id of ['HostDown', 'HostDown/crit']) {
      expect(isInScope(off.rules.get(id)?.rule.scope, Labels.of({ instance: 'lab' }))).toBe(false);
      expect(isInScope(off.rules.get(id)?.rule.scope, Labels.of({ instance: 'web' }))).toBe(true);
    }
  });

  it("moves the levels of the collector's own rules", () => {
    const { rules } = apply({
      rule: 'FilesystemAlmostFull',
      level: 'crit',
      threshold: 0.97,
      recovery: 0.95,
      match: '{mountpoint="/data"}',
    });
    const narrow = rules.get('FilesystemAlmostFull@o0')?.rule;
    if (narrow?.source !== 'expression') throw new Error('the rule is missing');
    expect(narrow.raise).toContain('> 0.97');
    expect(narrow.clear).toContain('< 0.95');
  });

  it.each([
    [{ rule: 'Nope' }, 'o0: rule Nope at level warn: there is no such rule'],
    [{ level: 'info' }, 'o0: rule CpuHigh at level info: it has the levels warn, crit'],
    [{ level: '' }, 'o0: rule CpuHigh: it has several levels, say which with level: warn or crit'],
    [
      { rule: 'Plain', level: '' },
      'o0: rule Plain: it has no number that could be another; it can only be off',
    ],
  ])('leaves out what it cannot apply: %j', (entry, message) => {
    const { problems, book } = apply({ threshold: 0.9, ...entry }, { threshold: 0.7 });
    expect(problems.map((problem) => problem.message)).toEqual([message]);
    expect([...alertingRules(book).keys()]).toContain('a.yml/g/CpuHigh@o1');
  });
});

describe('readThresholdFile', () => {
  it.each([
    ['', []],
    ['thresholds: []', []],
    ['thresholds: 1', ['1: thresholds must be a list']],
    ['rules: []', ['1: field rules is not known in the file, allowed are thresholds']],
    [
      'thresholds: [{}]',
      ['name', 'rule', 'threshold', 'author', 'reason'].map((name) => `1: ${name} must be set`),
    ],
    [
      'thresholds:\n- {name: a b, rule: R, threshold: 1, author: x, reason: y}',
      ['2: name "a b" must be 1 to 64 letters, digits, dots, dashes or underscores'],
    ],
    [
      'thresholds:\n- {name: a, rule: R, threshold: high, author: x, reason: y}',
      ['2: threshold "high" must be a number, or off'],
    ],
    [
      'thresholds:\n- {name: a, rule: R, threshold: 1, for: soon, author: x, reason: y}',
      ['2: for "soon" must be a span such as 90s, 5m or 1h30m'],
    ],
  ])('says what is wrong with %j', (text, expected) => {
    expect(readThresholdFile(text).problems.map(({ line, message }) => `${line}: ${message}`)).toEqual(
      expected,
    );
  });

  it('names a selector that is none, and a name that is used twice', () => {
    const entry = { name: 'a', rule: 'R', threshold: 1, author: 'x', reason: 'y' };
    const text = JSON.stringify({ thresholds: [{ ...entry, match: '{instance=' }, entry] });
    expect(readThresholdFile(text).problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^match "\{instance=" must be like /),
      'name "a" is used twice',
    ]);
  });
});
