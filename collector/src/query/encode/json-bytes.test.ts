import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatSample } from './format.ts';
import { JsonBytes } from './json-bytes.ts';
import { TimeHeads } from './time-heads.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Values at the seconds from 0 on. */
function addPoints(json: JsonBytes, values: readonly number[]): void {
  const times = Float64Array.from(values, (_, i) => i * 1_000);
  json.points(new TimeHeads().headsOf(times), Float64Array.from(values), 0, values.length);
}

it('writes every number as it is written alone, whatever came before', () => {
  const borders = [0, -0, 9, 10, 999_999_999, 1e9, 1e9 + 1, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 1e21, 1e-7];
  const numbers = fc.array(
    fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer(), fc.constantFrom(...borders, NaN, Infinity)),
  );
  fc.assert(
    fc.property(numbers, (values) => {
      const json = new JsonBytes();
      // Each twice, because a value that repeats is copied.
      const twice = values.flatMap((one) => [one, one]);
      addPoints(json, twice);
      expect(text(json.take())).toBe(
        twice.map((one, i) => `${i === 0 ? '' : ','}[${i},"${formatSample(one)}"]`).join(''),
      );
    }),
  );
});

it('keeps texts of any script, and grows as it needs', () => {
  const json = new JsonBytes();
  const long = 'ä€😀'.repeat(10_000);
  json.text(long);
  json.bytes(Uint8Array.of(65, 66));
  expect(text(json.copyFrom(json.length - 1))).toBe('B');
  expect(json.length).toBe(long.length + 50_002);
  expect(text(json.take())).toBe(`${long}AB`);
});

it('begins anew after a piece was taken, in the same memory', () => {
  const json = new JsonBytes();
  addPoints(json, [12.5]);
  const first = json.take();
  expect(text(first)).toBe('[0,"12.5"]');
  addPoints(json, [12.5, 12.5]);
  const second = json.take();
  expect(text(second)).toBe('[0,"12.5"],[1,"12.5"]');
  expect(second.buffer).toBe(first.buffer);
});
