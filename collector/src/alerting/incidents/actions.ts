/** What people do with an incident. Each decision is a transition, written together with what follows from it. */
import * as z from 'zod';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { Database } from '../../state/database.ts';
import type { AlertingLimits } from '../limits.ts';
import type { IncidentRows } from './rows.ts';
import type { Transition } from './transition.ts';

export interface Acknowledgement {
  readonly by: string;
  /** UTC milliseconds; `null` for as long as the incident is open. */
  readonly untilMs: number | null;
  readonly note?: string | undefined;
}

/** All throw AppError NOT_FOUND, INCIDENT_ENDED (but `comment`), BAD_REQUEST, LIMIT_EXCEEDED. */
export interface IncidentActions {
  /** Somebody takes care of it: nobody else is told until `untilMs`. A new one takes the place of an older one. */
  acknowledge(incidentId: string, acknowledgement: Acknowledgement): Transition;
  /** Takes an acknowledgement back; `null` when there is none. */
  unacknowledge(incidentId: string, by: string): Transition | null;
  /** Also possible after the end. */
  comment(incidentId: string, said: { readonly by: string; readonly text: string }): Transition;
  /** Ends the incident by decision. It stays closed while the condition that opened it goes on. */
  close(incidentId: string, decision: { readonly by: string; readonly reason: string }): Transition;
}

export interface IncidentActionsOptions {
  readonly database: Database;
  readonly rows: IncidentRows;
  /** Told inside the transaction of whatever was written. */
  readonly onWritten: (transition: Transition, acknowledgement: Acknowledgement | null) => void;
  /** Told after it was written. */
  readonly onTransitions: (transitions: readonly Transition[]) => void;
  readonly clock: Clock;
  readonly limits: AlertingLimits;
}

const stateRow = z.object({
  status: z.enum(['open', 'resolved']),
  ack_ms: z.number().nullable(),
});

export function createIncidentActions(options: IncidentActionsOptions): IncidentActions {
  const { database, rows, clock, onWritten, onTransitions, limits } = options;

  const stateOf = (incidentId: string) => {
    const row = rows.sql.state.get(incidentId);
    if (row === undefined) throw new AppError('NOT_FOUND', `there is no incident ${shown(incidentId)}`);
    return stateRow.parse(row);
  };
  const requireOpen = (incidentId: string): void => {
    if (stateOf(incidentId).status === 'open') return;
    throw new AppError('INCIDENT_ENDED', `incident ${incidentId} has ended`);
  };
  const requireRoom = (incidentId: string): void => {
    const max = limits.personTransitionsPerIncidentMax;
    if (Number(rows.sql.personTransitionCount.get(incidentId)?.['count']) < max) return;
    throw new AppError(
      'LIMIT_EXCEEDED',
      `incident ${incidentId} has ${max} comments and acknowledgements already`,
    );
  };
  const follow = (...[incidentId, at]: Parameters<IncidentRows['follow']>): Transition => {
    const transition = rows.follow(incidentId, at);
    if (transition === null) throw new AppError('NOT_FOUND', `there is no incident ${shown(incidentId)}`);
    return transition;
  };
  /** Writes in one transaction, then tells of it. */
  const write = <T extends Transition | null>(
    work: () => T,
    acknowledgement: Acknowledgement | null = null,
  ): T => {
    const transition = database.transaction(() => {
      const written = work();
      if (written !== null) onWritten(written, acknowledgement);
      return written;
    });
    if (transition !== null) onTransitions([transition]);
    return transition;
  };
  const nameOf = (by: string): string => requireText('by', by, limits.personNameLengthMax);

  return {
    acknowledge(incidentId, acknowledgement) {
      const nowMs = clock.wallMs();
      const person = nameOf(acknowledgement.by);
      const { untilMs } = acknowledgement;
      if (untilMs !== null && !(untilMs > nowMs && untilMs - nowMs <= limits.acknowledgeMsMax)) {
        const days = limits.acknowledgeMsMax / 86_400_000;
        throw new AppError('BAD_REQUEST', `until must lie in the future, at most ${days} days from now`);
      }
      const note = optionalText('note', acknowledgement.note ?? '', limits.commentLengthMax);
      return write(() => {
        requireOpen(incidentId);
        requireRoom(incidentId);
        rows.sql.acknowledge.run(person, nowMs, untilMs, incidentId);
        const said = note === '' ? {} : { note };
        return follow(incidentId, { kind: 'acknowledged', atMs: nowMs, person, ...said });
      }, acknowledgement);
    },

    unacknowledge(incidentId, by) {
      const person = nameOf(by);
      return write(() => {
        requireOpen(incidentId);
        if (stateOf(incidentId).ack_ms === null) return null;
        requireRoom(incidentId);
        rows.sql.acknowledge.run(null, null, null, incidentId);
        return follow(incidentId, { kind: 'unacknowledged', atMs: clock.wallMs(), person });
      });
    },

    comment(incidentId, { by, text }) {
      const person = nameOf(by);
      const note = requireText('text', text, limits.commentLengthMax);
      return write(() => {
        stateOf(incidentId);
        requireRoom(incidentId);
        return follow(incidentId, { kind: 'commented', atMs: clock.wallMs(), person, note });
      });
    },

    close(incidentId, { by, reason }) {
      const person = nameOf(by);
      const text = requireText('reason', reason, limits.endReasonLengthMax);
      return write(() => {
        requireOpen(incidentId);
        const ending = { kind: 'closed', reason: text, value: null, person } as const;
        const transition = rows.end(incidentId, ending, clock.wallMs());
        if (transition === null) throw new AppError('INCIDENT_ENDED', `incident ${incidentId} has ended`);
        return transition;
      });
    },
  };
}

function optionalText(name: string, text: string, lengthMax: number): string {
  return text.trim() === '' ? '' : requireText(name, text, lengthMax);
}

/** A text that somebody must give: without control characters, and neither empty nor too long. */
function requireText(name: string, text: string, lengthMax: number): string {
  const trimmed = text.trim();
  const clean = cleanMultiline(trimmed);
  if (clean === '' || trimmed.length > lengthMax) {
    throw new AppError('BAD_REQUEST', `${name} must have 1 to ${lengthMax} characters`);
  }
  return clean;
}

/** Line breaks are all that is left of control characters. */
function cleanMultiline(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => cleanText(line, line.length + 1))
    .join('\n')
    .trim();
}

function shown(id: string): string {
  return cleanText(id, 64);
}
