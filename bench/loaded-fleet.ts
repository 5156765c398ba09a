/**
 * A fleet with a long past in a folder: a collector's data, sealed and rolled up, and the same samples in Prometheus and
 * VictoriaMetrics. Loading takes long; it can be broken off between two portions of time and goes on with the next call.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { conformanceFile } from './board.ts';
import {
  coarseEndOf,
  DAY_MS,
  FleetPast,
  journalTarget,
  remoteWriteTarget,
  type LoadTarget,
} from './fleet/loading.ts';
import { loadRecording, type Recording } from './recording.ts';
import { enrolFleet, hostNames, OFF_GRID_MS, progress, type Other } from './side-by-side.ts';

/** What a fleet has measured. */
export interface FleetSize {
  readonly hosts: number;
  /** The newest time, at the fine pace. */
  readonly minutes: number;
  readonly intervalMs: number;
  /** What is before that, counted from the end, at the coarse pace; 0 for none. */
  readonly days: number;
  readonly dayIntervalMs: number;
}

const STATE_FILE = 'loaded.json';
const stateShape = z.object({
  size: z.object({
    hosts: z.number(),
    minutes: z.number(),
    intervalMs: z.number(),
    days: z.number(),
    dayIntervalMs: z.number(),
  }),
  startMs: z.number(),
  /** From this time on the pace is the fine one. */
  fineMs: z.number(),
  endMs: z.number(),
  agentIds: z.array(z.string()),
  /** By store: everything before this time is loaded. */
  loadedMs: z.record(z.string(), z.number()),
});

export interface LoadedFleet {
  readonly collectorDir: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Readings of one series that all hosts together have. */
  readonly readings: number;
}

type State = z.infer<typeof stateShape>;

/** What the fleet measures while everything before is loaded comes too, so that the newest hour is one that is under way. */
const BEHIND_MS_MAX = 120_000;
/** What is older stays as old as it is. */
const TOP_UP_MS_MAX = 3 * 3_600_000;

/** A folder on its way. */
export class FleetFolder {
  readonly #path: string;
  readonly #recording: Recording;
  readonly #state: State;
  #past: FleetPast;
  #isStopped = false;

  private constructor(path: string, state: State) {
    this.#path = path;
    this.#state = state;
    this.#recording = loadRecording(conformanceFile('real-host.om.gz'));
    this.#past = pastOf(this.#recording, state);
  }

  /**
   * The folder as an earlier call left it, or a new one that has its hosts and nothing else.
   * @throws Error when it holds something else
   */
  static async open(path: string, size: FleetSize): Promise<FleetFolder> {
    mkdirSync(path, { recursive: true });
    const file = join(path, STATE_FILE);
    if (!existsSync(file)) {
      if (readdirSync(path).length > 0) throw new Error(`${path} holds something else: name another folder`);
      const agentIds = await enrolFleet(join(path, 'collector'), size.hosts);
      const endMs = wholeMinute(Date.now());
      const fineMs = endMs - size.minutes * 60_000 + OFF_GRID_MS;
      const startMs = Math.min(fineMs, endMs - size.days * DAY_MS + OFF_GRID_MS);
      const state = { size, startMs, fineMs, endMs, agentIds: [...agentIds], loadedMs: {} };
      const folder = new FleetFolder(path, state);
      folder.#save();
      return folder;
    }
    const state = stateShape.parse(JSON.parse(readFileSync(file, 'utf8')));
    const [found, wanted] = [state.size, size].map((each) => JSON.stringify(each));
    if (found !== wanted) throw new Error(`${path} holds ${found}, and ${wanted} is asked for`);
    return new FleetFolder(path, state);
  }

  get fleet(): LoadedFleet {
    const { startMs, endMs } = this.#past;
    const readings = this.#past.tickCount({ fromMs: startMs, toMs: endMs }) * this.#state.size.hosts;
    return { collectorDir: join(this.#path, 'collector'), startMs, endMs, readings };
  }

  /** Samples that each store holds in the end. */
  get samples(): number {
    return this.fleet.readings * this.#past.seriesCount;
  }

  /** Loading ends with the portions that are under way. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Whether Prometheus has to take more portions of the coarse pace. The others take them at any time. */
  get lacksCoarse(): boolean {
    const { fineMs, startMs } = this.#past;
    return coarseEndOf(this.#state.loadedMs['prometheus'] ?? startMs) <= fineMs;
  }

  /**
   * Loads what is missing of the time at the coarse pace, but for the last hours of it, into all stores at the same time.
   * @param others with blocks of `COARSE_BLOCK_MS`
   * @returns whether that is loaded
   */
  loadCoarse(others: readonly Other[]): Promise<boolean> {
    return this.#loadAll(others, this.#past.fineMs);
  }

  /**
   * Loads what is missing, into all stores at the same time, and then what the fleet has measured since.
   * @returns whether everything is loaded
   */
  async load(others: readonly Other[]): Promise<boolean> {
    for (;;) {
      if (!(await this.#loadAll(others, this.#past.endMs))) return false;
      const behindMs = Date.now() - this.#state.endMs;
      if (behindMs <= BEHIND_MS_MAX || behindMs > TOP_UP_MS_MAX) return true;
      this.#state.endMs = wholeMinute(Date.now());
      this.#past = pastOf(this.#recording, this.#state);
      this.#save();
    }
  }

  /** @param untilMs portions that end later are left out */
  async #loadAll(others: readonly Other[], untilMs: number): Promise<boolean> {
    const { agentIds, size } = this.#state;
    const past = this.#past;
    const own = (): Promise<LoadTarget> => journalTarget(this.fleet.collectorDir, past, agentIds);
    const names = hostNames(size.hosts);
    const ways = [
      this.#loadInto('rollcall', untilMs, own),
      ...others.map((other) =>
        this.#loadInto(other.name, untilMs, () => Promise.resolve(remoteWriteTarget(other, past, names))),
      ),
    ];
    return (await Promise.all(ways)).every((isWhole) => isWhole);
  }

  async #loadInto(name: string, untilMs: number, open: () => Promise<LoadTarget>): Promise<boolean> {
    const { startMs, endMs } = this.#past;
    let fromMs = this.#state.loadedMs[name] ?? startMs;
    if (fromMs >= untilMs) return true;
    const target = await open();
    try {
      let toldPercent = 0;
      for (const toMs of target.endsMs) {
        if (toMs <= fromMs) continue;
        if (toMs > untilMs) break;
        if (this.#isStopped) return false;
        await target.load({ fromMs, toMs });
        fromMs = toMs;
        this.#state.loadedMs[name] = toMs;
        this.#save();
        const done =
          this.#past.tickCount({ fromMs: startMs, toMs }) /
          this.#past.tickCount({ fromMs: startMs, toMs: endMs });
        const percent = Math.floor(done * 100);
        if (percent >= toldPercent + 5 || toMs === endMs) progress(`${name}: ${percent} % loaded`);
        else continue;
        toldPercent = percent;
      }
      return true;
    } finally {
      await target.close();
    }
  }

  #save(): void {
    const file = join(this.#path, STATE_FILE);
    writeFileSync(`${file}.new`, JSON.stringify(this.#state));
    renameSync(`${file}.new`, file);
  }
}

function pastOf(recording: Recording, { size, startMs, fineMs, endMs }: State): FleetPast {
  const fine = { startMs: fineMs, endMs, intervalMs: size.intervalMs };
  if (startMs === fineMs) return new FleetPast(recording, [fine]);
  return new FleetPast(recording, [{ startMs, endMs: fineMs, intervalMs: size.dayIntervalMs }, fine]);
}

function wholeMinute(timeMs: number): number {
  return Math.floor(timeMs / 60_000) * 60_000;
}
