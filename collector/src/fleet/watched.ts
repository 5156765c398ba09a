/** Hosts as alerting looks at them: who there is, and in what state. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { HostState } from '../api/types.ts';
import type { Hosts } from './hosts.ts';
import type { OutageNow } from './mass-outage.ts';
import type { PresenceWatch } from './presence.ts';
import type { FleetVitals } from './vitals.ts';

/** How long a list of all hosts is given again while no host changes its state. */
const LIST_MS_MAX = 500;

export interface WatchedHost {
  readonly id: string;
  readonly name: string;
  readonly state: HostState;
  /** Since when, wall clock. */
  readonly sinceMs: number;
  /** Time of its newest tick; null when none came since the collector started. */
  readonly newestDataMs: number | null;
}

export interface WatchedHostsOptions {
  readonly clock: Pick<Clock, 'monoMs'>;
  readonly hosts: Hosts;
  readonly presence: PresenceWatch;
  readonly vitals: FleetVitals;
}

export class WatchedHosts {
  readonly #options: WatchedHostsOptions;
  /** What `list` gave last. */
  #last: { readonly list: readonly WatchedHost[]; readonly revision: number; readonly madeMs: number } = {
    list: [],
    revision: -1,
    madeMs: 0,
  };

  constructor(options: WatchedHostsOptions) {
    this.#options = options;
  }

  /**
   * Every host; retired ones are not among them. A hundred rules ask one after another, so the same list is given again
   * while no host comes, goes or changes its state, for half a second: `newestDataMs` may be that old.
   */
  list(): readonly WatchedHost[] {
    const { clock, presence } = this.#options;
    const { revision } = presence;
    const nowMs = clock.monoMs();
    if (this.#last.revision !== revision || nowMs - this.#last.madeMs >= LIST_MS_MAX)
      this.#last = { list: this.#listNow(), revision, madeMs: nowMs };
    return this.#last.list;
  }

  /** The state of one host; `unknown` also of one that is not watched. */
  stateOf(hostId: string): HostState {
    return this.#options.presence.now(hostId).state;
  }

  /** Whether many hosts are away together. */
  outage(): OutageNow {
    return this.#options.presence.outage();
  }

  /** Whether a host is away together with many. */
  isInOutage(hostId: string): boolean {
    return this.#options.presence.isInOutage(hostId);
  }

  #listNow(): readonly WatchedHost[] {
    const { hosts, presence, vitals } = this.#options;
    const before = this.#last.list;
    return Array.from(presence.all(), ([id, state], at) => {
      const { sinceMs } = presence.now(id);
      const newestDataMs = vitals.newestDataMs(id);
      const known = before[at];
      // Twice a second all of them anew, most of them as they were, would be garbage that has grown old.
      const isSame =
        known?.id === id &&
        known.state === state &&
        known.sinceMs === sinceMs &&
        known.newestDataMs === newestDataMs;
      return isSame ? known : { id, name: hosts.get(id)?.name ?? id, state, sinceMs, newestDataMs };
    });
  }
}
