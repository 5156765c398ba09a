import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readError, readHostDetail, readHosts, readIncidents, readInventory, readStatus } from './answers.ts';
import { readMatrix, readPrometheusError } from './prometheus.ts';
import { Malformed, fieldsOf, finite, flag, listOf, nullable, oneOf, recordOf, text } from './read.ts';
import type { Read } from './read.ts';

const READERS: readonly (readonly [string, Read<unknown>])[] = [
  ['hosts', readHosts],
  ['a host', readHostDetail],
  ['an inventory', readInventory],
  ['incidents', readIncidents],
  ['a status', readStatus],
  ['an error', readError],
  ['a matrix', readMatrix],
  ['a Prometheus error', readPrometheusError],
];

function failureOf(read: Read<unknown>, value: unknown): unknown {
  try {
    return read(value, 'answer');
  } catch (error) {
    return error;
  }
}

test.each(READERS)('refuses what is not %s with a path, and never breaks in another way', (_what, read) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const outcome = failureOf(read, value);
      expect(outcome).toBeInstanceOf(Malformed);
      expect(String(outcome)).toMatch(/^Malformed: answer.*: expected /);
    }),
  );
});

test.each([
  [text, 7, 'x: expected a string'],
  [finite, Number.NaN, 'x: expected a finite number'],
  [finite, '7', 'x: expected a finite number'],
  [flag, 0, 'x: expected true or false'],
  [oneOf(['up', 'down']), 'sideways', 'x: expected one of up, down'],
  [nullable(text), undefined, 'x: expected a string'],
  [listOf(text), { length: 1 }, 'x: expected an array'],
  [listOf(text), ['a', null], 'x[1]: expected a string'],
  [recordOf(finite), { a: 1, b: '2' }, 'x.b: expected a finite number'],
  [recordOf(finite), [1], 'x: expected an object'],
])('names what is wrong: %#', (read: Read<unknown>, value, message) => {
  expect(() => read(value, 'x')).toThrow(message);
});

test('reads own fields only', () => {
  expect(() => fieldsOf({}, 'x')('toString', text)).toThrow('x.toString: expected a string');
  expect(() => fieldsOf({}, 'x')('constructor', nullable(text))).toThrow('x.constructor');
});

test('keeps a key named like the prototype a plain key', () => {
  const read = recordOf(text)(JSON.parse('{"__proto__":"x","constructor":"y"}'), 'x');
  expect(Object.keys(read)).toEqual(['__proto__', 'constructor']);
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  expect(Object.hasOwn({}, 'x')).toBe(false);
});

test('reads a matrix, special values included', () => {
  const series = {
    metric: { instance: 'a' },
    values: [
      [1, '2.5'],
      [2, 'NaN'],
      [3, '+Inf'],
      [4, '-Inf'],
      [5, '1e-3'],
    ],
  };
  const answer = {
    status: 'success',
    data: { resultType: 'matrix', result: [series] },
    warnings: ['ignored'],
  };
  expect(readMatrix(answer, 'answer')).toEqual([
    {
      labels: { instance: 'a' },
      points: [
        [1, 2.5],
        [2, Number.NaN],
        [3, Number.POSITIVE_INFINITY],
        [4, Number.NEGATIVE_INFINITY],
        [5, 0.001],
      ],
    },
  ]);
});

test.each([['1', '2'], [1, 2], [1], [1, '2', 3], [1, ''], [1, ' '], [1, 'two'], null])(
  'refuses the point %j',
  (...point) => {
    const series = { metric: {}, values: [point] };
    const answer = { status: 'success', data: { resultType: 'matrix', result: [series] } };
    expect(failureOf(readMatrix, answer)).toBeInstanceOf(Malformed);
  },
);

test('refuses a vector where a matrix was asked for', () => {
  const answer = { status: 'success', data: { resultType: 'vector', result: [] } };
  expect(() => readMatrix(answer, 'answer')).toThrow('answer.data.resultType: expected one of matrix');
});

test('refuses inventory that nests without end, and keeps the rest as it is', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 'end' : { a: nested(depth - 1) });
  const answer = (content: unknown): unknown => ({
    hostId: 'h',
    sections: [{ name: 'cpu', hash: 'ab', receivedMs: 1, content }],
  });
  expect(failureOf(readInventory, answer(nested(500)))).toBeInstanceOf(Malformed);
  const content = { a: [1, 'x', null, { b: true }], c: { d: [] } };
  expect(readInventory(answer(content), 'answer')).toEqual(answer(content));
});
