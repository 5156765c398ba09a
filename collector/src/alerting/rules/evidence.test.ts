import { describe, expect, it } from 'vitest';
import { parseQuery } from '../../query/parse/parse.ts';
import { evidenceQuery, isAboutPresence, requiredSelectors } from './evidence.ts';

describe('requiredSelectors', () => {
  it.each([
    ['up == 0', ['up']],
    ['a / b > 0.9 and c == 0', ['a', 'b', 'c']],
    ['rate(a{x="1"}[5m] offset 1h) > 1', ['a{x="1"}']],
    ['a - a offset 1d', ['a']],
    ['sum by (x) (max_over_time(a[1h:5m])) > 2', ['a']],
    ['a > 1 unless on (x) b', ['a']],
    ['(a or b) > 1', []],
    ['a > 1 or b > 1', []],
    ['a > 2 or a > 1 and on (x) ALERTS', ['a']],
    ['(a > 2 or a > 1 and on (x) ALERTS) and b', ['a', 'b']],
    ['absent(a)', []],
    ['absent_over_time(a[5m]) and b', ['b']],
    ['vector(1)', []],
    ['predict_linear(a[6h], 86400) < 0 and on () count(b) > 1', ['a', 'b']],
  ])('of %s', (expression, expected) => {
    expect(requiredSelectors(expression)).toEqual(expected);
  });
});

describe('isAboutPresence', () => {
  it.each([
    ['up{job="node"} == 0', true],
    ['rollcall_host_state{state="down"} == 1 and on (instance) rollcall_host_info', true],
    ['avg_over_time(up[5m]) < 0.5', true],
    ['up == 0 and on (instance) node_load1 > 1', false],
    ['{__name__=~"up"} == 0', false],
    ['rollcall_agent_backlog_seconds > 60', false],
    ['vector(1)', false],
  ])('of %s', (expression, expected) => {
    expect(isAboutPresence(expression)).toBe(expected);
  });
});

describe('evidenceQuery', () => {
  it('asks for the label sets of a selector, cut to the names', () => {
    expect(evidenceQuery('a{x="1"}', { names: ['instance', 'odd-name'], instances: undefined })).toBe(
      'group by (instance, "odd-name") (a{x="1"})',
    );
  });

  it('names hosts so that nothing in a name is a pattern', () => {
    const text = evidenceQuery('a', { names: ['instance'], instances: ['web-1.x', 'a|b"c\\'] });
    expect(text).toBe('group by (instance) (a{instance=~"web-1\\\\.x|a\\\\|b\\"c\\\\\\\\"})');
    expect(() => parseQuery(text)).not.toThrow();
  });
});
