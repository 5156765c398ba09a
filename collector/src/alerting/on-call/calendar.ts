/** A schedule as a calendar that other programs subscribe to. Source of the format: RFC 5545. */
import ical from 'ical-generator';
import type { Shift } from './schedule.ts';

export interface CalendarOptions {
  readonly schedule: string;
  readonly shifts: readonly Shift[];
  /** UTC milliseconds. */
  readonly nowMs: number;
  /** Host name of the collector, which makes the ids of events unique. */
  readonly domain: string;
}

/** How often programs are asked to look again. */
const REFRESH_S = 3_600;

/** The calendar as text. A shift keeps its id while it begins at the same time. */
export function calendarOf({ schedule, shifts, nowMs, domain }: CalendarOptions): string {
  const calendar = ical({
    name: `On call: ${schedule}`,
    prodId: { company: 'Rollcall', product: 'on-call', language: 'EN' },
    ttl: REFRESH_S,
  });
  for (const { person, fromMs, toMs } of shifts) {
    calendar.createEvent({
      id: `${schedule}-${fromMs}@${domain}`,
      start: new Date(fromMs),
      end: new Date(toMs),
      stamp: new Date(nowMs),
      summary: `${person} on call (${schedule})`,
    });
  }
  return calendar.toString();
}
