/**
 * A process with thousands of agents, driven by messages of the fleet benchmark. It writes the hosts into the collector's
 * data folder before that is opened, instead of enrolling each of them over HTTP.
 */
import { randomBytes } from 'node:crypto';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { parseEndpoint } from '../../agent/src/link/endpoint.ts';
import { memoryIdentityStore, type NewIdentity } from '../../agent/src/link/identity.ts';
import { webSocketDial } from '../../agent/src/link/socket.ts';
import { Uplink } from '../../agent/src/link/uplink.ts';
import { Hosts } from '../../collector/src/fleet/hosts.ts';
import { openIdentity } from '../../collector/src/fleet/identity.ts';
import { openState, stateFile } from '../../collector/src/state/state.ts';
import { machineClock } from './clock.ts';
import { LaneSpool, SHARED_BOOT, SharedLane } from './shared-lane.ts';

const INTERVAL_MS = 10_000;
/** The hosts measure one after another, in so many groups within an interval. */
const GROUPS = 100;
const CPU_COUNT = 4;

/** What the benchmark says to the swarm; each is answered by one SwarmStatus. */
export type SwarmOrder =
  | {
      readonly kind: 'enrol';
      readonly dataDir: string;
      readonly tokenId: string;
      readonly count: number;
      /** Ticks that every host has measured before it first connects. */
      readonly backlogTicks: number;
    }
  | { readonly kind: 'connect'; readonly url: string }
  | { readonly kind: 'startTicking' }
  | { readonly kind: 'status' };

export interface SwarmStatus {
  readonly live: number;
  readonly sessions: number;
  readonly unackedRecords: number;
  /** Age of the oldest reading that is not acknowledged, of the host that has the oldest one. */
  readonly lagMsMax: number;
  /** Ticks that were acknowledged, of all hosts. */
  readonly acked: number;
  readonly batches: number;
  readonly bytesSent: number;
  readonly rotations: number;
  readonly seriesCount: number;
}

interface SwarmAgent {
  readonly identity: NewIdentity;
  readonly name: string;
  readonly spool: LaneSpool;
  uplink: Uplink | undefined;
}

class Swarm {
  readonly #agents: SwarmAgent[] = [];
  #lane = new SharedLane(CPU_COUNT, INTERVAL_MS, Date.now());
  /** When each group took each record that is not in the backlog. */
  readonly #tickMs = new Map<number, number>();

  enrol({ dataDir, tokenId, count, backlogTicks }: Extract<SwarmOrder, { kind: 'enrol' }>): void {
    const firstMs = Date.now() - backlogTicks * INTERVAL_MS;
    this.#lane = new SharedLane(CPU_COUNT, INTERVAL_MS, firstMs);
    for (let tick = 0; tick < backlogTicks; tick++) this.#lane.tick(firstMs + tick * INTERVAL_MS);
    const collectorKeys = [openIdentity(dataDir).publicKey];
    const state = openState(stateFile(dataDir));
    const hosts = new Hosts({ database: state, clock: systemClock, log: silentLogger });
    state.transaction(() => {
      for (let index = 0; index < count; index++) {
        const keys = generateIdentity();
        const agentId = randomBytes(16);
        const name = `swarm-${String(index).padStart(5, '0')}`;
        hosts.insert({
          id: agentId.toString('hex'),
          publicKey: keys.publicKey,
          tokenId,
          hostName: name,
          machineId: '',
          agentVersion: '0.1.0',
        });
        const spool = new LaneSpool(this.#lane);
        spool.takeAll();
        this.#agents.push({ identity: { agentId, keys, collectorKeys }, name, spool, uplink: undefined });
      }
    });
    state.close();
  }

  connect(url: string): void {
    const endpoint = parseEndpoint(url, { isInsecureAllowed: false });
    for (const agent of this.#agents) {
      agent.uplink = new Uplink({
        clock: machineClock,
        log: silentLogger,
        random: Math.random,
        randomBytes,
        spool: agent.spool,
        identity: memoryIdentityStore(agent.identity),
        dial: webSocketDial({ clock: machineClock, randomBytes, endpoint, ca: undefined }),
        facts: {
          hostName: agent.name,
          bootId: SHARED_BOOT,
          agentVersion: '0.1.0',
          os: { platform: 'linux', name: 'Simulated Linux', kernel: '6.12.0', arch: 'x64' },
        },
        inventory: { sections: () => [], onChange: () => {} },
      });
      agent.uplink.start();
    }
  }

  startTicking(): void {
    const startedMs = performance.now();
    let step = 0;
    setInterval(() => {
      for (; step * (INTERVAL_MS / GROUPS) <= performance.now() - startedMs; step++) {
        const group = step % GROUPS;
        if (group === 0) {
          this.#lane.tick(Date.now());
          this.#tickMs.set(this.#lane.records.length, performance.now());
        }
        for (let index = group; index < this.#agents.length; index += GROUPS)
          this.#agents[index]?.spool.takeAll();
      }
    }, INTERVAL_MS / GROUPS);
  }

  status(): SwarmStatus {
    const sum = { live: 0, sessions: 0, unackedRecords: 0, acked: 0, batches: 0, bytesSent: 0, rotations: 0 };
    const nowMs = performance.now();
    let lagMsMax = 0;
    for (const [index, { spool, uplink }] of this.#agents.entries()) {
      const stats = uplink?.stats();
      if (stats?.phase === 'LIVE') sum.live++;
      sum.sessions += stats?.sessions ?? 0;
      sum.batches += stats?.batchesSent ?? 0;
      sum.bytesSent += stats?.bytesSent ?? 0;
      sum.unackedRecords += spool.held - spool.acked;
      sum.acked += Math.max(0, spool.acked - this.#lane.schemaCount);
      sum.rotations += spool.rotations;
      const tickMs = spool.acked === spool.held ? undefined : this.#tickMs.get(spool.acked + 1);
      const phaseMs = (index % GROUPS) * (INTERVAL_MS / GROUPS);
      if (tickMs !== undefined) lagMsMax = Math.max(lagMsMax, nowMs - tickMs - phaseMs);
    }
    return { ...sum, lagMsMax, seriesCount: this.#lane.seriesCount };
  }
}

const swarm = new Swarm();

function obey(order: SwarmOrder): SwarmStatus {
  switch (order.kind) {
    case 'enrol':
      swarm.enrol(order);
      break;
    case 'connect':
      swarm.connect(order.url);
      break;
    case 'startTicking':
      swarm.startTicking();
      break;
    case 'status':
      break;
  }
  return swarm.status();
}

process.on('message', (order: SwarmOrder) => process.send?.(obey(order)));
process.on('disconnect', () => process.exit(0));
