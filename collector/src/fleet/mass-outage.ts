/**
 * Whether many hosts are away together, because the collector or its network failed rather than they. A pure state machine
 * on counts and monotonic time; who belongs to it stands in the presence of each host, see `hasVanished`.
 *
 *   none ── many vanish within the window ──► open ── nobody of them is away, or few for `settleMs` ──► none
 *
 * It begins with what happened within a window and ends with who is back, never with time alone.
 */

export interface MassSettings {
  /** More than this share of the hosts, and at least `hostsMin`, must vanish within `windowMs`. */
  readonly ratio: number;
  readonly hostsMin: number;
  readonly windowMs: number;
  /** Hosts that vanished together may be called DOWN after so long. */
  readonly graceMs: number;
  /** At most this share of the hosts, or fewer than `hostsMin`, are few … */
  readonly fewRatio: number;
  /** … and after so long the few that are still away are told of one by one. */
  readonly settleMs: number;
}

export interface MassBeginning {
  /** When the first of them was last heard of, or the collector started; wall clock. */
  readonly sinceMs: number;
  /** They were there before the collector started and did not come back. */
  readonly isAfterStart: boolean;
}

export interface MassOutage extends MassBeginning {
  /** An earlier run saw it, and nobody knows yet who is back. */
  readonly isResumed: boolean;
  /** Since when few are away, monotonic; `null` while many are. */
  readonly fewSinceMs: number | null;
}

export interface MassCounts {
  /** All hosts. */
  readonly hosts: number;
  /** Those that vanished within the window. */
  readonly recent: number;
  /** Those that vanished together and are still away; those that do so now are among them. */
  readonly away: number;
  /** The collector has just started, and who is back is not known yet. */
  readonly isUnclear: boolean;
}

/** What is told of it. */
export type OutageNow =
  /** Not known so soon after the start. */
  | { readonly kind: 'unclear' }
  | { readonly kind: 'none' }
  | {
      readonly kind: 'open';
      readonly sinceMs: number;
      readonly isAfterStart: boolean;
      readonly awayCount: number;
      readonly hostCount: number;
    };

/** Whether so many hosts vanished within the window that they did so together. */
export function isMass({ hosts, recent }: MassCounts, { ratio, hostsMin }: MassSettings): boolean {
  return recent >= hostsMin && recent > ratio * hosts;
}

/** Whether those that are away are so few that each can be told of. */
export function areFew({ hosts, away }: MassCounts, { fewRatio, hostsMin }: MassSettings): boolean {
  return away < hostsMin || away <= fewRatio * hosts;
}

/**
 * The outage after a look; the same object when nothing changes.
 * @param beginning what an outage that begins now says of itself
 */
export function nextMass(
  mass: MassOutage | null,
  counts: MassCounts,
  nowMs: number,
  settings: MassSettings,
  beginning: MassBeginning,
): MassOutage | null {
  const isGrowing = isMass(counts, settings);
  if (mass === null) return isGrowing ? { ...beginning, isResumed: false, fewSinceMs: null } : null;
  if (counts.away === 0) return null;
  const isResumed = mass.isResumed && !isGrowing;
  if (isGrowing || !areFew(counts, settings)) {
    const isSame = mass.fewSinceMs === null && mass.isResumed === isResumed;
    return isSame ? mass : { ...mass, isResumed, fewSinceMs: null };
  }
  if (mass.fewSinceMs === null) return { ...mass, fewSinceMs: nowMs };
  if (mass.isResumed && counts.isUnclear) return mass;
  return nowMs - mass.fewSinceMs >= settings.settleMs ? null : mass;
}
