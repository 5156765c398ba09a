/**
 * Whether a host is there: a pure state machine on monotonic time, total over every pair of state and event.
 *
 *   UNKNOWN ── start grace over ──► SUSPECT ── grace over ──► DOWN
 *      any but UP ── welcomed ──► UP ── silent, or connection gone ──► SUSPECT
 *      any ── farewell ──► PLANNED ── timeout ──► SUSPECT
 *      SUSPECT, DOWN ── maintenance ──► PLANNED ── its end ──► SUSPECT
 *
 * A host that vanished together with many others carries that as its reason, from SUSPECT to DOWN and over a restart, until
 * it is back or let go; see mass-outage.ts.
 */
import type { ByeReason } from '@rollcall/shared/protocol/messages.ts';
import type { HostState } from '../api/types.ts';

export interface PresenceSettings {
  /** An UP host that is silent for so long becomes SUSPECT. */
  readonly silenceMs: number;
  /** A host that stays SUSPECT for so long is DOWN. */
  readonly graceMs: number;
  /** How long a host may be away after it said farewell. */
  readonly plannedMs: number;
}

/** Why a host changed its state; also stands in the history. */
export type PresenceReason =
  | 'enrolled'
  | 'revoked'
  | 'collector_start'
  | 'collector_stop'
  | 'collector_gone'
  | 'welcomed'
  | 'heard'
  | 'silent'
  | 'disconnected'
  | 'never_came'
  | 'grace_over'
  | 'vanished_together'
  | 'planned_over'
  | 'maintenance'
  | `bye_${ByeReason}`;

/** All times are monotonic milliseconds. */
export interface Presence {
  readonly state: HostState;
  readonly reason: PresenceReason;
  readonly sinceMs: number;
  /** When the state ends by itself; for UP it moves with each sign of life. Infinity for never. */
  readonly untilMs: number;
}

export type PresenceEvent =
  /** A session was established. */
  | { readonly kind: 'welcomed' }
  /** Anything came from an established session. */
  | { readonly kind: 'heard' }
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'bye'; readonly reason: ByeReason }
  /** Many hosts vanished together, this one with them: while it is SUSPECT it must not be called DOWN before `untilMs`. */
  | { readonly kind: 'held'; readonly untilMs: number }
  /** The host is away, but no longer together with many. */
  | { readonly kind: 'let_go' }
  /** Whether somebody has announced work at the host for this moment. */
  | { readonly kind: 'maintenance'; readonly isOpen: boolean }
  | { readonly kind: 'tick' };

/** A host of which nothing is known yet, until `graceMs` from now. */
export function unknownPresence(reason: PresenceReason, nowMs: number, graceMs: number): Presence {
  return { state: 'unknown', reason, sinceMs: nowMs, untilMs: nowMs + graceMs };
}

/** The presence after `event`; the same object when nothing changes. */
export function nextPresence(
  presence: Presence,
  event: PresenceEvent,
  nowMs: number,
  settings: PresenceSettings,
): Presence {
  const to = (state: HostState, reason: PresenceReason, forMs: number): Presence => ({
    state,
    reason,
    sinceMs: nowMs,
    untilMs: nowMs + forMs,
  });
  switch (event.kind) {
    case 'welcomed':
      return presence.state === 'up'
        ? staysUp(presence, nowMs, settings)
        : to('up', 'welcomed', settings.silenceMs);
    case 'heard':
      if (presence.state === 'up') return staysUp(presence, nowMs, settings);
      // What still trickles in of a session that said farewell does not bring the host back.
      return presence.state === 'planned' && presence.reason !== 'maintenance'
        ? presence
        : to('up', 'heard', settings.silenceMs);
    case 'disconnected':
      return presence.state === 'up' ? to('suspect', 'disconnected', settings.graceMs) : presence;
    case 'bye':
      return afterBye(presence, event.reason, nowMs, settings);
    case 'held':
      if (presence.state !== 'suspect' && presence.state !== 'down') return presence;
      if (hasVanished(presence) && presence.untilMs >= event.untilMs) return presence;
      return {
        ...presence,
        reason: 'vanished_together',
        untilMs: Math.max(presence.untilMs, event.untilMs),
      };
    case 'let_go':
      return hasVanished(presence) ? { ...presence, reason: reasonAlone(presence.state) } : presence;
    case 'maintenance':
      return event.isOpen
        ? inMaintenance(presence, nowMs, settings)
        : afterMaintenance(presence, nowMs, settings);
    case 'tick':
      return nowMs < presence.untilMs ? presence : afterTimeout(presence, nowMs, settings);
  }
}

/** Whether the host is away since it vanished together with many others. */
export function hasVanished({ reason }: Presence): boolean {
  return reason === 'vanished_together';
}

function reasonAlone(state: HostState): PresenceReason {
  if (state === 'down') return 'grace_over';
  return state === 'unknown' ? 'collector_start' : 'silent';
}

function staysUp(presence: Presence, nowMs: number, settings: PresenceSettings): Presence {
  return { ...presence, untilMs: nowMs + settings.silenceMs };
}

function afterBye(
  presence: Presence,
  reason: ByeReason,
  nowMs: number,
  settings: PresenceSettings,
): Presence {
  switch (reason) {
    case 'epoch':
    case 'key':
      // The agent reconnects at once; if it does not, silence tells.
      return presence;
    case 'stop':
    case 'shutdown':
    case 'reboot':
    case 'update':
      return {
        state: 'planned',
        reason: `bye_${reason}`,
        sinceMs: nowMs,
        untilMs: nowMs + settings.plannedMs,
      };
  }
}

/** A host that is there stays UP: work at it does not make it absent. */
function inMaintenance(presence: Presence, nowMs: number, settings: PresenceSettings): Presence {
  switch (presence.state) {
    case 'suspect':
    case 'down':
      return { state: 'planned', reason: 'maintenance', sinceMs: nowMs, untilMs: Number.POSITIVE_INFINITY };
    case 'planned':
      // Who said farewell for the work may stay away as long as it lasts.
      return { ...presence, untilMs: Math.max(presence.untilMs, nowMs + settings.graceMs) };
    case 'unknown':
    case 'up':
      return presence;
  }
}

function afterMaintenance(presence: Presence, nowMs: number, settings: PresenceSettings): Presence {
  if (presence.state !== 'planned' || presence.reason !== 'maintenance') return presence;
  return { state: 'suspect', reason: 'planned_over', sinceMs: nowMs, untilMs: nowMs + settings.graceMs };
}

function afterTimeout(presence: Presence, nowMs: number, settings: PresenceSettings): Presence {
  const suspect = (reason: PresenceReason): Presence => ({
    state: 'suspect',
    reason,
    sinceMs: nowMs,
    untilMs: nowMs + settings.graceMs,
  });
  switch (presence.state) {
    case 'unknown':
      return suspect(hasVanished(presence) ? presence.reason : 'never_came');
    case 'up':
      return suspect('silent');
    case 'planned':
      return suspect('planned_over');
    case 'suspect':
      return {
        state: 'down',
        reason: hasVanished(presence) ? presence.reason : 'grace_over',
        sinceMs: nowMs,
        untilMs: Number.POSITIVE_INFINITY,
      };
    case 'down':
      return presence;
  }
}
