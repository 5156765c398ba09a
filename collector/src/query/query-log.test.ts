import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { QueryLog } from './query-log.ts';

const query = (text: string) => ({ text, isRange: false, samples: () => 7 });

async function take(log: QueryLog, clock: FakeClock, durationMs: number): Promise<void> {
  const done = log.watch(query(`took ${durationMs}`), async () => clock.advance(durationMs));
  await done;
}

describe('the query log', () => {
  it('lists the slowest queries first, with what they loaded', async () => {
    const clock = new FakeClock();
    const log = new QueryLog(clock);
    for (const durationMs of [5, 30, 10]) await take(log, clock, durationMs);
    expect(
      log.slowest().map(({ text, durationMs, samples, error }) => [text, durationMs, samples, error]),
    ).toEqual([
      ['took 30', 30, 7, null],
      ['took 10', 10, 7, null],
      ['took 5', 5, 7, null],
    ]);
  });

  it('keeps fifty of the last day', async () => {
    const clock = new FakeClock();
    const log = new QueryLog(clock);
    for (let i = 1; i <= 60; i++) await take(log, clock, i);
    const durations = log.slowest().map(({ durationMs }) => durationMs);
    expect([durations.length, durations[0], durations.at(-1)]).toEqual([50, 60, 11]);
    await clock.advance(86_400_001);
    expect(log.slowest()).toEqual([]);
    await take(log, clock, 1);
    expect(log.slowest()).toHaveLength(1);
  });

  it('says what it keeps of a query, for others to keep as well', async () => {
    const clock = new FakeClock();
    const log = new QueryLog(clock);
    const finished = { isRange: false, endedMs: clock.wallMs(), samples: 0, error: null };
    for (let durationMs = 2; durationMs < 52; durationMs++)
      expect(log.note({ ...finished, text: 'slow', durationMs })).toBeDefined();
    expect(log.note({ ...finished, text: 'quick', durationMs: 1 })).toBeUndefined();
    expect(log.note({ ...finished, text: '\u001bslower', durationMs: 99 })?.text).toBe('slower');
    // Nobody asked meanwhile, and all of them are too old.
    await clock.advance(86_460_000);
    expect(log.note({ ...finished, endedMs: clock.wallMs(), text: 'quick', durationMs: 1 })).toBeDefined();
  });

  it('says why a query failed, hands the error on, and cuts and cleans long texts', async () => {
    const log = new QueryLog(new FakeClock());
    const failing = (reason: Error) =>
      log.watch(query(`\u001b${'x'.repeat(5_000)}`), () => Promise.reject(reason));
    await expect(failing(new AppError('QUERY_LIMIT', 'too much'))).rejects.toThrow('too much');
    await expect(failing(new TypeError('a bug'))).rejects.toThrow('a bug');
    expect(log.slowest().map(({ error, text }) => [error, text])).toEqual([
      ['QUERY_LIMIT', 'x'.repeat(999)],
      ['INTERNAL', 'x'.repeat(999)],
    ]);
  });
});
