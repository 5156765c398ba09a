/** On-call as the API shows and changes it. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { OnCallAnswer, OnCallOverride, OnCallSchedule } from '../../api/types.ts';
import { calendarToken, isCalendarToken } from '../links/sign.ts';
import { calendarOf } from './calendar.ts';
import type { OnCall } from './on-call.ts';

const DAY_MS = 86_400_000;
const LOOK_AHEAD_MS = 7 * DAY_MS;
/** What a calendar shows of the past and the future. */
const CALENDAR_PAST_MS = 31 * DAY_MS;
const CALENDAR_FUTURE_MS = 92 * DAY_MS;
/** Longest time for which somebody stands in. */
const OVERRIDE_MS_MAX = 92 * DAY_MS;

export class OnCallView {
  readonly #onCall: OnCall;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #externalUrl: string;

  constructor(options: {
    readonly onCall: OnCall;
    readonly clock: Clock;
    /** Signs the addresses of calendars. */
    readonly key: Uint8Array;
    readonly externalUrl: string;
  }) {
    this.#onCall = options.onCall;
    this.#clock = options.clock;
    this.#key = options.key;
    this.#externalUrl = options.externalUrl;
  }

  nowMs(): number {
    return this.#clock.wallMs();
  }

  now(): OnCallAnswer {
    const nowMs = this.#clock.wallMs();
    const schedules = this.#onCall.config.schedules.map(({ name, timeZone }) => {
      const [first] = this.#onCall.shifts(name, nowMs, nowMs + LOOK_AHEAD_MS);
      if (first === undefined) return { name, timeZone, person: null, untilMs: nowMs + LOOK_AHEAD_MS };
      const isNow = first.fromMs === nowMs;
      return {
        name,
        timeZone,
        person: isNow ? first.person : null,
        untilMs: isNow ? first.toMs : first.fromMs,
      };
    });
    return { schedules };
  }

  /** @throws AppError NOT_FOUND */
  schedule(
    name: string,
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  ): OnCallSchedule {
    const { timeZone } = this.#onCall.schedule(name);
    const url = `${this.#externalUrl}/v1/on-call/${encodeURIComponent(name)}.ics`;
    return {
      name,
      timeZone,
      shifts: this.#onCall.shifts(name, fromMs, toMs),
      overrides: this.#onCall.overrides(name),
      calendarUrl: `${url}?token=${calendarToken(this.#key, name)}`,
    };
  }

  /** @throws AppError NOT_FOUND, BAD_REQUEST, LIMIT_EXCEEDED */
  addOverride(
    schedule: string,
    override: {
      readonly person: string;
      readonly fromMs: number;
      readonly toMs: number;
      readonly author: string;
    },
  ): OnCallOverride {
    const { person, fromMs, toMs } = override;
    if (!this.#onCall.hasPerson(person)) {
      throw new AppError('BAD_REQUEST', `person: there is nobody called "${cleanText(person, 64)}"`);
    }
    if (!(fromMs < toMs && toMs - fromMs <= OVERRIDE_MS_MAX)) {
      const days = OVERRIDE_MS_MAX / DAY_MS;
      throw new AppError('BAD_REQUEST', `fromMs and toMs: must be a span of at most ${days} days`);
    }
    return this.#onCall.addOverride(schedule, override, this.#clock.wallMs());
  }

  /** @throws AppError NOT_FOUND */
  removeOverride(schedule: string, id: string): void {
    this.#onCall.removeOverride(schedule, id);
  }

  /** The calendar of a schedule, `null` when there is none or `token` is not its own. */
  calendar(schedule: string, token: string): string | null {
    if (!isCalendarToken(this.#key, schedule, token)) return null;
    const nowMs = this.#clock.wallMs();
    if (!this.#onCall.config.schedules.some(({ name }) => name === schedule)) return null;
    const shifts = this.#onCall.shifts(schedule, nowMs - CALENDAR_PAST_MS, nowMs + CALENDAR_FUTURE_MS);
    return calendarOf({ schedule, shifts, nowMs, domain: new URL(this.#externalUrl).hostname });
  }
}
