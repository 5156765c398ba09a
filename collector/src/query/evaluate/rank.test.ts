import { systemClock } from '@rollcall/shared/lib/clock.ts';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import { createQueryEngine } from '../query.ts';

const NEVER = new AbortController().signal;

/** An engine over series `m{i="0000"}` and so on. */
async function engineOver(values: readonly number[]) {
  const storage = new MemoryStorage();
  await storage.append(
    values.map((value, i) => ({
      labels: Labels.of({ __name__: 'm', i: `${i}`.padStart(4, '0') }),
      samples: [{ timeMs: 0, value }],
    })),
  );
  return createQueryEngine({ storage, clock: systemClock });
}

it.each([1, 1_999, 2_001, 2_099, 1_000_000])(
  'topk of %d of many series gives the best, of equal ones the earlier',
  async (count) => {
    const value = fc.constantFrom(1, 2, 3, NaN, Infinity, -Infinity, 0.5, 7);
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 2_100, maxLength: 2_100 }), async (values) => {
        const engine = await engineOver(values);
        for (const [operator, sign] of [
          ['topk', -1],
          ['bottomk', 1],
        ] as const) {
          const best = [...values.keys()]
            .toSorted((left, right) => {
              const [a, b] = [values[left] ?? 0, values[right] ?? 0];
              if (Number.isNaN(a) || Number.isNaN(b))
                return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
              return a === b ? 0 : sign * (a < b ? -1 : 1);
            })
            .slice(0, count);
          const instant = await engine.instant(`${operator}(${count}, m)`, { timeMs: 0 }, NEVER);
          if (instant.value.kind !== 'vector') throw new TypeError(instant.value.kind);
          expect(instant.value.samples.map(({ labels }) => Number(labels.get('i')))).toEqual(best);
          const times = { startMs: 0, endMs: 1, stepMs: 1 };
          const range = await engine.range(`${operator}(${count}, m)`, times, NEVER);
          if (range.value.kind !== 'matrix') throw new TypeError(range.value.kind);
          expect(range.value.series.map(({ labels }) => Number(labels.get('i')))).toEqual(
            best.toSorted((left, right) => left - right),
          );
        }
      }),
      { numRuns: 2 },
    );
  },
);

it('scalar is the value where exactly one series has one', async () => {
  const engine = await engineOver([1, 2, 3]);
  const valueOf = async (query: string): Promise<string> => {
    const { value } = await engine.instant(query, { timeMs: 0 }, NEVER);
    return value.kind === 'scalar' ? String(value.value) : value.kind;
  };
  expect(await valueOf('scalar(m)')).toBe('NaN');
  expect(await valueOf('scalar(m == 2)')).toBe('2');
  expect(await valueOf('scalar(m > 1)')).toBe('NaN');
  expect(await valueOf('scalar(m > 3)')).toBe('NaN');
});
