import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { WHOLE_LIST_ROWS_MAX, slotsOf, windowOf } from './window.ts';

const view = { rowCount: 1000, rowHeightPx: 36, topPx: 200, viewportPx: 900 };

test('renders short lists as a whole', () => {
  expect(windowOf({ ...view, rowCount: WHOLE_LIST_ROWS_MAX, topPx: -100_000 })).toEqual({
    first: 0,
    end: WHOLE_LIST_ROWS_MAX,
  });
  expect(windowOf({ ...view, rowCount: 0 })).toEqual({ first: 0, end: 0 });
});

test('covers what is visible and some more', () => {
  expect(windowOf(view)).toEqual({ first: 0, end: 32 });
  expect(windowOf({ ...view, topPx: -18_000 })).toEqual({ first: 488, end: 536 });
  expect(windowOf({ ...view, topPx: -1_000_000 })).toEqual({ first: 1000, end: 1000 });
});

test('never renders more than the viewport needs', () => {
  const anyView = fc.record({
    rowCount: fc.integer({ min: WHOLE_LIST_ROWS_MAX + 1, max: 100_000 }),
    rowHeightPx: fc.integer({ min: 10, max: 300 }),
    topPx: fc.integer({ min: -10_000_000, max: 10_000 }),
    viewportPx: fc.integer({ min: 0, max: 4000 }),
  });
  fc.assert(
    fc.property(anyView, (any) => {
      const { first, end } = windowOf(any);
      expect(end - first).toBeLessThanOrEqual(any.viewportPx / any.rowHeightPx + 2 + 2 * (10 + 4));
      const firstVisible = Math.floor(-any.topPx / any.rowHeightPx);
      const isInList = firstVisible >= 0 && firstVisible < any.rowCount;
      expect(!isInList || (first <= firstVisible && firstVisible < end)).toBe(true);
    }),
  );
});

test('keeps the focused row wherever it is', () => {
  expect(slotsOf(10, { first: 4, end: 6 }, 1)).toEqual([
    { kind: 'gap', rowCount: 1 },
    { kind: 'row', index: 1 },
    { kind: 'gap', rowCount: 2 },
    { kind: 'row', index: 4 },
    { kind: 'row', index: 5 },
    { kind: 'gap', rowCount: 4 },
  ]);
});

test('always stands for the whole list, each row once', () => {
  fc.assert(
    fc.property(
      fc.nat(300),
      fc.nat(300),
      fc.nat(300),
      fc.integer({ min: -1, max: 350 }),
      (count, a, b, kept) => {
        const window = { first: Math.min(a, b, count), end: Math.min(Math.max(a, b), count) };
        const slots = slotsOf(count, window, kept);
        const height = slots.reduce((sum, slot) => sum + (slot.kind === 'row' ? 1 : slot.rowCount), 0);
        expect(height).toBe(count);
        const indexes = slots.flatMap((slot) => (slot.kind === 'row' ? [slot.index] : []));
        expect(indexes).toEqual([...new Set(indexes)].sort((x, y) => x - y));
      },
    ),
  );
});
