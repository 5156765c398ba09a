import { describe, expect, it } from 'vitest';
import { parseRuleFile, readRuleFile } from './rule-file.ts';

function rule(lines: string): string {
  return `groups:\n- name: g\n  rules:\n  - ${lines.split('\n').join('\n    ')}\n`;
}

describe('readRuleFile', () => {
  it('reads groups with everything that they may have', () => {
    const text = `
groups:
- name: a
  interval: 30s
  limit: 10
  query_offset: 1m
  labels: {team: ops, severity: low}
  rules:
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1h30m
    labels: {severity: page, level: 1}
    annotations: {summary: "{{ $labels.instance }}"}
- name: b
  rules:
  - {record: "x:y", expr: sum(up)}
`;
    const [a, b] = parseRuleFile(text, 'x.yml');
    expect(a).toMatchObject({ name: 'a', intervalMs: 30_000, limit: 10, queryOffsetMs: 60_000 });
    expect(a?.rules[0]).toMatchObject({
      kind: 'alerting',
      name: 'Down',
      forMs: 300_000,
      keepFiringForMs: 5_400_000,
    });
    expect(a?.rules[0]?.labels.map(({ name, source }) => `${name}=${source}`)).toEqual([
      'team=ops',
      'severity=page',
      'level=1',
    ]);
    expect(a?.rules[0]?.line).toBe(9);
    expect(b).toMatchObject({ intervalMs: undefined, limit: 0 });
    expect(b?.rules[0]).toMatchObject({ kind: 'recording', name: 'x:y', expr: 'sum(up)' });
  });

  it('takes 0 for a span without a unit', () => {
    const [group] = parseRuleFile(rule('alert: A\nexpr: up\nfor: 0\nkeep_firing_for: 0'), 'x.yml');
    expect(group?.rules[0]).toMatchObject({ forMs: 0, keepFiringForMs: 0 });
  });

  it.each(['', 'groups:', 'groups: []', '# nothing\n'])('takes %j for a file without rules', (text) => {
    expect(readRuleFile(text)).toEqual({ groups: [], problems: [] });
  });

  it.each([
    ['groups: {}', 1, /groups must be a list/],
    ['groups: [1]', 1, /must be a mapping/],
    ['- a', 1, /must be a mapping/],
    ['group: []', 1, /field group is not known/],
    ['groups:\n- name: a\n- name: a', 3, /groupname: "a" is repeated/],
    ['groups:\n- rules: []', 2, /Groupname must not be empty/],
    ['groups:\n- name: a\n  interval: 5\n', 3, /not a valid duration string: "5"/],
    ['groups:\n- name: a\n  limit: -1\n', 3, /limit "-1" must be a whole number/],
    ['groups:\n- name: a\n  rules: x\n', 3, /rules must be a list/],
    ['groups:\n- name: a\n  name: b\n', 3, /unique/],
    ['groups: [a', 1, /./],
    [rule('expr: up'), 4, /one of 'record' or 'alert' must be set/],
    [rule('alert: A\nrecord: b\nexpr: up'), 4, /only one of/],
    [rule('alert: A'), 4, /'expr' must be set/],
    [rule('alert: A\nexpr: "sum("'), 5, /could not parse expression/],
    [rule('alert: A\nexpr: up\nfor: soon'), 6, /for: not a valid duration/],
    [rule('alert: A\nexpr: up\nlabels: {a-b: x}'), 6, /invalid label name: a-b/],
    [rule('alert: A\nexpr: up\nlabels: {__name__: x}'), 6, /invalid label name/],
    [rule('alert: A\nexpr: up\nlabels: [x]'), 6, /labels must be a mapping/],
    [rule('alert: A\nexpr: up\nlabels: {a: [x]}'), 6, /a must be a text/],
    [
      rule('alert: A\nexpr: up\nannotations:\n  s: "{{ $x }}"'),
      7,
      /annotation "s": .*undefined variable "\$x"/,
    ],
    [rule('alert: A\nexpr: up\nseverity: x'), 6, /field severity is not known/],
    [rule('record: a b\nexpr: up'), 4, /invalid recording rule name: a b/],
    [rule('record: a\nexpr: up\nfor: 1m'), 6, /invalid field 'for' in recording rule/],
    [rule('record: a\nexpr: up\nannotations: {a: b}'), 6, /invalid field 'annotations'/],
  ])('says what is wrong with %j', (text, line, message) => {
    const { problems } = readRuleFile(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(message);
    expect(problems[0]?.line).toBe(line);
  });

  it('names all problems with file and line', () => {
    const text = rule('alert: A\nexpr: "("\nfor: x');
    expect(() => parseRuleFile(text, 'bad.yml')).toThrow(/^bad\.yml:5: .*\nbad\.yml:6: for: /);
  });

  it('does not unfold a file of a few lines to gigabytes', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`);
    const { problems } = readRuleFile(`l0: &l0 [x]\n${levels.join('\n')}\n`);
    expect(problems).toHaveLength(1);
    expect(readRuleFile('x'.repeat(9_000_000)).problems[0]?.message).toMatch(/9000000 characters/);
  });
});
