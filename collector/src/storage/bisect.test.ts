import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeBisecting, type Attempt } from './bisect.ts';

describe('writeBisecting', () => {
  it('writes every good item once and puts every bad one aside', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 64 }), async (goods) => {
        const items = goods.map((isGood, at) => ({ isGood, at }));
        const stored: number[] = [];
        let requests = 0;
        const result = await writeBisecting(items, (part): Promise<Attempt> => {
          requests++;
          if (part.some(({ isGood }) => !isGood)) return Promise.resolve({ kind: 'poison', text: 'bad' });
          stored.push(...part.map(({ at }) => at));
          return Promise.resolve({ kind: 'written' });
        });
        expect(result.kind).toBe('written');
        expect(stored).toEqual(items.filter(({ isGood }) => isGood).map(({ at }) => at));
        const refused = result.kind === 'written' ? result.refused.map(({ item }) => item?.at) : [];
        expect(refused).toEqual(items.filter(({ isGood }) => !isGood).map(({ at }) => at));
        expect(requests).toBeLessThanOrEqual(Math.max(0, 2 * items.length));
      }),
    );
  });

  it('counts what the store dropped without saying which', async () => {
    const result = await writeBisecting([1, 2, 3], () =>
      Promise.resolve({ kind: 'written', refusedCount: 2, text: 'dropped=2' }),
    );
    expect(result).toEqual({
      kind: 'written',
      refused: [{ item: undefined, text: 'dropped=2', count: 2 }],
    });
  });

  it.each<Attempt>([
    { kind: 'retry', error: 'away', retryAfterMs: 5 },
    { kind: 'blocked', error: 'no rights' },
  ])('ends with $kind as soon as one part does', async (ending) => {
    const outcomes: Attempt[] = [{ kind: 'poison', text: 'bad' }, ending];
    const result = await writeBisecting([1, 2], () =>
      Promise.resolve(outcomes.shift() ?? { kind: 'written' }),
    );
    expect(result).toEqual(ending);
  });

  it('sends nothing for nothing', async () => {
    await expect(writeBisecting([], () => Promise.reject(new Error('sent')))).resolves.toEqual({
      kind: 'written',
      refused: [],
    });
  });
});
