/** Silences in Alertmanager's JSON. */
import * as z from 'zod';
import { MATCHERS_MAX, VALUE_LENGTH_MAX, type LabelMatcher } from '../../alerting/routing/matchers.ts';
import { stateOf, type Silence, type SilenceDraft } from '../../alerting/silences/silences.ts';

const instant = z.iso
  .datetime({ offset: true, local: false, error: 'must be a time such as 2026-03-01T02:00:00Z' })
  .transform((text) => Date.parse(text));

export const postableSilenceSchema = z.object({
  id: z.string().max(64).optional(),
  matchers: z
    .array(
      z.object({
        name: z.string().min(1).max(256),
        value: z.string().max(VALUE_LENGTH_MAX),
        isRegex: z.boolean(),
        /** Older clients do not know it. */
        isEqual: z.boolean().default(true),
      }),
    )
    .max(MATCHERS_MAX),
  startsAt: instant,
  endsAt: instant,
  createdBy: z.string().max(256),
  comment: z.string().max(4_096),
});

export function draftOf(body: Omit<z.output<typeof postableSilenceSchema>, 'id'>): SilenceDraft {
  const { matchers, startsAt, endsAt, createdBy, comment } = body;
  return {
    matchers: matchers.map(({ name, value, isRegex, isEqual }) => ({
      name,
      operator: OPERATORS[`${isEqual} ${isRegex}`],
      value,
    })),
    startsMs: startsAt,
    endsMs: endsAt,
    createdBy,
    comment,
  };
}

/** By "is equal" and "is a regular expression". */
const OPERATORS: Readonly<Record<`${boolean} ${boolean}`, LabelMatcher['operator']>> = {
  'true false': '=',
  'true true': '=~',
  'false false': '!=',
  'false true': '!~',
};

export function gettableSilence(silence: Silence, nowMs: number) {
  const { id, matchers, startsMs, endsMs, createdBy, comment, updatedMs } = silence;
  return {
    id,
    status: { state: stateOf(silence, nowMs) },
    updatedAt: new Date(updatedMs).toISOString(),
    comment,
    createdBy,
    endsAt: new Date(endsMs).toISOString(),
    matchers: matchers.map(({ name, operator, value }) => ({
      isEqual: operator === '=' || operator === '=~',
      isRegex: operator === '=~' || operator === '!~',
      name,
      value,
    })),
    startsAt: new Date(startsMs).toISOString(),
  };
}
