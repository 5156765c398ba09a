import { expect, it } from 'vitest';
import type { QueryAnswer } from '../test/compat/query-api.ts';
import { differenceOf } from './answer-difference.ts';

function matrix(series: Readonly<Record<string, readonly (readonly [number, string])[]>>): QueryAnswer {
  const result = Object.entries(series).map(([instance, values]) => ({
    metric: { job: 'node', instance },
    values: values.map(([seconds, text]): [number, string] => [seconds, text]),
  }));
  return { status: 'success', data: { resultType: 'matrix', result } };
}

it('finds equal answers equal, in whatever order their series and labels come', () => {
  const left = matrix({ a: [[1, '1']], b: [[1, '+Inf']] });
  const right: QueryAnswer = {
    status: 'success',
    data: {
      resultType: 'matrix',
      result: [
        { metric: { instance: 'b', job: 'node' }, values: [[1, '+Inf']] },
        { metric: { instance: 'a', job: 'node' }, values: [[1, '1.0']] },
      ],
    },
  };
  expect(differenceOf(left, right)).toEqual({ lonePoints: 0, points: 2, largestRatio: 0, medianRatio: 0 });
});

it('counts points that only one has, and says how far the others are apart', () => {
  const left = matrix({
    a: [
      [1, '100'],
      [2, '0'],
      [3, '7'],
      [4, 'NaN'],
    ],
  });
  const right = matrix({
    a: [
      [1, '99'],
      [2, '-0'],
      [4, 'NaN'],
    ],
    c: [
      [1, '5'],
      [2, '5'],
    ],
  });
  expect(differenceOf(left, right)).toEqual({ lonePoints: 3, points: 3, largestRatio: 0.01, medianRatio: 0 });
  expect(differenceOf(matrix({ a: [[1, 'NaN']] }), matrix({ a: [[1, '1']] }))?.largestRatio).toBe(Infinity);
});

it('says nothing about errors', () => {
  const error: QueryAnswer = { status: 'error', errorType: 'bad_data', error: 'x' };
  expect(differenceOf(error, matrix({}))).toBeUndefined();
  expect(differenceOf(matrix({}), error)).toBeUndefined();
});
