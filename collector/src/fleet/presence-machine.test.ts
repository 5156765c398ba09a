import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BYE_REASONS } from '@rollcall/shared/protocol/messages.ts';
import {
  hasVanished,
  nextPresence,
  unknownPresence,
  type Presence,
  type PresenceEvent,
} from './presence-machine.ts';

const SETTINGS = { silenceMs: 30, graceMs: 20, plannedMs: 200 };

/** Plays events, each `[time, event]`, from UNKNOWN with a grace of 100; the states after each. */
function play(
  ...steps: readonly (readonly [number, PresenceEvent['kind'] | 'work is over' | `bye ${string}`])[]
): string[] {
  let presence = unknownPresence('collector_start', 0, 100);
  return steps.map(([atMs, name]) => {
    presence = nextPresence(presence, eventOf(name), atMs, SETTINGS);
    return presence.state;
  });
}

function eventOf(name: string): PresenceEvent {
  const reason = BYE_REASONS.find((known) => name === `bye ${known}`);
  if (reason !== undefined) return { kind: 'bye', reason };
  if (name === 'held') return { kind: 'held', untilMs: 500 };
  if (name === 'maintenance') return { kind: 'maintenance', isOpen: true };
  if (name === 'work is over') return { kind: 'maintenance', isOpen: false };
  if (name === 'let_go') return { kind: 'let_go' };
  if (name === 'welcomed' || name === 'heard' || name === 'disconnected') return { kind: name };
  return { kind: 'tick' };
}

describe('nextPresence', () => {
  it.each([
    [
      'waits for the start grace, then the grace',
      [
        [99, 'tick'],
        [100, 'tick'],
        [119, 'tick'],
        [120, 'tick'],
      ],
      'unknown suspect suspect down',
    ],
    [
      'is up at the welcome',
      [
        [5, 'welcomed'],
        [34, 'tick'],
        [35, 'tick'],
      ],
      'up up suspect',
    ],
    [
      'is kept up by any sign of life',
      [
        [5, 'welcomed'],
        [30, 'heard'],
        [59, 'tick'],
        [60, 'tick'],
      ],
      'up up up suspect',
    ],
    [
      'is suspect when the connection goes, up when it is back',
      [
        [5, 'welcomed'],
        [6, 'disconnected'],
        [7, 'welcomed'],
      ],
      'up suspect up',
    ],
    [
      'is down after the grace, up when heard again',
      [
        [5, 'welcomed'],
        [6, 'disconnected'],
        [25, 'tick'],
        [26, 'tick'],
        [27, 'heard'],
      ],
      'up suspect suspect down up',
    ],
    [
      'is planned after a farewell, suspect when it stays away',
      [
        [5, 'welcomed'],
        [6, 'bye reboot'],
        [7, 'disconnected'],
        [205, 'tick'],
        [206, 'tick'],
        [226, 'tick'],
      ],
      'up planned planned planned suspect down',
    ],
    [
      'is not brought back by what trickles in after the farewell',
      [
        [5, 'welcomed'],
        [6, 'bye shutdown'],
        [7, 'heard'],
      ],
      'up planned planned',
    ],
    [
      'comes back from planned at the welcome',
      [
        [5, 'welcomed'],
        [6, 'bye update'],
        [7, 'welcomed'],
      ],
      'up planned up',
    ],
    [
      'stays up when the agent only opens an epoch',
      [
        [5, 'welcomed'],
        [6, 'bye epoch'],
        [35, 'tick'],
      ],
      'up up suspect',
    ],
    [
      'is planned, not suspect, when the agent was stopped on purpose',
      [
        [5, 'welcomed'],
        [6, 'bye stop'],
        [26, 'tick'],
        [206, 'tick'],
      ],
      'up planned planned suspect',
    ],
    [
      'is planned while there is work at it, and suspect when that is over',
      [
        [5, 'welcomed'],
        [6, 'maintenance'],
        [35, 'tick'],
        [36, 'maintenance'],
        [9_000, 'tick'],
        [9_001, 'work is over'],
        [9_021, 'tick'],
        [9_022, 'maintenance'],
        [9_023, 'heard'],
      ],
      'up up suspect planned planned suspect down planned up',
    ],
    [
      'may stay away as long as the work lasts when it said farewell for it',
      [
        [5, 'welcomed'],
        [6, 'bye shutdown'],
        [205, 'maintenance'],
        [224, 'tick'],
        [224, 'heard'],
        [225, 'work is over'],
        [225, 'tick'],
      ],
      'up planned planned planned planned planned suspect',
    ],
    [
      'is unknown as before while there is work and nobody knows anything',
      [
        [5, 'maintenance'],
        [99, 'work is over'],
      ],
      'unknown unknown',
    ],
    [
      'does not go down while it is held',
      [
        [5, 'welcomed'],
        [6, 'disconnected'],
        [7, 'held'],
        [499, 'tick'],
        [500, 'tick'],
      ],
      'up suspect suspect suspect down',
    ],
    [
      'stays down when it is down already',
      [
        [100, 'tick'],
        [120, 'tick'],
        [121, 'held'],
        [600, 'tick'],
      ],
      'suspect down down down',
    ],
  ] as const)('%s', (_name, steps, states) => {
    expect(play(...steps).join(' ')).toBe(states);
  });

  it('is defined for every state and event, and leaves none without a reason', () => {
    const byes = BYE_REASONS.map((reason) => `bye ${reason}`);
    const event = fc.constantFrom('welcomed', 'heard', 'disconnected', 'held', 'let_go', 'tick', ...byes);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(60), event), { maxLength: 60 }), (steps) => {
        let presence: Presence = unknownPresence('collector_start', 0, 100);
        let nowMs = 0;
        for (const [afterMs, name] of steps) {
          nowMs += afterMs;
          const next = nextPresence(presence, eventOf(name), nowMs, SETTINGS);
          expect(isAllowed(presence, name, next, nowMs), `${presence.state} ${name} ${next.state}`).toBe(
            true,
          );
          presence = next;
        }
      }),
    );
  });
});

const STATES = ['unknown', 'up', 'suspect', 'down', 'planned'];

/** What must hold for every step whatever came before. */
function isAllowed(before: Presence, name: string, after: Presence, nowMs: number): boolean {
  if (!STATES.includes(after.state) || after.sinceMs < before.sinceMs) return false;
  // Who vanished together with many is away, was marked as such, and stays so until it is back or let go.
  if (hasVanished(after) && after.state !== 'suspect' && after.state !== 'down') return false;
  if (hasVanished(after) && !hasVanished(before) && name !== 'held') return false;
  if (hasVanished(before) && !hasVanished(after) && !/^(let_go|welcomed|heard|bye .*)$/.test(name))
    return false;
  if (after.state === before.state)
    return after.state !== 'up' || after.untilMs <= nowMs + SETTINGS.silenceMs;
  // Only the passing of a grace ends in DOWN, and only a sign of life ends DOWN.
  if (after.state === 'down') return before.state === 'suspect' && name === 'tick' && nowMs >= before.untilMs;
  if (before.state === 'down') return /^(welcomed|heard|bye (shutdown|reboot|update|stop))$/.test(name);
  if (after.state === 'up') return name === 'welcomed' || name === 'heard';
  return after.state !== 'unknown' && after.sinceMs === nowMs;
}
