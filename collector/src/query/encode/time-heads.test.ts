import { expect, it } from 'vitest';
import { TimeHeads, type Heads } from './time-heads.ts';

const grid = (startMs: number, stepMs: number): Float64Array =>
  Float64Array.from({ length: 5 }, (_, i) => startMs + i * stepMs);

function textOf({ words, ends }: Heads): string {
  return new TextDecoder().decode(words).slice(0, ends.at(-1));
}

it('formats an array once, and others of the same times not again', () => {
  const times = new TimeHeads();
  const heads = times.headsOf(grid(1_000, 500));
  expect(textOf(heads)).toBe('[1,",[1.500,",[2,",[2.500,",[3,"');
  expect([...heads.ends]).toEqual([4, 13, 18, 27, 32]);
  expect(times.headsOf(grid(1_000, 500))).toBe(heads);
});

it('takes arrays that agree in part for others', () => {
  const times = new TimeHeads();
  const all = grid(1_000, 500);
  times.headsOf(all);
  expect(textOf(times.headsOf(all.slice(0, 4)))).toBe('[1,",[1.500,",[2,",[2.500,"');
  expect(textOf(times.headsOf(all.with(2, 2_001)))).toBe('[1,",[1.500,",[2.001,",[2.500,",[3,"');
  expect(textOf(times.headsOf(all))).toBe('[1,",[1.500,",[2,",[2.500,",[3,"');
});

it('keeps the arrays that were used last, and none that is very long', () => {
  const times = new TimeHeads();
  const first = times.headsOf(grid(0, 1_000));
  for (let i = 1; i <= 20; i++) {
    times.headsOf(grid(i, 1_000));
    expect(times.headsOf(grid(0, 1_000))).toBe(first);
  }
  for (let i = 1; i <= 8; i++) times.headsOf(grid(i, 1_000));
  expect(times.headsOf(grid(0, 1_000))).not.toBe(first);
  const long = new Float64Array(12_001);
  expect(times.headsOf(long)).not.toBe(times.headsOf(long));
});

it('remembers the text of one constant, and tells 0 from -0', () => {
  const heads = new TimeHeads().headsOf(grid(0, 1_000));
  expect(heads.constantText(0)).toBeUndefined();
  const text = Uint8Array.of(1);
  heads.keepConstantText(0, text);
  expect([heads.constantText(0), heads.constantText(-0)]).toEqual([text, undefined]);
  heads.keepConstantText(Number.NaN, text);
  expect([heads.constantText(0), heads.constantText(Number.NaN)]).toEqual([undefined, text]);
});
