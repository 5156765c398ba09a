import { AppError } from '@rollcall/shared/lib/errors.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarOf, type Schedule } from './schedule.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function recurring(changes: Partial<Schedule & { kind: 'recurring' }> = {}): Schedule {
  return {
    kind: 'recurring',
    firstLocal: '2026-01-01T02:30',
    timeZone: 'Europe/Berlin',
    rule: 'FREQ=DAILY',
    durationMs: HOUR_MS,
    ...changes,
  };
}

/** The beginnings of what is open within the days, as `MM-DDTHH:MM` in UTC. */
function starts(schedule: Schedule, from: string, to: string): readonly string[] {
  return calendarOf(schedule)
    .spansBetween(Date.parse(from), Date.parse(to))
    .map(({ startsMs }) => new Date(startsMs).toISOString().slice(5, 16));
}

function refusal(schedule: Schedule): string {
  try {
    calendarOf(schedule);
  } catch (error) {
    if (error instanceof AppError && error.code === 'BAD_REQUEST') return error.message;
    throw error;
  }
  return 'accepted';
}

describe('a recurring window', () => {
  it('begins at the same local time before and after clocks go forward, also in that night (Berlin)', () => {
    // 2026-03-29: 02:00 becomes 03:00; 02:30 does not exist.
    expect(starts(recurring(), '2026-03-28T00:00Z', '2026-03-31T00:00Z')).toEqual([
      '03-28T01:30',
      '03-29T01:30',
      '03-30T00:30',
    ]);
  });

  it('begins once, the first time, when a local time comes twice (Berlin)', () => {
    // 2026-10-25: 03:00 becomes 02:00; 02:30 comes twice.
    expect(starts(recurring(), '2026-10-24T00:00Z', '2026-10-27T00:00Z')).toEqual([
      '10-24T00:30',
      '10-25T00:30',
      '10-26T01:30',
    ]);
  });

  it('does the same in New York', () => {
    const schedule = recurring({ timeZone: 'America/New_York', rule: 'FREQ=WEEKLY;BYDAY=SU' });
    expect(starts(schedule, '2026-03-01T00:00Z', '2026-03-16T00:00Z')).toEqual([
      '03-01T07:30',
      // 02:30 does not exist on 2026-03-08.
      '03-08T07:30',
      '03-15T06:30',
    ]);
    expect(starts(schedule, '2026-10-25T00:00Z', '2026-11-09T00:00Z')).toEqual([
      '10-25T06:30',
      '11-01T07:30',
      '11-08T07:30',
    ]);
  });

  it('lasts its duration in real time, also over a change of clocks', () => {
    const calendar = calendarOf(recurring({ firstLocal: '2026-01-01T01:00', durationMs: 4 * HOUR_MS }));
    const [span] = calendar.spansBetween(Date.parse('2026-03-29T01:00Z'), Date.parse('2026-03-29T01:01Z'));
    expect(span).toEqual({
      startsMs: Date.parse('2026-03-29T00:00Z'),
      endsMs: Date.parse('2026-03-29T04:00Z'),
    });
  });

  it('is found while it is open, and named as the next one before', () => {
    const calendar = calendarOf(recurring({ durationMs: 2 * HOUR_MS }));
    const openMs = Date.parse('2026-06-10T00:30Z');
    for (const [atMs, startsMs] of [
      [openMs - 1, openMs],
      [openMs, openMs],
      [openMs + 2 * HOUR_MS - 1, openMs],
      [openMs + 2 * HOUR_MS, openMs + DAY_MS],
    ] as const) {
      expect(calendar.currentOrNext(atMs)?.startsMs).toBe(startsMs);
    }
  });

  it('ends with COUNT and UNTIL', () => {
    const last = (rule: string): unknown =>
      calendarOf(recurring({ rule })).currentOrNext(Date.parse('2026-02-01T00:00Z'));
    expect(last('FREQ=DAILY;COUNT=3')).toBeUndefined();
    expect(last('FREQ=DAILY;UNTIL=20260115T023000')).toBeUndefined();
    expect(last('FREQ=DAILY')).toBeDefined();
  });

  it('may be the second Tuesday of the month, in a zone with half hours', () => {
    const schedule = recurring({ rule: 'FREQ=MONTHLY;BYDAY=2TU', timeZone: 'Asia/Kolkata' });
    expect(starts(schedule, '2026-01-01T00:00Z', '2026-03-31T00:00Z')).toEqual([
      '01-12T21:00',
      '02-09T21:00',
      '03-09T21:00',
    ]);
  });

  it('is open each day for exactly its duration, wherever and whenever one looks', () => {
    const zones = fc.constantFrom(
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'UTC',
      'Pacific/Apia',
    );
    const minute = fc.integer({ min: 0, max: 24 * 60 - 1 });
    const day = fc.integer({ min: 0, max: 730 });
    fc.assert(
      fc.property(zones, minute, day, (timeZone, minuteOfDay, dayOffset) => {
        const hh = String(Math.floor(minuteOfDay / 60)).padStart(2, '0');
        const mm = String(minuteOfDay % 60).padStart(2, '0');
        const calendar = calendarOf(recurring({ timeZone, firstLocal: `2026-01-01T${hh}:${mm}` }));
        const fromMs = Date.UTC(2026, 0, 3) + dayOffset * DAY_MS;
        const spans = calendar.spansBetween(fromMs, fromMs + 5 * DAY_MS);
        // Five days hold five or six beginnings or ends; a change of clocks moves none of them by more than an hour.
        expect(spans.length).toBeGreaterThanOrEqual(5);
        expect(spans.length).toBeLessThanOrEqual(6);
        const pausesMs = spans.slice(1).map(({ startsMs }, i) => startsMs - (spans[i]?.startsMs ?? 0));
        expect(spans.every(({ startsMs, endsMs }) => endsMs - startsMs === HOUR_MS)).toBe(true);
        expect(pausesMs.every((pauseMs) => Math.abs(pauseMs - DAY_MS) <= HOUR_MS)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a schedule', () => {
  it('is open once, from its beginning to before its end', () => {
    const calendar = calendarOf({ kind: 'once', startsMs: 1_000, endsMs: 2_000 });
    expect([999, 1_000, 1_999, 2_000].map((atMs) => calendar.spansBetween(atMs, atMs + 1).length)).toEqual([
      0, 1, 1, 0,
    ]);
    expect(calendar.currentOrNext(2_000)).toBeUndefined();
  });

  it.each([
    [{ rule: 'FREQ=SECONDLY' }, 'FREQ DAILY, WEEKLY, MONTHLY or YEARLY'],
    [{ rule: '' }, 'must be a rule such as'],
    [{ rule: 'FREQ=DAILY;BYDAY=XX' }, 'BYDAY'],
    [{ rule: 'FREQ=DAILY\nDTSTART:20260101T000000' }, 'must be a rule such as'],
    [{ rule: 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30' }, 'gives no occurrence'],
    [{ timeZone: 'Europe/Atlantis' }, '"Europe/Atlantis": must be an IANA name'],
    [{ timeZone: '' }, 'must be an IANA name'],
    [{ firstLocal: '2026-02-30T00:00' }, 'must be a local time'],
    [{ firstLocal: '2026-01-01T00:00Z' }, 'must be a local time'],
    [{ durationMs: 1_000 }, 'must be from 1 minute to 31 days'],
    [{ durationMs: Number.NaN }, 'must be from 1 minute to 31 days'],
  ])('%j is refused with what is wrong', (changes, problem) => {
    expect(refusal(recurring(changes))).toContain(problem);
  });

  it('is refused when it ends before it begins, or lasts for ever', () => {
    expect(refusal({ kind: 'once', startsMs: 5, endsMs: 5 })).toContain('endsAt must be after startsAt');
    expect(refusal({ kind: 'once', startsMs: 0, endsMs: 32 * DAY_MS })).toContain('31 days');
  });
});
