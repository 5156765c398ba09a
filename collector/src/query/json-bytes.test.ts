import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatSample } from './format.ts';
import { JsonBytes } from './json-bytes.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

it('writes every number as it is written alone, whatever came before', () => {
  const borders = [0, -0, 9, 10, 999_999_999, 1e9, 1e9 + 1, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 1e21, 1e-7];
  const numbers = fc.array(
    fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer(), fc.constantFrom(...borders, NaN, Infinity)),
  );
  fc.assert(
    fc.property(numbers, (values) => {
      const json = new JsonBytes();
      // Each twice, because a value that repeats is copied.
      for (const value of values.flatMap((one) => [one, one])) {
        json.sample(value);
        json.byte(32);
      }
      expect(text(json.take())).toBe(values.map((one) => `${formatSample(one)} `.repeat(2)).join(''));
    }),
  );
});

it('keeps texts of any script, and grows as it needs', () => {
  const json = new JsonBytes();
  const long = 'ä€😀'.repeat(10_000);
  json.text(long);
  json.bytes(Uint8Array.of(1, 65, 66, 2), 1, 3);
  expect(json.length).toBe(long.length + 50_002);
  expect(text(json.take())).toBe(`${long}AB`);
});

it('begins anew after a piece was taken, in the same memory', () => {
  const json = new JsonBytes();
  json.sample(12.5);
  const first = json.take();
  expect(text(first)).toBe('12.5');
  json.sample(12.5);
  json.sample(12.5);
  const second = json.take();
  expect(text(second)).toBe('12.512.5');
  expect(second.buffer).toBe(first.buffer);
});
