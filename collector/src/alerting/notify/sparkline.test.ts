import { expect, it } from 'vitest';
import { sparkline } from './sparkline.ts';

it.each([
  [[], ''],
  [[null, null], ''],
  [[0, 1, 2, 3, 4, 5, 6, 7], '▁▂▃▄▅▆▇█'],
  [[-1, null, 1], '▁ █'],
  [[5, 5], '▅▅'],
])('draws %j as "%s"', (values, expected) => {
  expect(sparkline(values)).toBe(expected);
});
