/** Puts the agent together: the only file that names the concrete parts. */
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { sleep, type Clock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger, LogLevel } from '@rollcall/shared/lib/log.ts';
import {
  settingsInForce,
  type LocalSettings,
  type SettingsInForce,
  type ShownSetting,
} from './config/in-force.ts';
import { RemoteConfig, type ConfigStore } from './config/remote-config.ts';
import type { Host } from './host/host.ts';
import { LocalHost, MACHINE_ROOTS } from './host/local-host.ts';
import { CHECKOUT_CHILD } from './inventory/collect.ts';
import { Inventory } from './inventory/inventory.ts';
import type { IdentityStore } from './link/identity.ts';
import type { Dial } from './link/socket.ts';
import { Uplink, type UplinkStats } from './link/uplink.ts';
import { createSamplers } from './samplers/list.ts';
import { ProcessWatch, type DatedSnapshot } from './samplers/processes/watch.ts';
import { powershell, type Counters } from './samplers/windows/windows.win32.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { samplerTimeoutMs, TickTaker, type Tick } from './scheduler/tick.ts';
import type { MachineFacts } from './self/facts.ts';
import { ProcessReport } from './self/process-report.ts';
import { NewestVitals } from './self/vitals.ts';
import { DurableSpool, type SyncPolicy } from './spool/durable.ts';
import { noteEvent, noteStart, noteStop } from './spool/life.ts';
import { lockDir } from './spool/lock.ts';
import { MemorySpool } from './spool/memory.ts';
import type { Spool, SpoolStats } from './spool/spool.ts';

/** A mount gets this share of the time that its sampler gets, so that one that hangs fails alone. */
const MOUNT_TIMEOUT_RATIO = 0.5;
/** Ticks that come faster than this are made durable and sent together: that costs as much as reading. */
const GATHER_MS = 2_000;
/** How long the disk gets to make the last records safe when the agent stops. */
const SETTLE_MS_MAX = 2_000;

export interface SamplingOptions {
  readonly clock: Clock;
  readonly host: Host;
  readonly facts: MachineFacts;
  readonly intervalMs: number;
  /** Least time between readings of slow samplers. @default each tick */
  readonly slowIntervalMs?: number;
  /** Folder of text files with metrics of others; none is read without it. */
  readonly textfileDir?: string | undefined;
  /** Is shown the processes; nobody is without it. */
  readonly watch?: ProcessWatch | undefined;
  /** Is asked on Windows, see `SamplerOptions`. */
  readonly counters?: Counters | undefined;
  /** Names of samplers that do not run. @default none */
  readonly disabledSamplers?: readonly string[];
  /** The name of the one sampler that runs; all without it. */
  readonly only?: string;
}

/** What of a machine is told besides its inventory can be excluded by this name, like a section of it. */
const PROCESSES_SECTION = 'processes';

/** What watches the processes of the machine, undefined when they are excluded: then nobody looks at their names. */
export function createWatch(clock: Clock, excludedSections: readonly string[]): ProcessWatch | undefined {
  return excludedSections.includes(PROCESSES_SECTION) ? undefined : new ProcessWatch(clock);
}

/** Takes the readings that are sent; `show` prints them. */
export function createTicks(options: SamplingOptions): TickTaker {
  const {
    clock,
    host,
    facts,
    intervalMs,
    slowIntervalMs = intervalMs,
    only,
    watch,
    counters,
    disabledSamplers,
  } = options;
  const agent = { version: facts.agentVersion, arch: facts.os.arch, os: facts.os.platform };
  const mountTimeoutMs = samplerTimeoutMs(intervalMs) * MOUNT_TIMEOUT_RATIO;
  const textfileDir = options.textfileDir === undefined ? undefined : resolve(options.textfileDir);
  const samplers = createSamplers(process.platform, {
    clock,
    agent,
    mountTimeoutMs,
    textfileDir,
    watch,
    counters,
  });
  const chosen = samplers.filter(({ name }) =>
    only === undefined ? disabledSamplers?.includes(name) !== true : name === only,
  );
  return new TickTaker({ clock, host, samplers: chosen, intervalMs, slowIntervalMs });
}

export interface SpoolSettings {
  readonly kind: 'disk' | 'memory';
  /** The agent's folder, which exists; nobody else may use it while the agent runs. */
  readonly dataDir: string;
  readonly maxBytes: number;
  readonly sync: SyncPolicy;
}

export interface AppOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly facts: MachineFacts;
  readonly identity: IdentityStore;
  readonly dial: Dial;
  /** As they are set on this machine. */
  readonly local: LocalSettings;
  /** Where settings of the collector are kept, and whether any are taken. */
  readonly remote: { readonly isAllowed: boolean; readonly store: ConfigStore };
  readonly setLogLevel: (level: LogLevel) => void;
  /** Least time between readings of slow samplers. */
  readonly slowIntervalMs: number;
  /** Folder of text files with metrics of others, undefined for none. */
  readonly textfileDir: string | undefined;
  readonly spool: SpoolSettings;
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
  /** The busiest programs of the last minutes, the newest last. */
  readonly processes: readonly DatedSnapshot[];
  /** What holds of the settings that a collector may change. */
  readonly settings: readonly ShownSetting[];
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

/**
 * Opens the spool and puts the parts around it.
 * @throws AppError DATA_DIR_UNUSABLE when another agent uses the folder
 */
export async function createApp(options: AppOptions): Promise<App> {
  const { clock, log, facts, identity, slowIntervalMs, textfileDir } = options;
  const lock = await lockDir(options.spool.dataDir);
  const opened = openSpool(options);
  const { spool } = opened;
  const host = new LocalHost(MACHINE_ROOTS);
  const { excludedSections } = options;
  const watch = createWatch(clock, excludedSections);
  const snapshots = (): readonly DatedSnapshot[] => watch?.snapshots ?? [];
  const counters = powershell(clock);
  const vitals = new NewestVitals();
  const report = new ProcessReport({
    snapshots,
    cpuCount: availableParallelism(),
    append: (event) => noteEvent(spool, clock, event),
  });
  const sampling = ({ intervalMs, disabledSamplers }: SettingsInForce) => {
    const ticks = createTicks({
      clock,
      host,
      facts,
      intervalMs,
      slowIntervalMs,
      textfileDir,
      watch,
      counters,
      disabledSamplers,
    });
    return { ticks: observed(ticks, vitals, report), intervalMs };
  };
  let isStopping = false;
  let retuned: Promise<void> = Promise.resolve();
  const remote: RemoteConfig = new RemoteConfig({
    clock,
    log,
    ...identity.identity,
    ...options.remote,
    ticks: () => scheduler.counts(),
    note: (answer) => noteEvent(spool, clock, { kind: 'config', answer }),
    apply() {
      const before = inForce;
      inForce = currentSettings(options.local, remote);
      options.setLogLevel(inForce.logLevel);
      if (isSamplingAlike(before, inForce)) return;
      const wanted = inForce;
      // One that fails must not keep later ones, and the stop, from their turn.
      retuned = retuned
        .then(() => (isStopping ? undefined : scheduler.retune(sampling(wanted))))
        .catch((error: unknown) => {
          log.error('readings do not follow the settings', { error: describeError(error) });
        });
    },
  });
  let inForce = currentSettings(options.local, remote);
  options.setLogLevel(inForce.logLevel);
  const scheduler = new Scheduler({ clock, log, spool, ...sampling(inForce) });
  const inventory = new Inventory({ clock, log, command: CHECKOUT_CHILD, excludedSections });
  const uplink = new Uplink({
    ...options,
    spool,
    inventory,
    gatherMs: GATHER_MS,
    vitals: () => vitals.current(),
    settings: remote,
  });
  return {
    start() {
      opened.noteStarted();
      uplink.start();
      scheduler.start();
      inventory.start();
    },
    async stop() {
      isStopping = true;
      remote.stop();
      await retuned;
      await Promise.all([inventory.stop(), scheduler.stop()]);
      noteStop(spool, clock);
      // What is not safe yet would not be sent.
      await Promise.race([opened.settled(), sleep(clock, SETTLE_MS_MAX)]);
      await uplink.stop();
      spool.close();
      await Promise.race([opened.settled(), sleep(clock, SETTLE_MS_MAX)]);
      host.close();
      counters.close();
      lock.release();
    },
    status: () => ({
      uplink: uplink.stats(),
      spool: spool.stats(),
      processes: snapshots(),
      // Not those that were applied last: a trial ends without a change.
      settings: currentSettings(options.local, remote).shown,
    }),
    hungCalls: () => host.pendingCalls,
  };
}

/** What holds now, and who set it. */
function currentSettings(
  local: LocalSettings,
  { version, trialVersion, settings }: Pick<RemoteConfig, 'version' | 'trialVersion' | 'settings'>,
): SettingsInForce {
  const name =
    trialVersion === undefined
      ? `collector, version ${version ?? 0}`
      : `collector, version ${trialVersion}, on trial`;
  return settingsInForce(local, { settings, name });
}

function isSamplingAlike(left: SettingsInForce, right: SettingsInForce): boolean {
  return (
    left.intervalMs === right.intervalMs && left.disabledSamplers.join() === right.disabledSamplers.join()
  );
}

/** Takes the same ticks, of which the vitals are kept, and what the machine is busy with is told. */
function observed(
  ticks: TickTaker,
  vitals: NewestVitals,
  processes: ProcessReport,
): Pick<TickTaker, 'takeTick'> {
  const note = (tick: Tick): Tick => {
    vitals.note(tick);
    processes.afterTick(vitals);
    return tick;
  };
  return {
    takeTick(report) {
      const tick = ticks.takeTick(report);
      return tick instanceof Promise ? tick.then(note) : note(tick);
    },
  };
}

interface OpenedSpool {
  readonly spool: Spool;
  /** Writes down that the agent has started. */
  noteStarted(): void;
  /** Resolves when the disk has done what it was asked for. */
  settled(): Promise<void>;
}

function openSpool({ clock, log, facts, identity, spool: settings, randomBytes }: AppOptions): OpenedSpool {
  const common = { clock, log, bootId: facts.bootId, randomBytes };
  const { kind, dataDir, maxBytes, sync } = settings;
  if (kind === 'memory') {
    const spool = new MemorySpool(common);
    return { spool, noteStarted: () => {}, settled: () => Promise.resolve() };
  }
  const dir = join(resolve(dataDir), 'spool');
  const owner = identity.identity.agentId;
  const files = { disk: nodeDisk, dir, owner, maxBytes, sync, syncGatherMs: GATHER_MS };
  const spool = DurableSpool.open({ ...common, ...files });
  return {
    spool,
    noteStarted: () => noteStart(spool, clock, spool.found),
    settled: () => spool.settled(),
  };
}
