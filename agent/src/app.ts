/** Puts the agent together: the only file that names the concrete parts. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Host } from './host/host.ts';
import { LocalHost, MACHINE_ROOTS } from './host/local-host.ts';
import { CHECKOUT_CHILD } from './inventory/collect.ts';
import { Inventory } from './inventory/inventory.ts';
import type { IdentityStore } from './link/identity.ts';
import type { Dial } from './link/socket.ts';
import { Uplink, type UplinkStats } from './link/uplink.ts';
import { createSamplers } from './samplers/list.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { samplerTimeoutMs, TickTaker } from './scheduler/tick.ts';
import type { MachineFacts } from './self/facts.ts';
import { MemorySpool } from './spool/memory.ts';
import type { SpoolStats } from './spool/spool.ts';

/** A mount gets this share of the time that its sampler gets, so that one that hangs fails alone. */
const MOUNT_TIMEOUT_RATIO = 0.5;

export interface SamplingOptions {
  readonly clock: Clock;
  readonly host: Host;
  readonly facts: MachineFacts;
  readonly intervalMs: number;
  /** The name of the one sampler that runs; all without it. */
  readonly only?: string;
}

/** Takes the readings that are sent; `show` prints them. */
export function createTicks({ clock, host, facts, intervalMs, only }: SamplingOptions): TickTaker {
  const agent = { version: facts.agentVersion, arch: facts.os.arch, os: facts.os.platform };
  const mountTimeoutMs = samplerTimeoutMs(intervalMs) * MOUNT_TIMEOUT_RATIO;
  const samplers = createSamplers(process.platform, { clock, agent, mountTimeoutMs });
  const chosen = samplers.filter(({ name }) => only === undefined || name === only);
  return new TickTaker({ clock, host, samplers: chosen, intervalMs });
}

export interface AppOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly facts: MachineFacts;
  readonly identity: IdentityStore;
  readonly dial: Dial;
  readonly intervalMs: number;
  /** Inventory sections that stay on the machine; they are not even read. */
  readonly excludedSections: readonly string[];
  readonly isDowngradeAllowed: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly randomBytes: (count: number) => Buffer;
}

/** How a running agent does. */
export interface AppStatus {
  readonly uplink: UplinkStats;
  readonly spool: SpoolStats;
}

/** An agent that samples and sends from `start` to `stop`; each is called once. */
export interface App {
  start(): void;
  /** Takes no more readings, delivers what is left within a few seconds, and closes. */
  stop(): Promise<void>;
  status(): AppStatus;
  /** Calls that hang in the kernel, such as on a dead network mount; while there is one, the process cannot end. */
  hungCalls(): number;
}

export function createApp(options: AppOptions): App {
  const { clock, log, facts, intervalMs, randomBytes } = options;
  const host = new LocalHost(MACHINE_ROOTS);
  const spool = new MemorySpool({ clock, bootId: facts.bootId, randomBytes });
  const ticks = createTicks({ clock, host, facts, intervalMs });
  const scheduler = new Scheduler({ clock, log, ticks, spool, intervalMs });
  const { excludedSections } = options;
  const inventory = new Inventory({ clock, log, command: CHECKOUT_CHILD, excludedSections });
  const uplink = new Uplink({ ...options, spool, inventory });
  return {
    start() {
      uplink.start();
      scheduler.start();
      inventory.start();
    },
    async stop() {
      await Promise.all([inventory.stop(), scheduler.stop()]);
      await uplink.stop();
      spool.close();
      host.close();
    },
    status: () => ({ uplink: uplink.stats(), spool: spool.stats() }),
    hungCalls: () => host.pendingCalls,
  };
}
