import { expect, it } from 'vitest';
import { SampleBudget, SamplePool } from './evaluation.ts';

it('says whether a query alone is over the limit or all that run are, and gives everything back', () => {
  const pool = new SamplePool(100);
  const [one, other] = [new SampleBudget(100, pool), new SampleBudget(100, pool)];
  one.load(40);
  one.hold(30);
  expect(() => one.hold(31)).toThrow(/^query processing would load too many samples/);
  expect(() => other.load(31)).toThrow(/^the queries that run now hold more than 100 samples/);
  expect([one.left, other.left]).toEqual([30, 30]);
  one.letGo(30);
  expect([one.left, other.left]).toEqual([60, 60]);
  one.hold(20);
  one.release();
  // One side of a query may go on when another has failed.
  one.letGo(20);
  expect(() => one.load(1)).toThrow('query was canceled');
  one.release();
  other.release();
  expect(pool.left).toBe(100);
});
