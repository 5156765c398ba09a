/** Hosts as the API shows them: record, presence, newest readings and open incidents put together. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type {
  GapRange,
  HostGap,
  HostDetail,
  HostsAnswer,
  HostState,
  HostSummary,
  InventoryChangeSet,
  InventorySection,
} from '../api/types.ts';
import type { Labels } from '../storage/labels.ts';
import type { Host, Hosts } from './hosts.ts';
import type { Inventory } from './inventory.ts';
import { inventoryChanges } from './inventory-changes.ts';
import type { PresenceWatch } from './presence.ts';
import type { FleetVitals } from './vitals.ts';

/** The label `job` of what agents send. */
const JOB = 'node';

/** How long a list of all hosts is given again while no host changes its state. */
const WATCHED_MS_MAX = 500;

const HEALTH: Readonly<Record<HostState, 'up' | 'down' | 'unknown'>> = {
  up: 'up',
  unknown: 'unknown',
  suspect: 'down',
  down: 'down',
  planned: 'down',
};

export interface FleetViewOptions {
  readonly clock: Pick<Clock, 'monoMs'>;
  readonly hosts: Hosts;
  readonly presence: PresenceWatch;
  readonly vitals: FleetVitals;
  readonly inventory: Inventory;
  /** Open incidents by host id; a host without one is not in it. */
  readonly openIncidents: () => ReadonlyMap<string, number>;
  /** Samples lost and declared, by reason. */
  readonly lostSamples: (hostId: string) => Readonly<Record<string, number>>;
  /** What was lost and declared, told last first. */
  readonly gaps: (hostId: string, range: GapRange) => readonly HostGap[];
}

/** A host as alerting looks at it. */
export interface WatchedHost {
  readonly id: string;
  readonly name: string;
  readonly state: HostState;
  /** Since when, wall clock. */
  readonly sinceMs: number;
  /** Time of its newest tick; null when none came since the collector started. */
  readonly newestDataMs: number | null;
}

export class FleetView {
  readonly #options: FleetViewOptions;
  /** What `watched` gave last. */
  #watched: { readonly list: readonly WatchedHost[]; readonly revision: number; readonly madeMs: number } = {
    list: [],
    revision: -1,
    madeMs: 0,
  };

  constructor(options: FleetViewOptions) {
    this.#options = options;
  }

  /** A page of hosts in name order; revoked ones are left out, so a page may be shorter than asked. */
  list(page: { readonly limit: number; readonly after: string | undefined }): HostsAnswer {
    const { hosts, presence, openIncidents } = this.#options;
    const found = hosts.list(page);
    const incidents = openIncidents();
    return {
      hosts: found.hosts
        .filter(({ revokedMs }) => revokedMs === null)
        .map((host) => this.#summary(host, incidents)),
      next: found.next,
      counts: presence.counts(),
    };
  }

  get(hostId: string): HostDetail | undefined {
    const { hosts, inventory, lostSamples, openIncidents } = this.#options;
    const host = hosts.get(hostId);
    if (host === undefined) return undefined;
    return {
      ...this.#summary(host, openIncidents()),
      machineId: host.machineId,
      bootId: host.bootId,
      lostSamples: lostSamples(hostId),
      inventorySections: inventory.sectionNames(hostId),
    };
  }

  changes(hostId: string, limit: number): readonly InventoryChangeSet[] | undefined {
    const { hosts, inventory } = this.#options;
    return hosts.get(hostId) === undefined ? undefined : inventoryChanges(inventory, hostId, limit);
  }

  gaps(hostId: string, range: GapRange): readonly HostGap[] | undefined {
    const { hosts, gaps } = this.#options;
    if (hosts.get(hostId) === undefined) return undefined;
    return gaps(hostId, range).map(({ reason, fromMs, toMs, ticks, samples, isEstimated, receivedMs }) => {
      return { reason, fromMs, toMs, ticks, samples, isEstimated, receivedMs };
    });
  }

  inventory(hostId: string): readonly InventorySection[] | undefined {
    const { hosts, inventory } = this.#options;
    return hosts.get(hostId) === undefined ? undefined : inventory.latest(hostId);
  }

  /**
   * Every host as alerting looks at it; retired ones are not among them. A hundred rules ask one after another, so the same
   * list is given again while no host comes, goes or changes its state, for half a second: `newestDataMs` may be that old.
   */
  watched(): readonly WatchedHost[] {
    const { clock, presence } = this.#options;
    const { revision } = presence;
    const nowMs = clock.monoMs();
    if (this.#watched.revision !== revision || nowMs - this.#watched.madeMs >= WATCHED_MS_MAX)
      this.#watched = { list: this.#watchedNow(), revision, madeMs: nowMs };
    return this.#watched.list;
  }

  /** Hosts as Prometheus' API shows what it scrapes. */
  targets(intervalMs: number) {
    return this.watched().map(({ name, state, newestDataMs }) => ({
      job: JOB,
      instance: name,
      health: HEALTH[state],
      lastError: state === 'up' ? '' : `host is ${state}`,
      lastSampleMs: newestDataMs ?? undefined,
      intervalMs,
    }));
  }

  /** Whether series are named as if an agent had sent them; nobody else may send those. */
  identities(): { has(labels: Labels): boolean } {
    const instances = new Set(this.watched().map(({ name }) => name));
    return { has: (labels) => labels.get('job') === JOB && instances.has(labels.get('instance')) };
  }

  #watchedNow(): readonly WatchedHost[] {
    const { hosts, presence, vitals } = this.#options;
    return Array.from(presence.all(), ([id, state]) => ({
      id,
      name: hosts.get(id)?.name ?? id,
      state,
      sinceMs: presence.now(id).sinceMs,
      newestDataMs: vitals.newestDataMs(id),
    }));
  }

  #summary(host: Host, incidents: ReadonlyMap<string, number>): HostSummary {
    const { state, sinceMs, lastSeenMs } = this.#options.presence.now(host.id);
    return {
      id: host.id,
      name: host.name,
      state,
      stateSinceMs: sinceMs,
      lastSeenMs: lastSeenMs ?? host.lastSeenMs,
      enrolledMs: host.enrolledMs,
      os: host.os,
      agentVersion: host.agentVersion,
      vitals: this.#options.vitals.of(host.id),
      openIncidentCount: incidents.get(host.id) ?? 0,
    };
  }
}
