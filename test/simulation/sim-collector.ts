/** The product's collector on simulated ports and real databases, which outlive its processes and can be set back. */
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AgentConfigs } from '../../collector/src/fleet/agent-configs.ts';
import { AgentConfigStore, settingsText } from '../../collector/src/fleet/config-store.ts';
import { Hosts } from '../../collector/src/fleet/hosts.ts';
import { Inventory } from '../../collector/src/fleet/inventory.ts';
import { PresenceWatch } from '../../collector/src/fleet/presence.ts';
import { PRESENCE_DEFAULTS } from '../../collector/src/fleet/presence-settings.ts';
import { FleetVitals } from '../../collector/src/fleet/vitals.ts';
import { createGateway, type Gateway } from '../../collector/src/gateway/gateway.ts';
import type { Journal } from '../../collector/src/journal/journal.ts';
import { JOURNAL_MIGRATIONS } from '../../collector/src/journal/migrations.ts';
import { openJournal } from '../../collector/src/journal/open-journal.ts';
import type { JournalStore } from '../../collector/src/journal/store.ts';
import { openDatabase, type Database } from '../../collector/src/state/database.ts';
import { openState } from '../../collector/src/state/state.ts';
import { sleep } from '@rollcall/shared/lib/clock.ts';
import type { AgentSettings } from '@rollcall/shared/protocol/agent-config.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import { Machine, Process } from './machine.ts';
import type { Network } from './network.ts';
import { Random } from './random.ts';

const JOURNAL = 'journal.db';
const STATE = 'state.db';
const FILES = [JOURNAL, `${JOURNAL}-wal`, STATE, `${STATE}-wal`];

/** What the journal's disk does at the moment. */
export interface JournalDisk {
  /** Every write fails. */
  isFull: boolean;
  /** How many of the next commits report an error, although what they wrote is there. */
  falseErrors: number;
  /** Longest time of a commit. */
  delayMsMax: number;
  /** The process dies right before or right after its next commit. */
  deathAt: 'before' | 'after' | undefined;
}

interface Running {
  readonly process: Process;
  readonly state: Database;
  readonly journal: Journal;
  readonly hosts: Hosts;
  readonly presence: PresenceWatch;
  readonly gateway: Gateway;
  /** Of the journal, to be closed without a last commit. */
  readonly closeStore: () => void;
}

export interface SimCollectorOptions {
  readonly seed: number;
  readonly network: Network;
  readonly identity: Identity;
  /** A folder that is ours. */
  readonly folder: string;
  readonly hosts: readonly { readonly id: string; readonly name: string; readonly publicKey: Buffer }[];
  readonly log: (line: string) => void;
  /** After each change of a host's presence. */
  readonly presenceChanged: (hostId: string, to: string, reason: string) => void;
  /** The process died in the middle of a commit. */
  readonly diedInCommit: () => void;
}

/** Databases with their tables, made once per process. */
export function prepareTemplate(folder: string): void {
  mkdirSync(folder, { recursive: true });
  openDatabase(join(folder, JOURNAL), JOURNAL_MIGRATIONS).close();
  openState(join(folder, STATE)).close();
}

export class SimCollector {
  readonly machine: Machine;
  readonly disk: JournalDisk = { isFull: false, falseErrors: 0, delayMsMax: 0, deathAt: undefined };
  readonly journalPath: string;
  readonly #options: SimCollectorOptions;
  readonly #random: Random;
  #running: Running | undefined;
  #isRetired = false;

  constructor(options: SimCollectorOptions) {
    this.#options = options;
    this.#random = new Random(options.seed, 'collector');
    this.machine = new Machine(options.network.timeline);
    this.journalPath = join(options.folder, JOURNAL);
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get presence(): PresenceWatch | undefined {
    return this.#running?.presence;
  }

  get hosts(): Hosts | undefined {
    return this.#running?.hosts;
  }

  /** What the command line does while the collector runs: settings for one host, or for all. */
  want(hostId: string | undefined, settings: AgentSettings): void {
    const state = this.#running?.state;
    if (state === undefined) return;
    const store = new AgentConfigStore(state);
    if (hostId === undefined) store.wantOfAll(settings);
    else store.wantOf(hostId, settings);
  }

  /** Whether the host has what is wanted of it under the version that its agent names, or has refused it. */
  hasSettled(hostId: string, agentVersion: number): boolean {
    const state = this.#running?.state;
    if (state === undefined) return false;
    const store = new AgentConfigStore(state);
    const { stage, released } = store.fleet();
    const wanted = settingsText({ ...released, ...store.wantedOf(hostId) });
    const offer = store.offerOf(hostId);
    if (stage === 'ring') return false;
    if (offer === undefined) return wanted === '{}' && agentVersion === 0;
    const isInForce = offer.state === 'applied' && offer.version === agentVersion;
    return offer.settings === wanted && (isInForce || offer.state === 'rejected');
  }

  get journal(): Journal | undefined {
    return this.#running?.journal;
  }

  /** Starts the collector; does nothing when it runs. */
  start(): void {
    if (this.#running !== undefined || this.#isRetired) return;
    const { network, identity, folder, hosts: enrolled } = this.#options;
    const process = new Process(this.machine);
    const { clock } = process;
    const log = this.#logger(process);
    const randomBytes = this.#random.bytes;
    const state = openState(join(folder, STATE));
    let store: JournalStore | undefined;
    const journal = openJournal({
      path: this.journalPath,
      clock,
      log,
      randomBytes,
      yieldToLoop: () => Promise.resolve(),
      wrapStore: (real) => {
        store = real;
        return this.#faulty(real, process);
      },
    });
    const hosts = new Hosts({ database: state, clock, log });
    for (const { id, name, publicKey } of enrolled) {
      if (hosts.get(id) !== undefined) continue;
      const draft = { id, publicKey, tokenId: 'token', hostName: name, machineId: '', agentVersion: '1.0.0' };
      hosts.admit(hosts.insert(draft));
    }
    hosts.start();
    const presence = new PresenceWatch({ database: state, hosts, clock, log, settings: PRESENCE_DEFAULTS });
    presence.start();
    presence.onChange(({ hostId, to, reason }) => this.#options.presenceChanged(hostId, to, reason));
    const vitals = new FleetVitals();
    journal.onCommitted((ticks) => vitals.committed(ticks));
    const gateway = createGateway({
      clock,
      log,
      randomBytes,
      random: this.#random.next,
      identity,
      journal,
      hosts,
      presence,
      vitals,
      inventory: new Inventory({ database: state, clock }),
      configs: new AgentConfigs({ database: state, clock, log, identity, hosts, counted: () => {} }),
      counters: { count: () => {} },
      addressOf: () => '192.0.2.1',
    });
    this.#running = {
      process,
      state,
      journal,
      hosts,
      presence,
      gateway,
      closeStore: () => void store?.close(),
    };
    network.listener = { process, gateway };
  }

  /** `kill -9`; what a transaction has written stays. */
  kill(): void {
    const running = this.#leave();
    if (running === undefined) return;
    running.process.end();
    this.#options.network.processDied(running.process);
    running.closeStore();
    running.state.close();
  }

  /** Whether it was stopped for good, which no fault may disturb. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** From now on no fault may disturb it. */
  retire(): void {
    this.#isRetired = true;
  }

  /** Ends in order; resolves when it has. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await running.gateway.close();
    running.presence.close();
    running.hosts.close();
    await running.journal.close();
    if (!running.process.isAlive) return;
    this.#leave();
    running.process.end();
    this.#options.network.processDied(running.process);
    running.state.close();
  }

  /** Keeps the databases as they are now. */
  saveImage(): void {
    this.#copy('', 'image-');
  }

  /** Puts the databases of the image in place; the collector must not run. Returns whether there is an image. */
  restoreImage(): boolean {
    if (!existsSync(join(this.#options.folder, `image-${JOURNAL}`))) return false;
    this.#copy('image-', '');
    return true;
  }

  #copy(from: string, to: string): void {
    const { folder } = this.#options;
    for (const name of FILES) {
      rmSync(join(folder, to + name), { force: true });
      rmSync(join(folder, `${to}${name.replace('-wal', '')}-shm`), { force: true });
      if (existsSync(join(folder, from + name)))
        copyFileSync(join(folder, from + name), join(folder, to + name));
    }
  }

  #leave(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) this.#options.network.listener = undefined;
    return running;
  }

  #faulty(store: JournalStore, process: Process): JournalStore {
    const { disk } = this;
    const alive = (): void => {
      if (!process.isAlive) throw new Error('the process is dead');
    };
    return {
      storeId: store.storeId,
      totals: () => store.totals(),
      lanesOf: (agentId) => store.lanesOf(agentId),
      crcOf: (laneId, seq) => store.crcOf(laneId, seq),
      schemasInForce: (laneId) => store.schemasInForce(laneId),
      schemaNumber: (laneId, number) => store.schemaNumber(laneId, number),
      lostSamples: (agentId) => store.lostSamples(agentId),
      samplesAfter: (pos) => store.samplesAfter(pos),
      commit: async (batch) => {
        if (disk.delayMsMax > 0) await sleep(process.clock, this.#random.next() * disk.delayMsMax);
        alive();
        if (disk.isFull) throw new Error('database or disk is full');
        if (disk.deathAt === 'before') this.#dieInCommit();
        alive();
        await store.commit(batch);
        if (disk.deathAt === 'after') this.#dieInCommit();
        alive();
        if (disk.falseErrors === 0) return;
        disk.falseErrors--;
        throw new Error('disk I/O error');
      },
      prune: (...parameters) => store.prune(...parameters),
      changeBlocks: (change) => store.changeBlocks(change),
      deleteAgent: (agent) => store.deleteAgent(agent),
      deleteSealed: (...parameters) => store.deleteSealed(...parameters),
      reopen: async () => {
        alive();
        if (disk.isFull) throw new Error('database or disk is full');
        await store.reopen();
      },
      close: async () => {
        if (process.isAlive) await store.close();
      },
    };
  }

  #dieInCommit(): void {
    this.disk.deathAt = undefined;
    this.#options.diedInCommit();
  }

  #logger(process: Process): Logger {
    const at =
      (level: string) =>
      (message: string, fields: object = {}) => {
        if (process.isAlive) this.#options.log(`collector ${level} ${message} ${JSON.stringify(fields)}`);
      };
    return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
  }
}
