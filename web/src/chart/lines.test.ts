import { expect, test } from 'vitest';
import type { MatrixSeries } from '../api/prometheus.ts';
import { LINES_MAX, heightsOf, linesOf, summaryOf } from './lines.ts';
import type { Line } from './lines.ts';
import type { Panel } from './panels.ts';

const timeline = { startS: 0, endS: 40, stepS: 10 };

function series(labels: Record<string, string>, ...values: readonly (number | null)[]): MatrixSeries {
  const points = values.flatMap((value, index) => (value === null ? [] : [[index * 10, value] as const]));
  return { labels, points };
}

function panel(...traces: Panel['traces']): Panel {
  return { id: 'p', title: 'P', unit: 'number', isStacked: false, reach: 0, traces };
}

const byDevice = { kind: 'by-label', label: 'device', firstValues: ['sdb'], query: () => 'up' } as const;
const single = { kind: 'line', name: 'load', colour: 3, query: () => 'up' } as const;

test('draws one line per value of the label, the known ones first', () => {
  const answer = [series({ device: 'sdc' }, 1), series({ device: 'sda' }, 2), series({ device: 'sdb' }, 3)];
  const { lines } = linesOf(panel(byDevice), [answer], timeline);
  expect(lines.map((line) => [line.name, line.colour])).toEqual([
    ['sdb', 1],
    ['sda', 2],
    ['sdc', 3],
  ]);
});

test('leaves out series that have no value in the range', () => {
  const { lines } = linesOf(
    panel(byDevice, single),
    [[series({ device: 'sda' }, null, Number.NaN)], []],
    timeline,
  );
  expect(lines).toEqual([]);
});

test('takes the missing label and a label named like a property of objects as text', () => {
  const trace = { ...byDevice, label: 'constructor' } as const;
  const { lines } = linesOf(panel(trace), [[series({}, 1)]], timeline);
  expect(lines.map((line) => line.name)).toEqual(['']);
});

test('keeps the highest of too many lines and says how many it left out', () => {
  const answer = Array.from({ length: LINES_MAX + 3 }, (_one, index) =>
    series({ device: `d${index}` }, index),
  );
  const { lines, omittedCount } = linesOf(panel(byDevice), [answer], timeline);
  expect(omittedCount).toBe(3);
  expect(lines).toHaveLength(LINES_MAX);
  expect(lines.map((line) => line.name)).not.toContain('d2');
});

function line(...values: readonly (number | null)[]): Line {
  return { name: 'x', colour: 1, isNegative: false, isFilled: false, values };
}

test('sums up a line, and does not pass an old value off as the latest', () => {
  expect(summaryOf(line(4, null, 1, 2, null))).toEqual({ latest: 2, min: 1, max: 4 });
  expect(summaryOf(line(4, 1, null, null, null))).toEqual({ latest: null, min: 1, max: 4 });
  expect(summaryOf(line(null))).toEqual({ latest: null, min: null, max: null });
});

test('piles lines up and keeps the gap where all are missing', () => {
  expect(heightsOf([line(1, null, 3), line(1, null, null)], true)).toEqual([
    [1, null, 3],
    [2, null, 3],
  ]);
});

test('draws below zero without making a negative zero', () => {
  const sent = { ...line(5, 0, null), isNegative: true };
  expect(heightsOf([sent], false)).toEqual([[-5, 0, null]]);
});
