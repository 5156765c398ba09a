/**
 * When a maintenance window is open. A recurring one is a rule of recurrence (RFC 5545, section 3.3.10) over the wall
 * clock of a time zone: its occurrences begin at the same local time all year round and last their duration in real
 * time. An occurrence whose local time a change of clocks leaves out begins when that time would have been (02:30
 * becomes 03:30); where a local time comes twice, it begins the first time. RFC 5545 would drop the former, but then
 * work that runs in that night would page.
 */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import * as z from 'zod';

/** Longest window, or occurrence of one. */
const WINDOW_MS_MAX = 31 * 86_400_000;
const WINDOW_MS_MIN = 60_000;
const RULE_LENGTH_MAX = 256;
/** Periods that the library may step through for one answer. */
const ITERATIONS_MAX = 20_000;
/** No change of clocks moves a local time by more. */
const CLOCK_CHANGE_MS_MAX = 3 * 3_600_000;

export const scheduleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('once'), startsMs: z.int(), endsMs: z.int() }),
  z.strictObject({
    kind: z.literal('recurring'),
    /** The first occurrence on the wall clock of the time zone, for example `2026-03-01T02:00`. */
    firstLocal: z.string().max(32),
    /** IANA name, for example `Europe/Berlin`. */
    timeZone: z.string().max(64),
    /** For example `FREQ=WEEKLY;BYDAY=SU`. `UNTIL` is on the wall clock too. */
    rule: z.string().max(RULE_LENGTH_MAX),
    durationMs: z.int(),
  }),
]);
export type Schedule = Readonly<z.infer<typeof scheduleSchema>>;

/** A span of real time, UTC milliseconds; the end is not part of it. */
export interface Span {
  readonly startsMs: number;
  readonly endsMs: number;
}

/** A schedule that was found to be in order. */
export interface Calendar {
  /** The spans that have a part in [fromMs, toMs), in order; `toMs - fromMs` at most some days. */
  spansBetween(fromMs: number, toMs: number): readonly Span[];
  /** The span that is open at `nowMs`, or else the next one; undefined when there is none any more. */
  currentOrNext(nowMs: number): Span | undefined;
}

/** @throws AppError BAD_REQUEST naming the field, its value and what is allowed */
export function calendarOf(schedule: Schedule): Calendar {
  if (schedule.kind === 'once') return onceCalendar(schedule);
  const { durationMs, timeZone } = schedule;
  if (!(durationMs >= WINDOW_MS_MIN && durationMs <= WINDOW_MS_MAX)) {
    throw refused(`duration of ${durationMs} ms: must be from 1 minute to 31 days`);
  }
  checkTimeZone(timeZone);
  const rule = floatingRule(schedule.rule, schedule.firstLocal);
  const spanFrom = (floating: { readonly epochMilliseconds: number }): Span => {
    const startsMs = realMs(floating.epochMilliseconds, timeZone);
    return { startsMs, endsMs: startsMs + durationMs };
  };
  const calendar: Calendar = {
    spansBetween(fromMs, toMs) {
      const after = new Date(floatingMs(fromMs, timeZone) - durationMs - CLOCK_CHANGE_MS_MAX);
      const before = new Date(floatingMs(toMs, timeZone) + CLOCK_CHANGE_MS_MAX);
      return rule
        .between(after, before, true)
        .map(spanFrom)
        .filter(({ startsMs, endsMs }) => startsMs < toMs && endsMs > fromMs);
    },
    currentOrNext(nowMs) {
      const [current] = calendar.spansBetween(nowMs, nowMs + 1);
      if (current !== undefined) return current;
      const next = rule.next(new Date(floatingMs(nowMs, timeZone)), false);
      return next === null ? undefined : spanFrom(next);
    },
  };
  try {
    // A rule that never comes to an occurrence shows here, not in the night.
    rule.next(new Date(0), true);
  } catch (error) {
    throw refused(`rule ${JSON.stringify(schedule.rule)}: gives no occurrence (${describeError(error)})`);
  }
  return calendar;
}

function onceCalendar({ startsMs, endsMs }: Schedule & { readonly kind: 'once' }): Calendar {
  if (!(endsMs > startsMs && endsMs - startsMs <= WINDOW_MS_MAX)) {
    throw refused('endsAt must be after startsAt, by at most 31 days');
  }
  return {
    spansBetween: (fromMs, toMs) => (startsMs < toMs && endsMs > fromMs ? [{ startsMs, endsMs }] : []),
    currentOrNext: (nowMs) => (endsMs > nowMs ? { startsMs, endsMs } : undefined),
  };
}

/** The rule over the wall clock, as if that were UTC. */
function floatingRule(text: string, firstLocal: string): RRuleTemporal {
  if (!/^FREQ=(?:DAILY|WEEKLY|MONTHLY|YEARLY)(?:;[A-Z]+=[A-Z0-9,+-]+)*$/.test(text)) {
    throw refused(
      `rule ${JSON.stringify(text)}: must be a rule such as FREQ=WEEKLY;BYDAY=SU, with FREQ DAILY, WEEKLY, MONTHLY or YEARLY`,
    );
  }
  let dtstart: Temporal.ZonedDateTime;
  try {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?$/.test(firstLocal)) throw new Error('not a local time');
    dtstart = Temporal.PlainDateTime.from(firstLocal, { overflow: 'reject' }).toZonedDateTime('UTC');
  } catch {
    throw refused(`first ${JSON.stringify(firstLocal)}: must be a local time such as 2026-03-01T02:00`);
  }
  try {
    return new RRuleTemporal({
      // The library wants a zone in UNTIL; here everything is on one wall clock.
      rruleString: text.replace(/(UNTIL=\d{8}T\d{6})(?!Z)/, '$1Z'),
      dtstart,
      strict: true,
      maxIterations: ITERATIONS_MAX,
      maxCandidateEvaluations: ITERATIONS_MAX,
    });
  } catch (error) {
    throw refused(`rule ${JSON.stringify(text)}: ${describeError(error)}`);
  }
}

function checkTimeZone(timeZone: string): void {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timeZone);
  } catch {
    throw refused(`time zone ${JSON.stringify(timeZone)}: must be an IANA name such as Europe/Berlin`);
  }
}

/** What the wall clock of the zone shows at an instant, as if it were UTC. */
function floatingMs(instantMs: number, timeZone: string): number {
  const local = Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(timeZone);
  return local.toPlainDateTime().toZonedDateTime('UTC').epochMilliseconds;
}

/** The instant at which the wall clock of the zone shows that; `compatible` is what the top of this file says. */
function realMs(floating: number, timeZone: string): number {
  return Temporal.Instant.fromEpochMilliseconds(floating)
    .toZonedDateTimeISO('UTC')
    .toPlainDateTime()
    .toZonedDateTime(timeZone, { disambiguation: 'compatible' }).epochMilliseconds;
}

function refused(problem: string): AppError {
  return new AppError('BAD_REQUEST', `maintenance window: ${problem}`);
}
