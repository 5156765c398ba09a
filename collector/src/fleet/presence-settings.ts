/** How patient the collector is with hosts: the times of presence, and what they are unless somebody sets them. */
import type { MassSettings } from './mass-outage.ts';
import type { PresenceSettings } from './presence-machine.ts';

export interface PresenceWatchSettings extends PresenceSettings {
  /** How long hosts may stay UNKNOWN; absent: long enough for the whole fleet to come back, see `startGraceMs`. */
  readonly startGraceMs?: number | undefined;
  /** How often time is looked at. */
  readonly tickMs: number;
  /** When hosts are taken to be away together. */
  readonly mass: MassSettings;
}

export const PRESENCE_DEFAULTS: PresenceWatchSettings = {
  silenceMs: 30_000,
  graceMs: 30_000,
  plannedMs: 600_000,
  tickMs: 1_000,
  mass: {
    ratio: 0.2,
    hostsMin: 5,
    windowMs: 60_000,
    graceMs: 300_000,
    fewRatio: 0.05,
    // Twice the longest pause of an agent between two attempts to connect.
    settleMs: 120_000,
  },
};

/** Logins per second that a slow machine finishes after a restart. */
const LOGINS_PER_SECOND = 250;
/** The time that `hostCount` agents need to come back after the collector started. */
export function startGraceMs(hostCount: number): number {
  return Math.max(120_000, (hostCount / LOGINS_PER_SECOND) * 1000 + 60_000);
}
