import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areFew, isMass, nextMass, type MassCounts, type MassOutage } from './mass-outage.ts';
import { PRESENCE_DEFAULTS } from './presence-settings.ts';

const SETTINGS = PRESENCE_DEFAULTS.mass;
const BEGINNING = { sinceMs: 7, isAfterStart: false };
const OPEN: MassOutage = { ...BEGINNING, isResumed: false, fewSinceMs: null };

/** Plays looks, each `[time, hosts, recent, away]`; whether the outage is open after each. */
function play(
  mass: MassOutage | null,
  ...looks: readonly (readonly [number, number, number, number])[]
): string {
  return looks
    .map(([nowMs, hosts, recent, away]) => {
      mass = nextMass(mass, { hosts, recent, away, isUnclear: false }, nowMs, SETTINGS, BEGINNING);
      return mass === null ? '-' : 'open';
    })
    .join(' ');
}

describe('nextMass', () => {
  it('begins with more than a fifth of the hosts, and at least five', () => {
    expect(play(null, [0, 40, 8, 8], [1, 40, 9, 9])).toBe('- open');
    expect(play(null, [0, 10, 4, 4], [1, 10, 5, 5])).toBe('- open');
  });

  it('lasts after the window has moved on, until many are back for a while', () => {
    expect(play(OPEN, [3_600_000, 100, 0, 30], [3_700_000, 100, 0, 6])).toBe('open open');
    const few = [100, 0, 5] as const;
    expect(play(OPEN, [0, ...few], [119_999, ...few], [120_000, ...few])).toBe('open open -');
  });

  it('ends at once when nobody is away', () => {
    expect(play(OPEN, [0, 100, 0, 0])).toBe('-');
  });

  it('waits anew when more vanish before the few were let go', () => {
    const few = [100, 0, 3] as const;
    expect(play(OPEN, [0, ...few], [60_000, 100, 21, 24], [130_000, ...few], [250_000, ...few])).toBe(
      'open open open -',
    );
  });

  it('that an earlier run saw is not over before it is clear who is back, unless all are', () => {
    const resumed = { ...OPEN, isResumed: true, fewSinceMs: 0 };
    const few = { hosts: 100, recent: 0, away: 5, isUnclear: true };
    const next = (counts: MassCounts) => nextMass(resumed, counts, 500_000, SETTINGS, BEGINNING);
    expect(next(few)).toBe(resumed);
    expect(next({ ...few, isUnclear: false })).toBe(null);
    expect(next({ ...few, away: 0 })).toBe(null);
  });

  it('is seen in this run as soon as more vanish in it', () => {
    const resumed = { ...OPEN, isResumed: true };
    expect(
      nextMass(resumed, { hosts: 40, recent: 0, away: 30, isUnclear: true }, 0, SETTINGS, BEGINNING),
    ).toBe(resumed);
    expect(
      nextMass(resumed, { hosts: 40, recent: 9, away: 30, isUnclear: true }, 0, SETTINGS, BEGINNING)
        ?.isResumed,
    ).toBe(false);
  });

  it('never ends while many are away, never lasts when few are for long, and keeps its beginning', () => {
    const look = fc.record({
      hosts: fc.nat(60),
      recentRatio: fc.double({ min: 0, max: 1, noNaN: true }),
      awayRatio: fc.double({ min: 0, max: 1, noNaN: true }),
      afterMs: fc.nat(90_000),
    });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 40 }), (looks) => {
        let mass: MassOutage | null = null;
        let nowMs = 0;
        let fewSinceMs: number | null = null;
        for (const { hosts, recentRatio, awayRatio, afterMs } of looks) {
          nowMs += afterMs;
          const recent = Math.floor(recentRatio * hosts);
          const away = Math.max(Math.floor(awayRatio * hosts), recent);
          const counts: MassCounts = { hosts, recent, away, isUnclear: false };
          const before: MassOutage | null = mass;
          mass = nextMass(before, counts, nowMs, SETTINGS, { sinceMs: nowMs, isAfterStart: false });
          const isCalm = areFew(counts, SETTINGS) && !isMass(counts, SETTINGS);
          fewSinceMs = before === null || !isCalm ? null : (fewSinceMs ?? nowMs);
          const fewForMs = fewSinceMs === null ? 0 : nowMs - fewSinceMs;
          expect(isAllowed(before, mass, counts, fewForMs)).toBe(true);
          if (mass === null) fewSinceMs = null;
        }
      }),
    );
  });
});

/** What must hold for every look whatever came before. */
function isAllowed(
  before: MassOutage | null,
  after: MassOutage | null,
  counts: MassCounts,
  fewForMs: number,
): boolean {
  const isBeginning = isMass(counts, SETTINGS);
  if (before === null) return (after !== null) === isBeginning;
  const isOver = !isBeginning && (counts.away === 0 || fewForMs >= SETTINGS.settleMs);
  return after === null ? isOver : !isOver && after.sinceMs === before.sinceMs;
}
