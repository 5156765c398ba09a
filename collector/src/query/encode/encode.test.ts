import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { encodeQueryValue, EncoderMemory } from './encode.ts';
import { formatSample } from './format.ts';
import type { QueryValue } from '../results.ts';

const memory = new EncoderMemory();
const textOf = (value: QueryValue): string =>
  Buffer.concat(Array.from(encodeQueryValue(value, memory), (piece) => Buffer.from(piece))).toString();

it('writes every point of a matrix as it writes a single value', () => {
  const numbers = fc.array(
    fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, 0, 1e21, 1e-7, -1e-7, 5e-324)),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(numbers, (values) => {
      const series = {
        labels: Labels.of({ a: '"' }),
        timestamps: Float64Array.from(values, (_, i) => i * 500),
        values: Float64Array.from(values),
      };
      const text = textOf({ kind: 'matrix', series: [series, series] });
      const points = values.map((value, i) => {
        const seconds = i % 2 === 0 ? String(i / 2) : (i / 2).toFixed(3);
        return `[${seconds},"${formatSample(value)}"]`;
      });
      const one = `{"metric":{"a":"\\""},"values":[${points.join(',')}]}`;
      expect(text).toBe(`{"resultType":"matrix","result":[${one},${one}]}`);
    }),
  );
});

it.each([0, -0, NaN, -Infinity, 1.5])('%d at all times, and at all but one, is written as it is', (value) => {
  const timestamps = Float64Array.from({ length: 2_001 }, (_, i) => i * 1_000);
  const same = new Float64Array(2_001).fill(value);
  for (const last of [value, -value]) {
    const values = same.with(2_000, last);
    const series = { labels: Labels.of({ a: '1' }), timestamps, values };
    const text = textOf({ kind: 'matrix', series: [series, series] });
    const points = Array.from(values, (one, i) => `[${i},"${formatSample(one)}"]`);
    const list = `{"metric":{"a":"1"},"values":[${points.join(',')}]}`;
    expect(text).toBe(`{"resultType":"matrix","result":[${list},${list}]}`);
  }
});

it('writes several answers in turns, each as if it were alone', () => {
  const matrix = (name: string): QueryValue => {
    const timestamps = Float64Array.from({ length: 20_000 }, (_, i) => i * 1_000);
    const values = timestamps.map((time) => time / 7);
    return { kind: 'matrix', series: [{ labels: Labels.of({ name }), timestamps, values }] };
  };
  const texts = ['', ''];
  const answers = ['a', 'bcd'].map((name) => encodeQueryValue(matrix(name), memory));
  for (let isDone = false; !isDone;)
    for (const [i, answer] of answers.entries()) {
      const next = answer.next();
      isDone = next.done === true;
      if (next.done !== true) texts[i] += Buffer.from(next.value).toString();
    }
  expect(texts.map((text) => text.length > 3 * 65_536)).toEqual([true, true]);
  expect(texts).toEqual(['a', 'bcd'].map((name) => textOf(matrix(name))));
});
