import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BOOT_TIMES_MAX,
  decodeBootTimes,
  encodeBootTimes,
  measureBootTime,
  takenMs,
  withBootTime,
  type BootTime,
} from './boot-time.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const bootedMs = Date.UTC(2026, 0, 1);

/** Measured at `bootMs`, of a machine that booted so much later than `bootedMs`. */
function at(bootMs: number, change: { readonly laterMs?: number; readonly errorMs?: number } = {}): BootTime {
  const { laterMs = 0, errorMs = 30 } = change;
  return { bootMs, startMs: bootedMs + laterMs, errorMs };
}

describe('measureBootTime', () => {
  test('takes the middle between question and answer, also when it is asked for later', () => {
    const reading = { bootId: 'b', bootMs: 60_000, askedMonoMs: 1_000, answeredMonoMs: 1_400 };
    const measured = measureBootTime(reading, { wallMs: bootedMs + 65_200, monoMs: 6_400 });
    expect(measured).toEqual({ bootMs: 60_000, startMs: bootedMs, errorMs: 220 });
  });

  test('is not off by more than it says, whatever the network takes either way', () => {
    const ms = fc.integer({ min: 0, max: 10_000 });
    fc.assert(
      fc.property(ms, ms, ms, fc.nat(400 * DAY_MS), (toMs, backMs, waitMs, bootMs) => {
        const askedMonoMs = 5_000;
        const readMonoMs = askedMonoMs + toMs;
        const answeredMonoMs = readMonoMs + backMs;
        const wallAt = (monoMs: number): number => bootedMs + bootMs + monoMs - readMonoMs;
        const monoMs = answeredMonoMs + waitMs;
        const reading = { bootId: 'b', bootMs, askedMonoMs, answeredMonoMs };
        const { startMs, errorMs } = measureBootTime(reading, { wallMs: wallAt(monoMs), monoMs });
        expect(Math.abs(startMs - bootedMs)).toBeLessThanOrEqual(errorMs);
      }),
    );
  });
});

describe('withBootTime', () => {
  test('keeps the more exact one of two that agree', () => {
    const good = at(HOUR_MS);
    const bad = at(HOUR_MS + 1_000, { laterMs: 400, errorMs: 500 });
    expect(withBootTime([good], bad)).toEqual([good]);
    expect(withBootTime([bad], good)).toEqual([good]);
  });

  test('takes a new one when the old one may have drifted by more than its error', () => {
    const fresh = at(2 * DAY_MS, { laterMs: 900, errorMs: 500 });
    expect(withBootTime([at(HOUR_MS)], fresh)).toEqual([fresh]);
  });

  test('keeps both when they contradict each other, and no more than its limit', () => {
    const times = Array.from({ length: 20 }, (_, index) => at(index * 1_000, { laterMs: index * HOUR_MS }));
    let known: readonly BootTime[] = [];
    for (const time of times) known = withBootTime(known, time);
    expect(known).toEqual(times.slice(-BOOT_TIMES_MAX));
  });
});

describe('takenMs', () => {
  const record = (bootMs: number, wallErrorMs = 0): { wallMs: number; bootMs: number } => ({
    wallMs: bootedMs + bootMs + wallErrorMs,
    bootMs,
  });

  test.each([
    ['nothing was measured', [], 5 * HOUR_MS, record(HOUR_MS, 5 * HOUR_MS).wallMs],
    ['the wall clock is a little off', [at(HOUR_MS)], 1_900, record(HOUR_MS, 1_900).wallMs],
    ['the wall clock is off', [at(HOUR_MS)], 2_100, record(HOUR_MS).wallMs],
    ['the machine believes in 1970', [at(HOUR_MS)], -bootedMs, record(HOUR_MS).wallMs],
    ['the wall clock is years ahead', [at(HOUR_MS)], 4_000 * DAY_MS, record(HOUR_MS).wallMs],
    [
      'the measurement was too rough',
      [at(HOUR_MS, { errorMs: 5_000 })],
      6_000,
      record(HOUR_MS, 6_000).wallMs,
    ],
    ['the boot clock may have drifted', [at(11 * HOUR_MS)], 15_000, record(HOUR_MS, 15_000).wallMs],
  ])('when %s', (_when, bootTimes, wallErrorMs, expected) => {
    expect(takenMs(record(HOUR_MS, wallErrorMs), bootTimes)).toBe(expected);
  });

  test('believes a wall clock that one of its neighbours confirms', () => {
    // The virtual machine was paused for an hour somewhere between the two.
    const paused = [at(HOUR_MS), at(3 * HOUR_MS, { laterMs: HOUR_MS })];
    const before = record(2 * HOUR_MS);
    const after = record(2 * HOUR_MS + 1, HOUR_MS);
    expect([takenMs(before, paused), takenMs(after, paused)]).toEqual([before.wallMs, after.wallMs]);
    // Afterwards the clock that nobody corrected is wrong.
    expect(takenMs(record(4 * HOUR_MS), paused)).toBe(bootedMs + 5 * HOUR_MS);
  });

  test('is never negative', () => {
    expect(takenMs({ wallMs: bootedMs, bootMs: 0 }, [{ bootMs: 10, startMs: -5_000, errorMs: 0 }])).toBe(0);
  });

  test('is off by no more than the clocks may be, wherever the wall clock goes', () => {
    const steps = fc.array(
      fc.record({ afterMs: fc.integer({ min: 1, max: 60_000 }), errorMs: fc.integer() }),
    );
    fc.assert(
      fc.property(steps, (ticks) => {
        let bootMs = 0;
        for (const { afterMs, errorMs } of ticks) {
          bootMs += afterMs;
          const wallMs = Math.max(0, bootedMs + bootMs + errorMs);
          const offMs = Math.abs(takenMs({ wallMs, bootMs }, [at(0)]) - bootedMs - bootMs);
          expect(offMs).toBeLessThanOrEqual(2_000 + 30 + bootMs * 0.0005);
        }
      }),
    );
  });
});

describe('the form in the database', () => {
  test('gives back what was written', () => {
    const times = [at(0), at(HOUR_MS, { laterMs: -HOUR_MS, errorMs: 7 })];
    expect(decodeBootTimes(encodeBootTimes(times))).toEqual(times);
    expect(decodeBootTimes(encodeBootTimes([]))).toEqual([]);
  });

  test.each([null, undefined, 7, '', '{', '{}', '[1,2', '["a",1,2]', '[1.5,2,3]', '[1,2,1e400]'])(
    'takes %j for nothing',
    (value) => {
      expect(decodeBootTimes(value)).toEqual([]);
    },
  );
});
