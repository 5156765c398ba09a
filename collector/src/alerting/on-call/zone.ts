/**
 * Wall clocks of time zones. A wall time is a number of milliseconds as if the zone were UTC, so that days and times of
 * day can be reckoned with; only these functions know about daylight saving.
 */
import { Temporal } from 'temporal-polyfill';

/** Whether `name` is a time zone of the IANA database, such as `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}

/** What the clocks of a zone show at a moment, UTC milliseconds in, wall milliseconds out. */
export function wallTimeOf(timeMs: number, zone: string): number {
  const instant = Temporal.Instant.fromEpochMilliseconds(timeMs);
  return timeMs + instant.toZonedDateTimeISO(zone).offsetNanoseconds / 1e6;
}

/**
 * When the clocks of a zone show a wall time, UTC milliseconds. A time that comes twice is the first of the two; one that
 * is left out counts as that much later, as in RFC 5545 section 3.3.5.
 */
export function instantOf(wallMs: number, zone: string): number {
  const plain = Temporal.Instant.fromEpochMilliseconds(wallMs).toZonedDateTimeISO('UTC').toPlainDateTime();
  return plain.toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds;
}
