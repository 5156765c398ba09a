import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import { Notes, NOTES_MAX } from './evaluation.ts';
import { createQueryEngine } from '../query.ts';

const PLACE = { start: 0, end: 1 };

describe('notes', () => {
  it('are kept up to a number, and of more only how many there were', () => {
    const notes = new Notes('m');
    let made = 0;
    for (let i = 0; i < 3 * NOTES_MAX; i++) {
      const message = (): string => `${made++}`;
      notes.warn(PLACE, message);
      notes.inform(PLACE, message);
    }
    expect(made).toBe(2 * NOTES_MAX);
    expect(notes.warnings).toHaveLength(NOTES_MAX + 1);
    expect(notes.warnings.at(-1)).toBe(`${2 * NOTES_MAX} more warning annotations omitted`);
    expect(notes.infos.at(-1)).toBe(`${2 * NOTES_MAX} more info annotations omitted`);
  });

  it.each([
    'histogram_quantile(time(), nothing)',
    'quantile_over_time(time(), vector(1)[2s:1s])',
    'quantile(time(), vector(1))',
  ])('are bounded where each step of %s has another quantile', async (inner) => {
    const engine = createQueryEngine({ storage: new MemoryStorage(), clock: systemClock });
    const query = `max_over_time(${inner}[5000s:1s])`;
    const { warnings } = await engine.instant(query, { timeMs: 1.7e12 }, new AbortController().signal);
    expect(warnings).toHaveLength(NOTES_MAX + 1);
    expect(warnings.at(-1)).toBe(`${5_000 - NOTES_MAX} more warning annotations omitted`);
  });

  it('warn once of one quantile at all steps', async () => {
    const storage = new MemoryStorage();
    await storage.append([{ labels: Labels.of({ __name__: 'm' }), samples: [{ timeMs: 0, value: 1 }] }]);
    const engine = createQueryEngine({ storage, clock: systemClock });
    const range = { startMs: 0, endMs: 500, stepMs: 1 };
    const { warnings } = await engine.range('quantile(NaN, m)', range, new AbortController().signal);
    expect(warnings).toEqual(['PromQL warning: quantile value should be between 0 and 1, got NaN (1:10)']);
  });
});
