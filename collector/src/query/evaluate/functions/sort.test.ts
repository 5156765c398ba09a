import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../../storage/labels.ts';
import { ONE_PRESENT } from '../columns.ts';
import type { Column } from '../columns.ts';
import { Pacer } from '../evaluation.ts';
import { compareNatural, sortedByLabels } from './sort.ts';

/** The same order, by the pieces of both texts. */
function comparePieces(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => text.match(/\d+|./gsu) ?? []);
  for (const [i, own] of (a ?? []).entries()) {
    const other = b?.[i];
    if (other === undefined) return 1;
    const areDigits = /^\d/.test(own) && /^\d/.test(other);
    const order = areDigits ? Number(own) - Number(other) : compareUtf8(own, other);
    if (order !== 0) return order;
  }
  return a?.length === b?.length ? compareUtf8(left, right) : -1;
}

const texts = fc.string({
  unit: fc.constantFrom('0', '1', '9', '10', 'a', 'b', '-', 'ä', '\uffee', '😀'),
  maxLength: 8,
});

describe('natural order', () => {
  it('is that of the pieces', () => {
    fc.assert(
      fc.property(texts, texts, (left, right) => {
        expect(Math.sign(compareNatural(left, right))).toBe(Math.sign(comparePieces(left, right)));
      }),
    );
  });

  it('is the one that series are sorted by, either way round', async () => {
    const signal = new AbortController().signal;
    const pacer = new Pacer({ clock: systemClock, yieldTurn: () => Promise.resolve(), signal });
    const names = ['a', 'b'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ a: texts, b: texts, c: texts })),
        fc.boolean(),
        async (sets, isDescending) => {
          const columns: readonly Column[] = sets.map((set) => ({
            labels: Labels.of(set),
            values: new Float64Array(1),
            present: ONE_PRESENT,
            isNameMarked: false,
          }));
          const sign = isDescending ? -1 : 1;
          const expected = columns.toSorted((left, right) => {
            for (const name of names) {
              const order = comparePieces(left.labels.get(name), right.labels.get(name));
              if (order !== 0) return sign * order;
            }
            return sign * Labels.compare(left.labels, right.labels);
          });
          const sorted = await sortedByLabels(columns, { names, isDescending }, pacer);
          expect(sorted.map((one) => columns.indexOf(one))).toEqual(
            expected.map((one) => columns.indexOf(one)),
          );
        },
      ),
    );
  });

  it('gives way while long labels are compared', async () => {
    let turns = 0;
    let nowMs = 0;
    const yieldTurn = (): Promise<void> => {
      turns++;
      return Promise.resolve();
    };
    const signal = new AbortController().signal;
    // At each look at the clock so much time has passed that others have their turn.
    const clock = { ...systemClock, monoMs: () => (nowMs += 1_000) };
    const pacer = new Pacer({ clock, yieldTurn, signal });
    const long = 'x'.repeat(20_000);
    const columns: readonly Column[] = Array.from({ length: 20 }, (_, i) => ({
      labels: Labels.of({ a: `${long}${20 - i}` }),
      values: Float64Array.of(i),
      present: ONE_PRESENT,
      isNameMarked: false,
    }));
    const sorted = await sortedByLabels(columns, { names: ['a'], isDescending: false }, pacer);
    expect(sorted[0]?.labels.get('a')).toBe(`${long}1`);
    expect(turns).toBeGreaterThanOrEqual(columns.length - 1);
  });
});
