/** Hosts as the API shows them: record, presence, newest readings and open incidents put together. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type {
  AvailabilityAnswer,
  FleetAvailabilityAnswer,
  GapRange,
  HostGap,
  HostDetail,
  HostsAnswer,
  HostsPage,
  HostState,
  HostSummary,
  InventoryChangeSet,
  InventorySection,
} from '../api/types.ts';
import type { Labels } from '../storage/labels.ts';
import { availabilityOf } from './availability.ts';
import type { AgentConfigs } from './agent-configs.ts';
import { FleetAvailability } from './fleet-availability.ts';
import type { Host, Hosts } from './hosts.ts';
import type { Inventory } from './inventory.ts';
import { inventoryChanges } from './inventory-changes.ts';
import type { PresenceWatch } from './presence.ts';
import type { FleetVitals } from './vitals.ts';
import type { WatchedHosts } from './watched.ts';

/** The label `job` of what agents send. */
const JOB = 'node';

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
  readonly watched: WatchedHosts;
  readonly presence: PresenceWatch;
  readonly vitals: FleetVitals;
  readonly inventory: Inventory;
  readonly configs: Pick<AgentConfigs, 'of'>;
  /** Open incidents by host id; a host without one is not in it. */
  readonly openIncidents: () => ReadonlyMap<string, number>;
  /** Samples lost and declared, by reason. */
  readonly lostSamples: (hostId: string) => Readonly<Record<string, number>>;
  /** What was lost and declared, told last first. */
  readonly gaps: (hostId: string, range: GapRange) => readonly HostGap[];
}

export class FleetView {
  readonly #options: FleetViewOptions;
  readonly #availability: FleetAvailability;

  constructor(options: FleetViewOptions) {
    this.#options = options;
    const { hosts, clock, presence } = options;
    const history = presence.history.bind(presence);
    this.#availability = new FleetAvailability({ hosts, clock, history });
  }

  /** A page of hosts in name order; it may be shorter than asked where revoked ones are left out. */
  list({ isRevokedToo, ...page }: HostsPage): HostsAnswer {
    const { hosts, presence, openIncidents } = this.#options;
    const found = hosts.list(page);
    const incidents = openIncidents();
    return {
      hosts: found.hosts
        .filter(({ revokedMs }) => isRevokedToo || revokedMs === null)
        .map((host) => this.#summary(host, incidents)),
      next: found.next,
      counts: presence.counts(),
    };
  }

  get(hostId: string): HostDetail | undefined {
    const { hosts, inventory, configs, lostSamples, openIncidents } = this.#options;
    const host = hosts.get(hostId);
    if (host === undefined) return undefined;
    return {
      ...this.#summary(host, openIncidents()),
      machineId: host.machineId,
      bootId: host.bootId,
      lostSamples: lostSamples(hostId),
      inventorySections: inventory.sectionNames(hostId),
      config: configs.of(hostId),
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

  availability(
    hostId: string,
    range: { readonly fromMs: number; readonly toMs: number },
  ): Omit<AvailabilityAnswer, 'hostId'> | undefined {
    const { hosts, presence } = this.#options;
    if (hosts.get(hostId) === undefined) return undefined;
    const { seen, corrected } = presence.history(hostId, range);
    return { ...range, seen: availabilityOf(seen, range), corrected: availabilityOf(corrected, range) };
  }

  /** @throws AppError SLOW_DOWN */
  fleetAvailability(
    range: { readonly fromMs: number; readonly toMs: number },
    limit: number,
  ): Promise<FleetAvailabilityAnswer> {
    return this.#availability.of(range, limit);
  }

  inventory(hostId: string): readonly InventorySection[] | undefined {
    const { hosts, inventory } = this.#options;
    return hosts.get(hostId) === undefined ? undefined : inventory.latest(hostId);
  }

  /** Hosts as Prometheus' API shows what it scrapes. */
  targets(intervalMs: number) {
    return this.#options.watched.list().map(({ name, state, newestDataMs }) => ({
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
    const instances = new Set(this.#options.watched.list().map(({ name }) => name));
    return { has: (labels) => labels.get('job') === JOB && instances.has(labels.get('instance')) };
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
      keyConflictMs: host.conflictMs,
      revokedMs: host.revokedMs,
    };
  }
}
