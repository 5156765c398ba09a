/**
 * A simulated machine with the product's agent on it: real scheduler, spool and uplink on simulated ports. Long, because
 * every fault that a machine can have is a method of it.
 */
import { LocalHost, MACHINE_ROOTS } from '../../agent/src/host/local-host.ts';
import { RemoteConfig, type StoredConfig } from '../../agent/src/config/remote-config.ts';
import type { IdentityStore, SessionFacts } from '../../agent/src/link/identity.ts';
import { ringOf, type KeyRing } from '../../agent/src/link/key-ring.ts';
import { Uplink } from '../../agent/src/link/uplink.ts';
import { Scheduler, type TickSpool } from '../../agent/src/scheduler/scheduler.ts';
import { TickTaker } from '../../agent/src/scheduler/tick.ts';
import { DurableSpool } from '../../agent/src/spool/durable.ts';
import { MemorySpool } from '../../agent/src/spool/memory.ts';
import type { Spool } from '../../agent/src/spool/spool.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { openConfig, type AgentSettings } from '@rollcall/shared/protocol/agent-config.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import { Ledger, type Tick } from './ledger.ts';
import { Machine, Process } from './machine.ts';
import { clearPath, type Network, type Path } from './network.ts';
import type { Fault, Plan } from './plan.ts';
import { Random } from './random.ts';
import { SimDisk } from './sim-disk.ts';

export interface SimAgentOptions {
  readonly number: number;
  readonly plan: Plan;
  readonly network: Network;
  readonly agentId: Buffer;
  readonly keys: Identity;
  readonly collectorKey: Buffer;
  readonly log: (line: string) => void;
  /** The process died by itself, at a write. */
  readonly died: (agent: SimAgent) => void;
  /** What another machine has on its disk, for a clone of it. */
  readonly original?: SimAgent;
  /** Whom it says to be, with keys of its own; it knows all that stands beside the key. */
  readonly victim?: SimAgent;
  readonly failed: (check: string, detail: string) => void;
  /** It samples by these from now on. */
  readonly settingsUsed: (
    agent: SimAgent,
    used: { readonly version: number; readonly settings: AgentSettings },
  ) => void;
}

/** What may go wrong when an agent stores its keys, or settings of the collector. */
export const STORE_TROUBLES = ['failure', 'death before', 'death after'] as const;

interface StoreTrouble {
  readonly kind: (typeof STORE_TROUBLES)[number];
  /** How many times it works before. */
  storesLeft: number;
}

const DATA = 'data';
const SPOOL_DIR = `/${DATA}/spool`;
const MEMORY_BYTES = 8_192;
/** After this time what the spool took is on the platter, if the disk is well. */
const SYNCED_AFTER_MS = 100;
/** With these a disk is not well. */
const DISK_TROUBLES: readonly Fault[] = [
  'disk full',
  'disk read-only',
  'failing writes',
  'failing reads',
  'failing syncs',
  'slow disk',
];

/** What dies with the process. */
interface Running {
  readonly process: Process;
  readonly spool: Spool;
  readonly scheduler: Scheduler;
  readonly uplink: Uplink;
  readonly remote: RemoteConfig;
  /** Number of its first tick in the ledger. */
  readonly firstTick: number;
  /** When it was started, by the time that its machine was able to run. */
  readonly startedAtMs: number;
}

/** Simulated samplers never ask it. */
const HOST = new LocalHost(MACHINE_ROOTS);

export class SimAgent {
  readonly number: number;
  readonly hostId: string;
  readonly machine: Machine;
  readonly path: Path = clearPath();
  readonly ledger: Ledger;
  readonly disk: SimDisk;
  /** Some of its files could not be read at a start, so they are looked at again after the next one only. */
  hasUnreadable = false;
  /** Its history was set back or copied. */
  hasForked = false;
  readonly #options: SimAgentOptions;
  readonly #random: Random;
  #facts: SessionFacts = { generation: 0, storeId: '', binding: 'none' };
  #ring: KeyRing;
  #hasKeyFailed = false;
  #keyTrouble: StoreTrouble | undefined;
  /** What is on its disk of settings of the collector. */
  #config: StoredConfig = { current: null, trial: null, refused: null };
  #configTrouble: StoreTrouble | undefined;
  #image:
    | {
        readonly disk: SimDisk;
        readonly facts: SessionFacts;
        readonly config: StoredConfig;
        readonly ticks: number;
      }
    | undefined;
  #running: Running | undefined;
  #boots = 0;
  #isRetired = false;
  #isStopping = false;

  constructor(options: SimAgentOptions) {
    const { number, plan, network } = options;
    this.#options = options;
    // A copy whose key is due by its clock would change it and shut the original out, who must then enrol again. Nobody does here.
    this.#ring = { ...(options.original?.ring ?? ringOf(options.keys)), sinceMs: null };
    this.number = number;
    this.hostId = options.agentId.toString('hex');
    this.#random = new Random(plan.seed, `agent ${number}`);
    this.machine = new Machine(network.timeline);
    this.disk = SimDisk.withFolder(DATA, network.timeline, new Random(plan.seed, `disk ${number}`));
    const { original } = options;
    if (original !== undefined) {
      this.disk.restore(original.disk);
      this.#facts = original.#facts;
      this.#config = original.#config;
      this.hasForked = true;
    }
    // With the tiny limits four changes fill an epoch, and a collector wants no more than one a minute.
    const ticksPerChange = Math.max(3, Math.ceil(15_000 / plan.intervalMs));
    this.ledger = new Ledger({
      machine: number,
      clock: this.machine,
      devices: (tick) =>
        plan.faults.has('changing series') ? 1 + (Math.floor(tick / ticksPerChange) % 5) : 2,
    });
  }

  get name(): string {
    return `agent ${this.number}`;
  }

  get isImpostor(): boolean {
    return this.#options.victim !== undefined;
  }

  get keys(): Identity {
    return this.#options.keys;
  }

  /** The keys on its disk. */
  get ring(): KeyRing {
    return this.#ring;
  }

  /** Somebody wants it to have a new key; it looks at its next start. */
  askForNewKey(trouble: StoreTrouble | undefined): void {
    this.#ring = { ...this.#ring, sinceMs: 0 };
    this.#keyTrouble = trouble;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get spool(): Spool | undefined {
    return this.#running?.spool;
  }

  get phase(): string {
    return this.#running?.uplink.stats().phase ?? 'NONE';
  }

  get process(): Process | undefined {
    return this.#running?.process;
  }

  /** Everything that was numbered is acknowledged, over a session that lives, and no key waits to be used. */
  get isSettled(): boolean {
    const running = this.#running;
    if (this.#ring.next !== null && !this.#hasKeyFailed) return false;
    if (running === undefined || this.machine.isFrozen || running.uplink.stats().phase !== 'LIVE')
      return false;
    return running.spool.epochs().every(({ next, acked }) => acked === next - 1);
  }

  /** Starts the agent; does nothing when it runs. */
  start(): void {
    if (this.#running !== undefined || this.#isRetired) return;
    const { network, agentId, collectorKey, victim } = this.#options;
    if (victim !== undefined) this.#facts = victim.#facts;
    const process = new Process(this.machine);
    const { clock } = process;
    const log = this.#logger(process);
    const bootId = this.#bootId;
    const randomBytes = this.#random.bytes;
    const spool = this.#openSpool(process, log);
    if (!process.isAlive) return this.#options.died(this);
    const remote = this.#remoteConfig(process, log, () => scheduler);
    const scheduler = new Scheduler({
      clock,
      log,
      ...this.#sampling(process, remote.settings),
      spool: this.#witnessed(spool, process),
    });
    const identity: IdentityStore = {
      identity: { agentId, collectorKeys: [collectorKey] },
      facts: () => this.#facts,
      store: (facts) => {
        if (process.isAlive) this.#facts = facts;
      },
      keys: () => this.#ring,
      storeKeys: (ring) => this.#storeKeys(process, ring),
    };
    const uplink = new Uplink({
      clock,
      log,
      random: this.#random.next,
      randomBytes,
      spool,
      identity,
      dial: network.dial({ process, path: this.path, name: this.name }),
      facts: {
        hostName: `host-${this.number}`,
        bootId,
        agentVersion: '1.0.0',
        os: { platform: 'linux', name: 'Debian', kernel: '6.1', arch: 'x64' },
      },
      inventory: { sections: () => [], onChange: () => {} },
      settings: remote,
    });
    const [firstTick, startedAtMs] = [this.ledger.ticks.length, this.machine.activeMs];
    this.#isStopping = false;
    this.#running = { process, spool, scheduler, uplink, remote, firstTick, startedAtMs };
    uplink.start();
    scheduler.start();
  }

  /** The next change of its settings meets this. */
  expectConfigTrouble(trouble: StoreTrouble): void {
    this.#configTrouble = trouble;
  }

  /** Of the settings of the collector that are in force for good, 0 for none; undefined while it does not run. */
  get configVersion(): number | undefined {
    return this.#running?.remote.version;
  }

  #sampling(process: Process, { intervalMs = this.#options.plan.intervalMs }: AgentSettings) {
    const samplers = [this.ledger.sampler()];
    return { ticks: new TickTaker({ clock: process.clock, host: HOST, samplers, intervalMs }), intervalMs };
  }

  #remoteConfig(process: Process, log: Logger, scheduler: () => Scheduler): RemoteConfig {
    const { agentId, collectorKey, settingsUsed, failed } = this.#options;
    const collectorKeys = [collectorKey];
    let retuned = Promise.resolve();
    const remote: RemoteConfig = new RemoteConfig({
      clock: process.clock,
      log,
      agentId,
      collectorKeys,
      isAllowed: true,
      store: { read: () => this.#config, write: (stored) => this.#storeConfig(process, stored) },
      ticks: () => scheduler().counts(),
      note: () => {},
      apply: (settings) => {
        if (!process.isAlive) return;
        settingsUsed(this, { version: remote.trialVersion ?? remote.version ?? 0, settings });
        retuned = retuned.then(() =>
          process.isAlive && !this.#isStopping
            ? scheduler().retune(this.#sampling(process, settings))
            : undefined,
        );
      },
    });
    const { current } = this.#config;
    const opened = current === null ? undefined : openConfig(current, { agentId, collectorKeys });
    const storedVersion = opened?.kind === 'document' ? opened.document.version : 0;
    if (remote.version !== storedVersion)
      failed('a start finds what was kept', `${this.name}: ${remote.version} and not ${storedVersion}`);
    settingsUsed(this, { version: remote.version ?? 0, settings: remote.settings });
    return remote;
  }

  /** All of it or nothing; a trouble comes once. */
  #storeConfig(process: Process, stored: StoredConfig): void {
    if (!process.isAlive) return;
    const trouble = this.#configTrouble;
    const kind = trouble !== undefined && trouble.storesLeft-- === 0 ? trouble.kind : undefined;
    if (kind !== undefined) this.#configTrouble = undefined;
    if (kind === 'failure') throw new AppError('DATA_DIR_UNUSABLE', 'cannot write remote-config.json');
    if (kind !== 'death before') this.#config = stored;
    if (kind === undefined) return;
    this.kill();
    this.#options.died(this);
  }

  /** All keys or none; a trouble comes once. */
  #storeKeys(process: Process, ring: KeyRing): void {
    if (!process.isAlive) return;
    const trouble = this.#keyTrouble;
    const kind = trouble !== undefined && trouble.storesLeft-- === 0 ? trouble.kind : undefined;
    if (kind !== undefined) this.#keyTrouble = undefined;
    if (kind === 'failure') {
      this.#hasKeyFailed = true;
      throw new AppError('DATA_DIR_UNUSABLE', 'cannot write agent.key');
    }
    if (kind !== 'death before') this.#ring = ring;
    if (kind === undefined) return;
    this.kill();
    this.#options.died(this);
  }

  /** A clone believes that it is the boot that it was copied from. */
  get #bootId(): string {
    const { original } = this.#options;
    return this.#boots === 0 && original !== undefined
      ? original.#bootId
      : `boot-${this.number}-${this.#boots}`;
  }

  #openSpool(process: Process, log: Logger): Spool {
    const { plan, agentId } = this.#options;
    const { kind, segmentBytes, maxBytes } = plan.spool;
    const { clock } = process;
    const common = { clock, bootId: this.#bootId, randomBytes: this.#random.bytes, segmentBytes, maxBytes };
    if (kind === 'memory') return new MemorySpool(common);
    const die = (): void => {
      if (this.#running?.process !== process) return process.end();
      this.kill();
      this.#options.died(this);
    };
    const disk = this.disk.portOf(process, die);
    this.#options.log(`${this.name} starts with ${this.disk.describe()}`);
    return DurableSpool.open({
      ...common,
      log,
      disk,
      dir: SPOOL_DIR,
      owner: agentId,
      sync: 'always',
      maxMemoryBytes: MEMORY_BYTES,
    });
  }

  /**
   * The agent is about to learn what the collector has. Where two machines have numbered their own records alike, the
   * checksums tell; but a record that was dropped for lack of room before that has none any more, and the gap that
   * stands for it has a number that the other machine may have used.
   */
  beforeComparison(): void {
    const { spool } = this;
    if (spool === undefined) return;
    const held = new Set(spool.epochs().map(({ id }) => id));
    this.ledger.excuse(
      'freed as acknowledged before the agent could know that the collector was set back',
      ({ isAcked, wasAcked, place }) =>
        !isAcked && wasAcked && place !== undefined && !held.has(place.epochId),
    );
    if (!this.hasForked) return;
    const isDropped = ({ isAcked, place }: Tick): boolean =>
      !isAcked && place !== undefined && spool.crcOf(place.epochId, place.seq) === undefined;
    this.ledger.excuse('dropped before the histories of two machines could be compared', isDropped);
  }

  /** The collector says that everything up to there is safe. */
  acknowledged(epochId: string, watermark: number): void {
    this.ledger.acknowledged(epochId, watermark);
  }

  /** It said so before it was set back, and the agent, who cannot know, frees what it would need. */
  acknowledgedTooLate(epochId: string, watermark: number): void {
    this.ledger.excuse(
      'acknowledged by a collector that was set back before the agent heard it',
      ({ isAcked, place }) => !isAcked && place?.epochId === epochId && place.seq <= watermark,
    );
  }

  /** The collector was set back: what was acknowledged is the agent's matter again, as far as it still has it. */
  collectorSetBack(): void {
    const held = new Set(this.#running?.spool.epochs().map(({ id }) => id));
    this.ledger.setBack(({ place, isWiped }) => place !== undefined && !isWiped && held.has(place.epochId));
  }

  /**
   * `kill -9`.
   * @param options.isTold whether the peer hears of it, as from the operating system of a process that died
   */
  kill(options: { readonly isTold: boolean } = { isTold: true }): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#noteSynced(running);
    running.process.end();
    if (options.isTold) this.#options.network.processDied(running.process);
    else this.#options.network.machineLost(running.process);
    this.ledger.excuse(
      'in the memory of a process that was killed',
      (tick) => !tick.isAcked && !tick.isOnDisk,
    );
  }

  /** The machine is gone for good. */
  retire(): void {
    this.#isRetired = true;
    this.kill();
    this.ledger.excuse('on a machine that is gone', ({ isAcked }) => !isAcked);
  }

  /** The power is cut; what was not synced may be lost. */
  cutPower(): void {
    this.kill({ isTold: false });
    this.disk.cutPower();
    this.reboot();
    this.ledger.excuse('not synced when the power was cut', (tick) => !tick.isAcked && !tick.isSynced);
  }

  /**
   * A process ends: what it took, and what it found at its start, is durable if there was time for it. Where the disk
   * has other faults than the loss of power, it need not have worked for what was found.
   */
  #noteSynced({ firstTick, startedAtMs }: Running): void {
    const { faults } = this.#options.plan;
    const isFoundSynced = !DISK_TROUBLES.some((fault) => faults.has(fault));
    const syncedMs = this.machine.activeMs - SYNCED_AFTER_MS;
    for (const tick of this.ledger.ticks) {
      const isFound = tick.number < firstTick;
      if (isFound && !isFoundSynced) continue;
      if (tick.isKept && Math.max(tick.keptAtMs, startedAtMs) <= syncedMs) tick.isSynced = true;
    }
  }

  /** Somebody deletes everything. */
  wipe(): void {
    this.disk.wipe();
    this.ledger.excuse('on the disk when somebody deleted everything', ({ isAcked }) => !isAcked);
    // What was delivered cannot be had again either, should the collector be set back.
    for (const tick of this.ledger.ticks) tick.isWiped = true;
  }

  /** A bit of the spool flips. What it hits at the very end cannot be told from a record that was never finished. */
  rot(mark: (name: string) => void): void {
    const path = this.disk.rot((candidate) => candidate.startsWith(SPOOL_DIR));
    const [, epochId, first] = /e-(\w+)\/(\d+)\.seg$/.exec(path ?? '') ?? [];
    this.#options.log(`${this.name} has a bit flipped in ${path}`);
    mark(epochId === undefined ? 'bit rot elsewhere' : 'bit rot in a segment');
    if (epochId === undefined || path === undefined) return;
    const isNewest = !this.disk
      .paths()
      .some((other) => other > path && other.includes(epochId) && other.endsWith('.seg'));
    if (!isNewest) return;
    const inEpoch = this.ledger.ticks.filter(
      ({ place }) => place?.epochId === epochId && place.seq >= Number(first),
    );
    const isHit = (tick: Tick): boolean => tick === inEpoch.at(-1) && !tick.isAcked;
    this.ledger.excuse('the last one of its epoch when a bit flipped', isHit);
  }

  /** Remembers what is on the disk now. */
  saveImage(): void {
    this.#image = {
      disk: this.disk.copy(),
      facts: this.#facts,
      config: this.#config,
      ticks: this.ledger.ticks.length,
    };
  }

  /** The machine is as it was at the image, in the same boot; the agent must not run. */
  restoreImage(): void {
    const image = this.#image;
    if (image === undefined) return;
    this.disk.restore(image.disk);
    this.#facts = image.facts;
    this.#config = image.config;
    this.hasForked = true;
    this.ledger.excuse(
      'taken after the image that the machine was set back to',
      ({ isAcked, number }) => !isAcked && number >= image.ticks,
    );
    // What the collector had acknowledged by then, the image may not know.
    for (const tick of this.ledger.ticks) tick.place = undefined;
  }

  /** Whether it was stopped for good, which no fault may disturb. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Ends in order and is not started again. */
  stopForGood(): Promise<void> {
    this.#isRetired = true;
    return this.stop();
  }

  /** Ends in order; resolves when it has. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#isStopping = true;
    running.remote.stop();
    await running.scheduler.stop();
    this.#checkCounts(running);
    await running.uplink.stop();
    running.spool.close();
    if (running.spool instanceof DurableSpool) await running.spool.settled();
    if (!running.process.isAlive) return;
    this.#running = undefined;
    this.#noteSynced(running);
    running.process.end();
    this.#options.network.processDied(running.process);
    this.ledger.excuse('in the memory of a process that ended', (tick) => !tick.isAcked && !tick.isOnDisk);
  }

  /** The machine starts anew; the agent must not run. */
  reboot(): void {
    this.#boots++;
    this.machine.reboot();
  }

  /** The scheduler's own account of the ticks. */
  #checkCounts({ scheduler, firstTick }: Running): void {
    const { due, taken, missed } = scheduler.counts();
    const missedSum = missed.overrun + missed.suspended + missed.no_storage;
    const kept = this.ledger.ticks.slice(firstTick).filter(({ isKept }) => isKept).length;
    if (due === taken + missedSum && taken === kept) return;
    const detail = `${this.name}: ${due} due, ${taken} taken, ${missedSum} missed, ${kept} in the ledger`;
    this.#options.failed('due = taken + missed', detail);
  }

  /** A spool that tells the ledger what it took. */
  #witnessed(spool: Spool, process: Process): TickSpool {
    return {
      declareSchema: (schema) => spool.declareSchema(schema),
      stats: () => spool.stats(),
      append: (draft, counts) => {
        const before = spool.epochs().at(-1);
        this.ledger.offered(counts.samples);
        spool.append(draft, counts);
        if (!process.isAlive) return;
        this.ledger.kept({
          place: placeOfNewest(spool, before),
          isOnDisk: spool.stats().isDurable && this.disk.isSound,
          keptAtMs: this.machine.activeMs,
        });
      },
    };
  }

  #logger(process: Process): Logger {
    const at =
      (level: string) =>
      (message: string, fields: object = {}) => {
        if (process.isAlive) this.#options.log(`${this.name} ${level} ${message} ${JSON.stringify(fields)}`);
      };
    return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
  }
}

/** Where the record that was just appended stands: in the epoch that was current, or in one that began before it. */
function placeOfNewest(
  spool: Spool,
  before: { readonly id: string; readonly next: number } | undefined,
): Tick['place'] {
  const epochs = spool.epochs();
  const sameEpoch = epochs.find(({ id }) => id === before?.id);
  const isThere = sameEpoch !== undefined && before !== undefined && sameEpoch.next > before.next;
  const epoch = isThere ? sameEpoch : epochs.at(-1);
  return epoch && { epochId: epoch.id, seq: epoch.next - 1 };
}
