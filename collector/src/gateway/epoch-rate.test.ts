import { expect, it } from 'vitest';
import { EpochRate } from './epoch-rate.ts';

it('lets an agent bring as many epochs as it has when it first connects', () => {
  const rate = new EpochRate(10);
  const epochs = Array.from({ length: 64 }, (_, index) => `e${index}`);
  expect(rate.admit('a', epochs, 0)).toBe(true);
  expect(rate.admit('a', epochs.slice(60), 1)).toBe(true);
});

it('lets eight new ones through, then one a minute, and does not mind old ones', () => {
  const rate = new EpochRate(10);
  rate.admit('a', ['e0'], 0);
  for (let i = 1; i <= 8; i++) expect(rate.admit('a', [`e${i}`], i)).toBe(true);
  expect(rate.admit('a', ['e8', 'e9'], 10)).toBe(false);
  expect(rate.admit('a', ['e8'], 10)).toBe(true);
  expect(rate.admit('b', ['x'], 10)).toBe(true);
  expect(rate.admit('a', ['e9'], 30_000)).toBe(false);
  expect(rate.admit('a', ['e9'], 61_000)).toBe(true);
  expect(rate.admit('a', ['e10'], 61_000)).toBe(false);
  rate.forget('a');
  expect(rate.admit('a', ['e10'], 61_000)).toBe(true);
});

it('lets an agent with many new ones in after a while, although it asks all the time', () => {
  const rate = new EpochRate(10);
  rate.admit('a', ['e0'], 0);
  const many = Array.from({ length: 12 }, (_, index) => `n${index}`);
  const answers = Array.from({ length: 20 }, (_, index) => rate.admit('a', many, index * 15_000));
  // Eight at once, and four minutes for the other four.
  expect(answers.indexOf(true)).toBe(16);
});
