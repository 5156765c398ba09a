/** A simulated machine with the product's agent on it: real scheduler, spool and uplink on simulated ports. */
import { LocalHost, MACHINE_ROOTS } from '../../agent/src/host/local-host.ts';
import type { IdentityStore, SessionFacts } from '../../agent/src/link/identity.ts';
import { Uplink } from '../../agent/src/link/uplink.ts';
import { Scheduler, type TickSpool } from '../../agent/src/scheduler/scheduler.ts';
import { TickTaker } from '../../agent/src/scheduler/tick.ts';
import { MemorySpool } from '../../agent/src/spool/memory.ts';
import type { Spool } from '../../agent/src/spool/spool.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import { Ledger, type Tick } from './ledger.ts';
import { Machine, Process } from './machine.ts';
import { clearPath, type Network, type Path } from './network.ts';
import type { Plan } from './plan.ts';
import { Random } from './random.ts';

export interface SimAgentOptions {
  readonly number: number;
  readonly plan: Plan;
  readonly network: Network;
  readonly agentId: Buffer;
  readonly keys: Identity;
  readonly collectorKey: Buffer;
  readonly log: (line: string) => void;
  readonly failed: (check: string, detail: string) => void;
}

/** What dies with the process. */
interface Running {
  readonly process: Process;
  readonly spool: Spool;
  readonly scheduler: Scheduler;
  readonly uplink: Uplink;
  /** Number of its first tick in the ledger. */
  readonly firstTick: number;
}

/** Simulated samplers never ask it. */
const HOST = new LocalHost(MACHINE_ROOTS);

export class SimAgent {
  readonly number: number;
  readonly hostId: string;
  readonly machine: Machine;
  readonly path: Path = clearPath();
  readonly ledger: Ledger;
  readonly #options: SimAgentOptions;
  readonly #random: Random;
  #facts: SessionFacts = { generation: 0, storeId: '', binding: 'none' };
  #running: Running | undefined;
  #boots = 0;

  constructor(options: SimAgentOptions) {
    const { number, plan, network } = options;
    this.#options = options;
    this.number = number;
    this.hostId = options.agentId.toString('hex');
    this.#random = new Random(plan.seed, `agent ${number}`);
    this.machine = new Machine(network.timeline);
    this.ledger = new Ledger({
      machine: number,
      clock: this.machine,
      devices: (tick) => (plan.faults.has('changing series') ? 1 + (Math.floor(tick / 3) % 5) : 2),
    });
  }

  get name(): string {
    return `agent ${this.number}`;
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

  /** Everything that was numbered is acknowledged, over a session that lives. */
  get isSettled(): boolean {
    const running = this.#running;
    if (running === undefined || this.machine.isFrozen || running.uplink.stats().phase !== 'LIVE')
      return false;
    return running.spool.epochs().every(({ next, acked }) => acked === next - 1);
  }

  /** Starts the agent; does nothing when it runs. */
  start(): void {
    if (this.#running !== undefined) return;
    const { plan, network, keys, agentId, collectorKey } = this.#options;
    const process = new Process(this.machine);
    const { clock } = process;
    const log = this.#logger(process);
    const bootId = `boot-${this.number}-${this.#boots}`;
    const randomBytes = this.#random.bytes;
    const spool = new MemorySpool({ clock, bootId, randomBytes, ...plan.spool });
    const ticks = new TickTaker({
      clock,
      host: HOST,
      samplers: [this.ledger.sampler()],
      intervalMs: plan.intervalMs,
    });
    const scheduler = new Scheduler({
      clock,
      log,
      ticks,
      spool: this.#witnessed(spool),
      intervalMs: plan.intervalMs,
    });
    const identity: IdentityStore = {
      identity: { agentId, keys, collectorKeys: [collectorKey] },
      facts: () => this.#facts,
      store: (facts) => {
        if (process.isAlive) this.#facts = facts;
      },
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
    });
    this.#running = { process, spool, scheduler, uplink, firstTick: this.ledger.ticks.length };
    uplink.start();
    scheduler.start();
  }

  /** The collector says that everything up to there is safe. */
  acknowledged(epochId: string, watermark: number): void {
    this.ledger.acknowledged(epochId, watermark);
  }

  /** The collector was set back: what was acknowledged is the agent's matter again, as far as it still has it. */
  collectorSetBack(): void {
    const held = new Set(this.#running?.spool.epochs().map(({ id }) => id));
    this.ledger.setBack((tick) => tick.place !== undefined && held.has(tick.place.epochId));
  }

  /**
   * `kill -9`.
   * @param options.isTold whether the peer hears of it, as from the operating system of a process that died
   */
  kill(options: { readonly isTold: boolean } = { isTold: true }): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.process.end();
    if (options.isTold) this.#options.network.processDied(running.process);
    else this.#options.network.machineLost(running.process);
    this.ledger.excuse('in the memory of a process that was killed', (tick) => tick.isKept && !tick.isAcked);
  }

  /** Ends in order; resolves when it has. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await running.scheduler.stop();
    this.#checkCounts(running);
    await running.uplink.stop();
    running.spool.close();
    if (!running.process.isAlive) return;
    this.#running = undefined;
    running.process.end();
    this.#options.network.processDied(running.process);
    this.ledger.excuse('in the memory of a process that ended', (tick) => tick.isKept && !tick.isAcked);
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
  #witnessed(spool: Spool): TickSpool {
    return {
      declareSchema: (schema) => spool.declareSchema(schema),
      stats: () => spool.stats(),
      append: (draft, counts) => {
        const before = spool.epochs().at(-1);
        spool.append(draft, counts);
        this.ledger.kept(counts.samples, placeOfNewest(spool, before));
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
