/** The setting `on-call`: people, schedules and policies as they are written, and as they are used. */
import * as z from 'zod';
import type { Policy } from '../escalation/policy.ts';
import type { Hours, Layer, Override, Schedule } from './schedule.ts';
import { instantOf, isTimeZone } from './zone.ts';

export interface Person {
  readonly name: string;
  /** Names of receivers. */
  readonly receivers: readonly string[];
}

export interface OnCallConfig {
  readonly people: readonly Person[];
  readonly schedules: readonly Schedule[];
  readonly policies: readonly Policy[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: HOUR_MS,
  d: DAY_MS,
  w: 7 * DAY_MS,
};
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const name = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots or dashes');
const LIST_MAX = 200;

/** A span such as `15m`, in milliseconds. */
function span({ min, max }: { readonly min: string; readonly max: string }) {
  const message = `must be a span from ${min} to ${max}, for example 90s, 15m, 12h or 2w`;
  return z.string({ error: message }).transform((text, context) => {
    const spanMs = spanMsOf(text);
    if (spanMs >= spanMsOf(min) && spanMs <= spanMsOf(max)) return spanMs;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

function spanMsOf(text: string): number {
  const match = /^(\d{1,6})(s|m|h|d|w)$/.exec(text.trim());
  return Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN);
}

const timeOfDay = z
  .string({ error: 'must be a time of day such as "09:00"; quote it' })
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time of day from "00:00" to "24:00"')
  .transform((text) => Number(text.slice(0, 2)) * HOUR_MS + Number(text.slice(3)) * 60_000);

const date = z
  .string({ error: 'must be a date such as 2026-01-05' })
  .regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a date such as 2026-01-05')
  .refine((text) => isDay(text), 'is no day of the calendar')
  .transform((text) => Date.parse(`${text}T00:00Z`));

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDay(text: string): boolean {
  const timeMs = Date.parse(`${text}T00:00Z`);
  return !Number.isNaN(timeMs) && new Date(timeMs).toISOString().startsWith(text);
}

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(Z|[+-]\d{2}:\d{2})?$/;
const moment = z
  .string({ error: 'must be a time such as 2026-12-24T18:00' })
  .regex(
    MOMENT,
    'must be a time such as 2026-12-24T18:00, in the time zone of the schedule, or with its offset',
  )
  .refine(
    (text) => isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text)),
    'is no time of the calendar',
  );

const hoursSchema = z
  .strictObject({
    days: z
      .array(z.enum(DAYS))
      .min(1)
      .max(7)
      .default([...DAYS]),
    from: timeOfDay,
    to: timeOfDay,
  })
  .transform(({ days, from, to }): Hours => {
    return { days: new Set(days.map((day) => DAYS.indexOf(day))), fromMs: from, toMs: to };
  });

const layerSchema = z
  .strictObject({
    name,
    people: z.array(name).min(1, 'must name somebody').max(LIST_MAX),
    shift: z
      .union([
        z.literal('daily').transform(() => DAY_MS),
        z.literal('weekly').transform(() => 7 * DAY_MS),
        span({ min: '1h', max: '52w' }),
      ])
      .default(7 * DAY_MS),
    start: date,
    handover: timeOfDay.default(9 * HOUR_MS),
    hours: z.array(hoursSchema).max(50).default([]),
  })
  .transform(({ shift, start, handover, ...layer }): Layer => {
    return { ...layer, startWallMs: start + handover, shiftMs: shift };
  });

const overrideSchema = z.strictObject({ person: name, from: moment, to: moment });

const scheduleSchema = z
  .strictObject({
    name,
    timeZone: z.string().refine(isTimeZone, 'must be a time zone such as Europe/Berlin'),
    layers: z.array(layerSchema).min(1, 'must have a layer').max(20),
    overrides: z.array(overrideSchema).max(LIST_MAX).default([]),
  })
  .transform((schedule, context): Schedule => {
    const overrides = schedule.overrides.map(({ person, from, to }): Override => {
      const fromMs = momentMs(from, schedule.timeZone);
      const toMs = momentMs(to, schedule.timeZone);
      if (toMs <= fromMs) {
        context.addIssue({ code: 'custom', path: ['overrides'], message: `${from} is not before ${to}` });
      }
      return { person, fromMs, toMs };
    });
    return { ...schedule, overrides };
  });

/** UTC milliseconds of a time with an offset, or of one on the clocks of `zone`. */
export function momentMs(text: string, zone: string): number {
  const hasOffset = MOMENT.exec(text)?.[1] !== undefined;
  return hasOffset ? Date.parse(text) : instantOf(Date.parse(`${text}Z`), zone);
}

const targetSchema = z.union(
  [
    z
      .strictObject({ schedule: name })
      .transform((target) => ({ kind: 'schedule', name: target.schedule }) as const),
    z
      .strictObject({ person: name })
      .transform((target) => ({ kind: 'person', name: target.person }) as const),
    z
      .strictObject({ receiver: name })
      .transform((target) => ({ kind: 'receiver', name: target.receiver }) as const),
  ],
  { error: 'must be one of {schedule: …}, {person: …}, {receiver: …}' },
);

const stepSchema = z
  .strictObject({
    after: span({ min: '0s', max: '7d' }).default(0),
    notify: z.array(targetSchema).min(1, 'must name somebody').max(20),
  })
  .transform(({ after, notify }) => ({ afterMs: after, targets: notify }));

const policySchema = z
  .strictObject({
    name,
    steps: z.array(stepSchema).min(1, 'must have a step').max(20),
    repeat: z.int().min(0).max(10, 'must be from 0 to 10').default(0),
    repeatAfter: span({ min: '1m', max: '7d' }).default(15 * 60_000),
  })
  .transform(({ repeatAfter, ...policy }): Policy => ({ ...policy, repeatAfterMs: repeatAfter }));

/** Empty lists where nothing is said. What names something that is not there is refused. */
export const onCallSchema = z
  .strictObject({
    people: z
      .array(z.strictObject({ name, receivers: z.array(name).min(1, 'must name a receiver').max(10) }))
      .max(LIST_MAX)
      .default([]),
    schedules: z.array(scheduleSchema).max(LIST_MAX).default([]),
    policies: z.array(policySchema).max(LIST_MAX).default([]),
  })
  .superRefine((onCall, context) => {
    for (const message of danglingNames(onCall)) context.addIssue({ code: 'custom', message });
  });

function danglingNames({ people, schedules, policies }: OnCallConfig): readonly string[] {
  const problems: string[] = [];
  const persons = new Set(people.map((one) => one.name));
  const scheduleNames = new Set(schedules.map((one) => one.name));
  const require = (known: ReadonlySet<string>, wanted: string, message: string): void => {
    if (!known.has(wanted)) problems.push(message);
  };
  for (const [kind, list] of Object.entries({ people, schedules, policies })) {
    for (const twice of repeated(list.map((one) => one.name)))
      problems.push(`${kind}: the name "${twice}" is used twice`);
  }
  for (const schedule of schedules) {
    for (const layer of schedule.layers) {
      for (const person of layer.people)
        require(persons, person, `schedule "${schedule.name}", layer "${layer.name}": there is no person "${person}"`);
    }
    for (const { person } of schedule.overrides)
      require(persons, person, `schedule "${schedule.name}", overrides: there is no person "${person}"`);
  }
  for (const policy of policies) {
    for (const [i, { targets }] of policy.steps.entries()) {
      for (const { kind, name: target } of targets) {
        const known = kind === 'schedule' ? scheduleNames : kind === 'person' ? persons : undefined;
        if (known !== undefined)
          require(known, target, `policy "${policy.name}", step ${i + 1}: there is no ${kind} "${target}"`);
      }
    }
  }
  return problems;
}

function repeated(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((one, i) => names.indexOf(one) !== i))];
}

/** Receivers that `onCall` names and that are not configured, in words. */
export function missingReceivers(onCall: OnCallConfig, known: ReadonlySet<string>): readonly string[] {
  const ofPeople = onCall.people.flatMap((person) =>
    person.receivers.map((receiver) => [`person "${person.name}"`, receiver] as const),
  );
  const ofPolicies = onCall.policies.flatMap((policy) =>
    policy.steps.flatMap(({ targets }, i) =>
      targets.flatMap(({ kind, name: target }) =>
        kind === 'receiver' ? [[`policy "${policy.name}", step ${i + 1}`, target] as const] : [],
      ),
    ),
  );
  return [...ofPeople, ...ofPolicies].flatMap(([where, receiver]) =>
    known.has(receiver) ? [] : [`on-call: ${where}: there is no receiver "${receiver}"`],
  );
}

/** Nobody is on call, and nothing escalates. */
export const NO_ON_CALL: OnCallConfig = { people: [], schedules: [], policies: [] };
