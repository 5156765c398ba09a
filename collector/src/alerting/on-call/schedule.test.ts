import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onCallAt, personOf, shiftsBetween, type Layer, type Schedule, type Shift } from './schedule.ts';
import { instantOf, isTimeZone, wallTimeOf } from './zone.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ALL_DAYS = new Set([0, 1, 2, 3, 4, 5, 6]);

const at = (text: string): number => Date.parse(text);

function layer(over: Partial<Layer> = {}): Layer {
  return {
    name: 'turns',
    people: ['anna', 'ben', 'cem'],
    startWallMs: at('2026-01-05T09:00Z'),
    shiftMs: 7 * DAY_MS,
    hours: [],
    ...over,
  };
}

function schedule(over: Partial<Schedule> = {}): Schedule {
  return { name: 'primary', timeZone: 'Europe/Berlin', layers: [layer()], overrides: [], ...over };
}

/** Shifts that are empty, or do not begin where the one before ends. */
function seams(shifts: readonly Shift[]): readonly Shift[] {
  return shifts.filter(({ fromMs, toMs }, i) => toMs <= fromMs || (i > 0 && shifts[i - 1]?.toMs !== fromMs));
}

describe('turns', () => {
  it.each([
    // Winter: nine in Berlin is eight in UTC.
    ['2026-01-05T07:59:59.999Z', 'cem'],
    ['2026-01-05T08:00Z', 'anna'],
    ['2026-01-12T08:00Z', 'ben'],
    ['2026-01-26T08:00Z', 'anna'],
    // Summer: nine in Berlin is seven in UTC.
    ['2026-03-30T06:59:59.999Z', 'cem'],
    ['2026-03-30T07:00Z', 'anna'],
    // And winter again.
    ['2026-10-26T07:59:59.999Z', 'cem'],
    ['2026-10-26T08:00Z', 'anna'],
    // Before the start the turns are the same.
    ['2025-12-29T08:00Z', 'cem'],
  ])('at %s it is %s', (time, person) => {
    expect(onCallAt(schedule(), at(time))).toBe(person);
  });

  it.each([
    // A day of 23 hours, one of 25, and both on the other side of the ocean.
    ['Europe/Berlin', '2026-03-28T08:00Z', '2026-03-29T07:00Z'],
    ['Europe/Berlin', '2026-10-24T07:00Z', '2026-10-25T08:00Z'],
    ['America/New_York', '2026-03-07T14:00Z', '2026-03-08T13:00Z'],
    ['America/New_York', '2026-10-31T13:00Z', '2026-11-01T14:00Z'],
  ])('in %s a day goes from %s to %s when the clocks change', (timeZone, from, to) => {
    const daily = schedule({ timeZone, layers: [layer({ shiftMs: DAY_MS })] });
    const [first, second] = shiftsBetween(daily, at(from), at(to) + HOUR_MS);
    expect(first).toMatchObject({ fromMs: at(from), toMs: at(to) });
    expect(second?.fromMs).toBe(at(to));
    expect(second?.person).not.toBe(first?.person);
  });

  it('hands over once where the time of handover comes twice, and also where it is left out', () => {
    const nightly = schedule({ layers: [layer({ shiftMs: DAY_MS, startWallMs: at('2026-01-05T02:30Z') })] });
    const autumn = shiftsBetween(nightly, at('2026-10-24T12:00Z'), at('2026-10-25T12:00Z'));
    expect(autumn.map(({ fromMs }) => fromMs).slice(1)).toEqual([at('2026-10-25T00:30Z')]);
    const spring = shiftsBetween(nightly, at('2026-03-28T12:00Z'), at('2026-03-29T12:00Z'));
    expect(spring.map(({ fromMs }) => fromMs).slice(1)).toEqual([at('2026-03-29T01:30Z')]);
  });

  it('bears a zone that left out a whole day', () => {
    const samoa = schedule({
      timeZone: 'Pacific/Apia',
      layers: [layer({ shiftMs: 12 * HOUR_MS, startWallMs: at('2011-12-26T09:00Z') })],
    });
    const shifts = shiftsBetween(samoa, at('2011-12-29T00:00Z'), at('2012-01-02T00:00Z'));
    expect(seams(shifts)).toEqual([]);
    expect(shifts.length).toBeGreaterThan(3);
  });
});

describe('layers, hours and overrides', () => {
  const nights = { days: new Set([4]), fromMs: 22 * HOUR_MS, toMs: 6 * HOUR_MS };
  const layered = schedule({
    layers: [
      layer({ people: ['anna'] }),
      layer({ name: 'friday nights', people: ['nora'], hours: [nights] }),
    ],
    overrides: [
      { person: 'ben', fromMs: at('2026-05-08T20:00Z'), toMs: at('2026-05-08T21:00Z') },
      { person: 'cem', fromMs: at('2026-05-08T20:30Z'), toMs: at('2026-05-08T20:45Z') },
    ],
  });

  it('lets the later one go before, and hours run over midnight', () => {
    const shifts = shiftsBetween(layered, at('2026-05-08T00:00Z'), at('2026-05-10T00:00Z'));
    expect(
      shifts.map(({ person, toMs }) => `${person} ${new Date(toMs).toISOString().slice(8, 16)}`),
    ).toEqual([
      'anna 08T20:00',
      'ben 08T20:30',
      'cem 08T20:45',
      'ben 08T21:00',
      'nora 09T04:00',
      'anna 10T00:00',
    ]);
  });

  it('has an honest gap where no layer counts', () => {
    const weekdays = { days: new Set([0, 1, 2, 3, 4]), fromMs: 9 * HOUR_MS, toMs: 17 * HOUR_MS };
    const office = schedule({ layers: [layer({ hours: [weekdays] })] });
    expect(onCallAt(office, at('2026-05-09T10:00Z'))).toBeNull();
    expect(onCallAt(office, at('2026-05-08T14:59Z'))).not.toBeNull();
    expect(onCallAt(office, at('2026-05-08T15:00Z'))).toBeNull();
    expect(shiftsBetween(office, at('2026-05-09T00:00Z'), at('2026-05-10T00:00Z'))).toEqual([]);
  });

  it('counts hours of a whole day as the day that it is, also when the clocks change', () => {
    const sundays = { days: new Set([6]), fromMs: 0, toMs: DAY_MS };
    const sunday = schedule({ layers: [layer({ people: ['sue'], hours: [sundays] })] });
    const lengths = ['2026-03-28', '2026-10-24', '2026-05-09'].map((day) => {
      const [shift] = shiftsBetween(sunday, at(`${day}T12:00Z`), at(`${day}T12:00Z`) + 2 * DAY_MS);
      return shift === undefined ? 0 : (shift.toMs - shift.fromMs) / HOUR_MS;
    });
    expect(lengths).toEqual([23, 25, 24]);
  });
});

const zones = fc.constantFrom(
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'UTC',
);
const times = fc.integer({ min: at('2010-01-01T00:00Z'), max: at('2030-01-01T00:00Z') });
const layers = fc.record({
  name: fc.constant('any'),
  people: fc.uniqueArray(fc.constantFrom('anna', 'ben', 'cem', 'dora', 'emil'), { minLength: 1 }),
  startWallMs: times,
  shiftMs: fc.integer({ min: 1, max: 400 }).map((hours) => hours * HOUR_MS),
  hours: fc.array(
    fc.record({
      days: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }).map((days) => new Set(days)),
      fromMs: fc.integer({ min: 0, max: 23 }).map((hours) => hours * HOUR_MS),
      toMs: fc.integer({ min: 0, max: 24 }).map((hours) => hours * HOUR_MS),
    }),
    { maxLength: 2 },
  ),
});

describe('whatever the schedule', () => {
  it('one layer without hours has exactly one person at each moment, without gap or overlap', () => {
    fc.assert(
      fc.property(layers, zones, times, (any, timeZone, fromMs) => {
        const one = { ...any, hours: [] };
        const toMs = fromMs + 3 * one.shiftMs;
        const shifts = shiftsBetween(schedule({ timeZone, layers: [one] }), fromMs, toMs);
        expect(shifts[0]?.fromMs).toBe(fromMs);
        expect(shifts.at(-1)?.toMs).toBe(toMs);
        expect(seams(shifts)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('turns go on in their order: nobody is skipped while the clocks run evenly', () => {
    fc.assert(
      fc.property(layers, times, (one, timeMs) => {
        const names: readonly string[] = one.people;
        const order = [0, 1, 2].map((i) => names.indexOf(personOf(one, 'UTC', timeMs + i * one.shiftMs)));
        const [first = -1] = order;
        expect(order).toEqual([0, 1, 2].map((i) => (first + i) % one.people.length));
      }),
      { numRuns: 100 },
    );
  });

  it('the list of shifts says the same as asking at single moments', () => {
    const samples = fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), {
      minLength: 8,
      maxLength: 8,
    });
    const overrides = fc.array(
      fc.tuple(fc.integer({ min: -50, max: 150 }), fc.integer({ min: 1, max: 50 })),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(
        fc.array(layers, { minLength: 1, maxLength: 3 }),
        zones,
        times,
        overrides,
        samples,
        (all, timeZone, fromMs, spans, shares) => {
          const toMs = fromMs + 100 * HOUR_MS;
          const any = schedule({
            timeZone,
            layers: all,
            overrides: spans.map(([from, length]) => ({
              person: 'otto',
              fromMs: fromMs + from * HOUR_MS,
              toMs: fromMs + (from + length) * HOUR_MS,
            })),
          });
          const shifts = shiftsBetween(any, fromMs, toMs);
          for (const share of shares) {
            const timeMs = fromMs + Math.floor(share * (toMs - fromMs));
            const found = shifts.filter((shift) => shift.fromMs <= timeMs && timeMs < shift.toMs);
            expect(found.map(({ person }) => person)).toEqual([onCallAt(any, timeMs) ?? []].flat());
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('zones', () => {
  it('knows its own and refuses others', () => {
    expect(['Europe/Berlin', 'UTC', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false]);
  });

  it('is back where it was, but for the times that the clocks leave out', () => {
    fc.assert(
      fc.property(zones, times, (zone, timeMs) => {
        const back = instantOf(wallTimeOf(timeMs, zone), zone);
        expect(timeMs - back === 0 || timeMs - back === HOUR_MS || timeMs - back === HOUR_MS / 2).toBe(true);
      }),
    );
  });
});

it('counts every day of a week once', () => {
  const always = { days: ALL_DAYS, fromMs: 0, toMs: DAY_MS };
  const whole = schedule({ layers: [layer({ people: ['sue'], hours: [always] })] });
  const [only, ...rest] = shiftsBetween(whole, at('2026-03-20T00:00Z'), at('2026-04-05T00:00Z'));
  expect(rest).toEqual([]);
  expect(only).toEqual({ person: 'sue', fromMs: at('2026-03-20T00:00Z'), toMs: at('2026-04-05T00:00Z') });
});
