/** A change in the life of an incident, with everything that a notification of it will ever need. */
import * as z from 'zod';

/**
 * fired and resolved follow evidence, escalated follows the clock; the others are a person's decision. Receivers hear of
 * fired, escalated, resolved and closed.
 */
export const TRANSITION_KINDS = [
  'fired',
  'escalated',
  'acknowledged',
  'unacknowledged',
  'commented',
  'resolved',
  'closed',
] as const;
export type TransitionKind = (typeof TRANSITION_KINDS)[number];

/** Whether an incident is over with such a transition. */
export function isEnding(kind: TransitionKind): kind is 'resolved' | 'closed' {
  return kind === 'resolved' || kind === 'closed';
}

/** A text column that holds JSON of the given shape. */
export function jsonColumn<T extends z.ZodType>(schema: T) {
  return z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(schema);
}

export const labelsSchema = z.record(z.string(), z.string());
export const incidentKindSchema = z.enum(['uptime', 'capacity']);
export const severitySchema = z.enum(['page', 'ticket', 'info', 'capacity']);

/** The incident as it was at the transition; stored as JSON. */
export const snapshotSchema = z.object({
  rule: z.string(),
  kind: incidentKindSchema,
  severity: severitySchema,
  hostId: z.string().nullable(),
  hostName: z.string().nullable(),
  title: z.string(),
  description: z.string(),
  /** Identity labels, the rule's labels, `alertname` and `severity`. */
  labels: labelsSchema,
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  openedMs: z.number(),
  /** `null` while the incident is open. */
  resolvedMs: z.number().nullable(),
  /** What ended the incident; `null` while it is open. */
  endReason: z.string().nullable(),
});
export type Snapshot = Readonly<z.infer<typeof snapshotSchema>>;

export interface Transition {
  /** ULID. Equal in all attempts and to all receivers. */
  readonly id: string;
  readonly incidentId: string;
  /** 1, 2, … within the incident. */
  readonly sequence: number;
  readonly kind: TransitionKind;
  readonly atMs: number;
  readonly snapshot: Snapshot;
  /** Who did it, `null` where nobody did. */
  readonly person: string | null;
  /** What they said, or why nobody was told. */
  readonly note: string | null;
}
