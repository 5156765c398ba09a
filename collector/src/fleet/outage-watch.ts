/**
 * Whether many hosts are away together: looks at all of them with each tick of presence, marks those that vanished
 * together, and lets them go when that is over. How many are many is decided in mass-outage.ts; decision 0103.
 */
import type { Logger } from '@rollcall/shared/lib/log.ts';
import {
  areFew,
  isMass,
  nextMass,
  type MassBeginning,
  type MassCounts,
  type MassOutage,
  type MassSettings,
  type OutageNow,
} from './mass-outage.ts';
import { hasVanished, type Presence, type PresenceEvent, type PresenceReason } from './presence-machine.ts';

/** Who said farewell, or whose planned work is over, did not vanish. */
const VANISHING: ReadonlySet<PresenceReason> = new Set(['silent', 'disconnected', 'vanished_together']);

const LET_GO: PresenceEvent = { kind: 'let_go' };

/** What is looked at of a host. */
export interface OutageHost {
  readonly presence: Presence;
  /** Since when its state holds, and when it was last heard of; wall clock. */
  readonly sinceWallMs: number;
  readonly lastSeenMs: number | null;
  /** Since when it is missed that was there, SUSPECT or DOWN by now; monotonic, `null` when it is not. */
  readonly missedSinceMs: number | null;
}

export interface OutageWatchOptions {
  /** All hosts that are watched, by id; looked at, never changed. */
  readonly hosts: ReadonlyMap<string, OutageHost>;
  /** The one way to change a host. */
  readonly step: (hostId: string, event: PresenceEvent) => void;
  readonly log: Logger;
  readonly settings: MassSettings;
  /** When the collector started, wall clock. */
  readonly startedMs: number;
  /** Until when it is not known who comes back after the start; monotonic. */
  readonly unclearUntilMs: number;
}

export class OutageWatch {
  readonly #options: OutageWatchOptions;
  readonly #listeners = new Set<() => void>();
  #mass: MassOutage | null = null;
  /** How many hosts are away that vanished together. */
  #awayCount = 0;
  #unclearUntilMs: number;

  constructor(options: OutageWatchOptions) {
    this.#options = options;
    this.#unclearUntilMs = options.unclearUntilMs;
  }

  /** @param nowMs monotonic, here and below */
  at(nowMs: number): OutageNow {
    const isUnclear = nowMs < this.#unclearUntilMs;
    if (this.#mass === null) return { kind: isUnclear ? 'unclear' : 'none' };
    if (this.#mass.isResumed && isUnclear) return { kind: 'unclear' };
    const { sinceMs, isAfterStart } = this.#mass;
    const { hosts } = this.#options;
    return { kind: 'open', sinceMs, isAfterStart, awayCount: this.#awayCount, hostCount: hosts.size };
  }

  /** Whether a host is away together with many. */
  has(hostId: string): boolean {
    const host = this.#options.hosts.get(hostId);
    return this.#mass !== null && host !== undefined && hasVanished(host.presence);
  }

  /** Calls `listener` right after an outage began or ended. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells nobody any more. */
  close(): void {
    this.#listeners.clear();
  }

  /**
   * To be called before the hosts are looked at one by one.
   * @param hasWork at which hosts there is planned work now
   */
  judge(nowMs: number, hasWork: ((hostId: string) => boolean) | undefined): void {
    const { hosts, step, settings, startedMs } = this.#options;
    const recent: [string, OutageHost][] = [];
    let away = 0;
    for (const entry of hosts) {
      const [hostId, { presence, missedSinceMs }] = entry;
      if (hasVanished(presence)) away++;
      const isRecent = missedSinceMs !== null && missedSinceMs >= nowMs - settings.windowMs;
      // Who is away for planned work is only called so when it is looked at alone.
      if (isRecent && hasWork?.(hostId) !== true) recent.push(entry);
    }
    const found = { hosts: hosts.size, recent: recent.length, isUnclear: nowMs < this.#unclearUntilMs };
    const isMassNow = isMass({ ...found, away }, settings);
    const beginning = beginningOf(recent, startedMs);
    for (const [hostId, { presence }] of isMassNow ? recent : []) {
      if (!hasVanished(presence)) away++;
      step(hostId, { kind: 'held', untilMs: presence.sinceMs + settings.graceMs });
    }
    const counts = { ...found, away };
    this.#set(nextMass(this.#mass, counts, nowMs, settings, beginning), counts);
  }

  /** An outage that an earlier run saw goes on: nobody knows yet who is back. */
  resume(sinceMs: number): void {
    const { hosts, step, settings } = this.#options;
    const away = [...hosts.values()].filter(({ presence }) => hasVanished(presence)).length;
    const counts = { hosts: hosts.size, recent: 0, away, isUnclear: true };
    if (!areFew(counts, settings))
      this.#set({ sinceMs, isAfterStart: false, isResumed: true, fewSinceMs: null }, counts);
    else for (const hostId of hosts.keys()) step(hostId, LET_GO);
  }

  #set(mass: MassOutage | null, { hosts: hostCount, away }: MassCounts): void {
    const { hosts, step, log } = this.#options;
    const before = this.#mass;
    this.#mass = mass;
    this.#awayCount = away;
    if ((before === null) === (mass === null)) return;
    if (mass === null) {
      // Whoever is still away is told of alone.
      for (const hostId of hosts.keys()) step(hostId, LET_GO);
      this.#awayCount = 0;
      this.#unclearUntilMs = Number.NEGATIVE_INFINITY;
    }
    log.warn(mass === null ? 'hosts are no longer away together' : 'many hosts vanished together', {
      away,
      hosts: hostCount,
    });
    for (const listener of this.#listeners) listener();
  }
}

/**
 * Since when a host is missed that has just changed its state, see `OutageHost`. Pure.
 * @param host `isMissed`: it was there when the collector last ran
 */
export function missedSince({
  presence: { state, reason, sinceMs },
  isMissed,
  missedSinceMs,
}: OutageHost & { readonly isMissed: boolean }): number | null {
  if (state === 'down') return missedSinceMs;
  if (state !== 'suspect') return null;
  // That somebody is away who was so before the start is no news.
  return VANISHING.has(reason) || (reason === 'never_came' && isMissed) ? sinceMs : null;
}

/** What is told of an outage that begins with these hosts, before they are marked as part of it. */
function beginningOf(hosts: readonly (readonly [string, OutageHost])[], startedMs: number): MassBeginning {
  const neverCame = hosts.filter(([, { presence }]) => presence.reason === 'never_came');
  if (neverCame.length * 2 > hosts.length) return { sinceMs: startedMs, isAfterStart: true };
  const seenMs = hosts.map(([, { lastSeenMs, sinceWallMs }]) => lastSeenMs ?? sinceWallMs);
  return { sinceMs: seenMs.reduce((least, ms) => Math.min(least, ms), Infinity), isAfterStart: false };
}
