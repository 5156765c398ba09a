/** The hosts: who is enrolled, who is there, and what they are. */
import type { Config } from '../config/options.ts';
import { AgentConfigs } from '../fleet/agent-configs.ts';
import { Hosts } from '../fleet/hosts.ts';
import { Inventory } from '../fleet/inventory.ts';
import { PresenceWatch } from '../fleet/presence.ts';
import { PRESENCE_DEFAULTS, type PresenceWatchSettings } from '../fleet/presence-settings.ts';
import { FleetVitals } from '../fleet/vitals.ts';
import { WatchedHosts } from '../fleet/watched.ts';
import type { HostEntry } from '../readers/messages.ts';
import type { Basics } from './basics.ts';
import type { DataDir } from './data-dir.ts';
import { boundGarbage } from './garbage.ts';

export interface Fleet {
  readonly hosts: Hosts;
  readonly presence: PresenceWatch;
  readonly inventory: Inventory;
  readonly vitals: FleetVitals;
  readonly watched: WatchedHosts;
  readonly configs: AgentConfigs;
}

/** Presence and newest readings follow the journal from here on. */
export function openFleet(
  { config, clock, log, metrics, onStop }: Basics,
  { state, journal, identity, ages }: DataDir,
): Fleet {
  const hosts = new Hosts({ database: state, clock, log });
  hosts.start();
  onStop(() => hosts.close());
  onStop(boundGarbage({ hosts, given: process.execArgv }));
  const presence = new PresenceWatch({
    database: state,
    hosts,
    clock,
    agesMs: ages.nowMs(),
    log,
    settings: presenceSettings(config),
  });
  presence.start();
  onStop(journal.onCommitted((ticks) => presence.committed(ticks)));
  onStop(() => presence.close());
  const inventory = new Inventory({ database: state, clock });
  const vitals = new FleetVitals();
  onStop(journal.onCommitted((ticks) => vitals.committed(ticks)));
  return {
    hosts,
    presence,
    inventory,
    vitals,
    watched: new WatchedHosts({ clock, hosts, presence, vitals }),
    configs: new AgentConfigs({
      database: state,
      clock,
      log,
      identity,
      hosts,
      counted: (outcome, reason) => metrics.increment('rollcall_agent_config_total', { outcome, reason }),
    }),
  };
}

/** The labels of all hosts, for threads that start. */
export function hostEntries(hosts: Hosts): readonly HostEntry[] {
  return Array.from(hosts.all(), ({ id }) => [id, hosts.identityLabels(id)] as const);
}

/** Tells of each host that comes, goes, or gets other labels. Returns the way to end that. */
export function onHostEntry(hosts: Hosts, tell: (entry: HostEntry) => void): () => void {
  return hosts.onChange(({ kind, id }) => {
    tell([id, kind === 'deleted' ? undefined : hosts.identityLabels(id)]);
  });
}

/** Hosts that vanish together are given so many times the patience with one. */
const MASS_GRACES = 10;
/** That they vanished together is told first. */
const MASS_GRACE_MS_MIN = 15_000;

function presenceSettings(config: Config): PresenceWatchSettings {
  const { mass } = PRESENCE_DEFAULTS;
  const graceMs = config['down-grace'];
  return {
    ...PRESENCE_DEFAULTS,
    silenceMs: config['silence-after'],
    graceMs,
    mass: {
      ...mass,
      graceMs: Math.max(graceMs, MASS_GRACE_MS_MIN, Math.min(mass.graceMs, MASS_GRACES * graceMs)),
    },
    plannedMs: config['planned-timeout'],
    startGraceMs: config['start-grace'],
    tickMs: Math.min(PRESENCE_DEFAULTS.tickMs, Math.max(100, config['down-grace'] / 4)),
  };
}
