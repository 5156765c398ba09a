import { describe, expect, test } from 'vitest';
import { createMatcher, type MatchOperator } from '../matcher.ts';
import { parsePiece } from './read-answer.ts';
import { conditions, identifier } from './read-query.ts';

const RANGE = { fromMs: 1, toMs: 2 };

function conditionOf(name: string, operator: MatchOperator, value: string): string {
  return conditions([createMatcher(name, operator, value)], RANGE).replace(/(?: AND )?time >= 1ms.*$/, '');
}

describe('what InfluxDB is told', () => {
  test.each([
    ['a', '=', 'x', `"a"::tag = 'x'`],
    ['a', '=', `it's`, String.raw`"a"::tag = 'it\'s'`],
    ['a', '=', String.raw`x\' OR 1=1 --`, String.raw`"a"::tag = 'x\\\' OR 1=1 --'`],
    ['a"b', '=', 'x', String.raw`"a\"b"::tag = 'x'`],
    ['a\\', '=', 'x', String.raw`"a\\"::tag = 'x'`],
    ['a', '=~', 'x|y', '"a"::tag =~ /^(?s:x|y)$/'],
    ['a', '=~', String.raw`\d+"'`, String.raw`"a"::tag =~ /^(?s:\d+"')$/`],
  ] as const)('%s %s %s', (name, operator, value, wanted) => {
    expect(conditionOf(name, operator, value)).toBe(wanted);
  });
});

describe('what is judged here', () => {
  test.each([
    ['a', '=', ''],
    ['a', '!=', 'x'],
    ['a', '!~', 'x'],
    ['a', '=~', 'x|'],
    ['a', '=~', 'x/ OR /'],
    ['a', '=~', String.raw`x\/`],
    ['a', '=', 'two\nlines'],
    ['a', '=', 'nul\0'],
    ['a', '=', '\ud800'],
    ['__name__', '=', 'm'],
  ] as const)('%s %s %s', (name, operator, value) => {
    expect(conditionOf(name, operator, value)).toBe('');
  });
});

test('a hostile name stays one identifier', () => {
  expect(identifier(`m"; DROP DATABASE x; --`)).toBe(String.raw`"m\"; DROP DATABASE x; --"`);
});

test('times stay within what nanoseconds hold', () => {
  expect(conditions([], { fromMs: -1e300, toMs: 1e300 })).toBe(
    'time >= -9223372036854ms AND time <= 9223372036854ms',
  );
});

test.each([
  ['{"results":[{"statement_id":0}]}', { kind: 'series', series: [] }],
  ['{"error":"unable to parse"}', { kind: 'error', said: 'unable to parse' }],
  ['{"results":[{"error":"database\\nnot found"}]}', { kind: 'error', said: 'databasenot found' }],
  ['{"results":[{"series":[{"columns":["time"],"values":[[{}]]}]}]}', { kind: 'garbled' }],
  ['{"results":', { kind: 'garbled' }],
  ['', { kind: 'garbled' }],
])('reads the answer %s', (line, wanted) => {
  expect(parsePiece(line)).toEqual(wanted);
});
