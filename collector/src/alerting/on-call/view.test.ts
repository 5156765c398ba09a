import ICAL from 'ical.js';
import { describe, expect, it } from 'vitest';
import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import { World } from '../testing/world.ts';
import { onCallSchema } from './config.ts';
import { OnCallView } from './view.ts';

const DAY_MS = 86_400_000;
/** A Thursday, where the clock of the tests begins. */
const NOW_MS = Date.UTC(2026, 0, 1);

function open() {
  const onCall = onCallSchema.parse({
    people: [
      { name: 'anna', receivers: ['hook'] },
      { name: 'ben', receivers: ['hook'] },
    ],
    schedules: [
      {
        name: 'primary',
        timeZone: 'Europe/Berlin',
        layers: [{ name: 'weeks', people: ['anna', 'ben'], start: '2026-01-05' }],
      },
      {
        name: 'office',
        timeZone: 'UTC',
        layers: [
          {
            name: 'mondays',
            people: ['ben'],
            start: '2026-01-05',
            hours: [{ days: ['mon'], from: '09:00', to: '17:00' }],
          },
        ],
      },
    ],
  });
  const world = new World({ onCall });
  const alerting = world.createAlerting();
  const view = new OnCallView({
    onCall: alerting.onCall,
    clock: world.clock,
    key: Buffer.alloc(32, 7),
    externalUrl: 'https://rollcall.example',
  });
  return { world, alerting, view };
}

/** What another program reads out of the calendar of a schedule. */
function eventsOf(text: string): readonly string[] {
  const calendar = new ICAL.Component(ICAL.parse(text));
  return calendar.getAllSubcomponents('vevent').map((component) => {
    const event = new ICAL.Event(component);
    return `${event.summary} ${event.startDate.toJSDate().toISOString()} ${event.endDate.toJSDate().toISOString()}`;
  });
}

describe('on-call as the API shows it', () => {
  it('says who it is now, and until when', () => {
    const { view } = open();
    expect(view.now().schedules).toEqual([
      { name: 'primary', timeZone: 'Europe/Berlin', person: 'ben', untilMs: Date.UTC(2026, 0, 5, 8) },
      { name: 'office', timeZone: 'UTC', person: null, untilMs: Date.UTC(2026, 0, 5, 9) },
    ]);
  });

  it('takes overrides, keeps them over a restart, and gives them up again', () => {
    const { world, view } = open();
    const span = { fromMs: NOW_MS + DAY_MS, toMs: NOW_MS + 2 * DAY_MS };
    const added = view.addOverride('primary', { person: 'anna', ...span, author: 'admin' });
    const again = world.createAlerting();
    expect(again.onCall.personAt('primary', span.fromMs)).toBe('anna');
    expect(again.onCall.personAt('primary', span.toMs)).toBe('ben');
    expect(view.schedule('primary', { fromMs: NOW_MS, toMs: NOW_MS + 3 * DAY_MS })).toMatchObject({
      shifts: [{ person: 'ben' }, { person: 'anna', ...span }, { person: 'ben' }],
      overrides: [{ id: added.id, person: 'anna', author: 'admin' }],
    });
    view.removeOverride('primary', added.id);
    expect(thrownCode(() => view.removeOverride('primary', added.id))).toBe('NOT_FOUND');
    expect(again.onCall.personAt('primary', span.fromMs)).toBe('ben');
  });

  it('refuses overrides that make no sense', () => {
    const { view } = open();
    const add = (person: string, fromMs: number, toMs: number, schedule = 'primary') =>
      thrownCode(() => view.addOverride(schedule, { person, fromMs, toMs, author: 'admin' }));
    expect(add('zoe', NOW_MS, NOW_MS + 1)).toBe('BAD_REQUEST');
    expect(add('anna', NOW_MS, NOW_MS)).toBe('BAD_REQUEST');
    expect(add('anna', NOW_MS, NOW_MS + 93 * DAY_MS)).toBe('BAD_REQUEST');
    expect(add('anna', NOW_MS, NOW_MS + 1, 'other')).toBe('NOT_FOUND');
  });

  it('forgets overrides that are long over', () => {
    const { world, alerting, view } = open();
    view.addOverride('primary', { person: 'anna', fromMs: NOW_MS, toMs: NOW_MS + DAY_MS, author: 'admin' });
    alerting.prune();
    expect(alerting.onCall.overrides('primary')).toHaveLength(1);
    world.clock.stepWall(100 * DAY_MS);
    alerting.prune();
    expect(alerting.onCall.overrides('primary')).toHaveLength(0);
  });
});

describe('the calendar of a schedule', () => {
  const tokenOf = (view: OnCallView, schedule: string): string => {
    const { calendarUrl } = view.schedule(schedule, { fromMs: NOW_MS, toMs: NOW_MS + DAY_MS });
    expect(calendarUrl).toContain(`https://rollcall.example/v1/on-call/${schedule}.ics?token=`);
    return new URL(calendarUrl).searchParams.get('token') ?? '';
  };

  it('is read by another program as it is meant', () => {
    const { view } = open();
    const text = view.calendar('primary', tokenOf(view, 'primary')) ?? '';
    const events = eventsOf(text);
    expect(events).toContain('ben on call (primary) 2025-12-29T08:00:00.000Z 2026-01-05T08:00:00.000Z');
    expect(events).toContain('anna on call (primary) 2026-01-05T08:00:00.000Z 2026-01-12T08:00:00.000Z');
    // The clocks change on Sunday: this week is an hour short.
    expect(events).toContain('ben on call (primary) 2026-03-23T08:00:00.000Z 2026-03-30T07:00:00.000Z');
    expect(text.split('\r\n').every((line) => Buffer.byteLength(line) <= 75)).toBe(true);
  });

  it('is for those who have its own token', () => {
    const { view } = open();
    expect(view.calendar('primary', tokenOf(view, 'office'))).toBeNull();
    expect(view.calendar('primary', '')).toBeNull();
    expect(view.calendar('none', tokenOf(view, 'primary'))).toBeNull();
  });
});
