/**
 * Tells the collector which programs were busiest while the machine is under strain. It decides by itself, from readings that
 * it has anyway: nobody can ask an agent for it. docs/decisions/0064 says why.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { AgentEvent } from '@rollcall/shared/protocol/event.ts';
import type { Vitals } from '@rollcall/shared/protocol/handshake.ts';
import type { DatedSnapshot } from '../samplers/processes/watch.ts';
import { strainOf, type StrainLevel } from './strain.ts';

/** Snapshots that are told one after the other when the strain begins or grows … */
export const TOLD_AT_ONCE = 10;
/** … and of how many one is told after that, so that a machine that is always busy does not fill the journal. */
export const TOLD_LATER_EVERY = 5;

export interface ProcessReportOptions {
  readonly snapshots: () => readonly DatedSnapshot[];
  /** Processors of the machine. */
  readonly cpuCount: number;
  /** Puts an event into the spool. @throws AppError when it cannot be kept */
  readonly append: (event: AgentEvent) => void;
}

/** What the ticks told of the machine: `NewestVitals` of vitals.ts. */
export interface VitalsSource {
  /** Of the last tick; undefined when it is not known. */
  readonly cpuBusyRatio: number | undefined;
  /** All of them, null before the first tick. Puts them together, so it is asked seldom. */
  current(): Vitals | null;
}

/** Call `afterTick` after each tick. */
export class ProcessReport {
  readonly #options: ProcessReportOptions;
  #newest: DatedSnapshot | undefined;
  #busySum = 0;
  #busyCount = 0;
  #level: StrainLevel = 0;
  /** Snapshots since the strain began or grew. */
  #since = 0;

  constructor(options: ProcessReportOptions) {
    this.#options = options;
  }

  afterTick(source: VitalsSource): void {
    const busy = source.cpuBusyRatio;
    if (busy !== undefined) {
      this.#busySum += busy;
      this.#busyCount += 1;
    }
    const newest = this.#options.snapshots().at(-1);
    if (newest === undefined || newest === this.#newest) return;
    const vitals = source.current();
    if (vitals === null) return;
    this.#newest = newest;
    // A snapshot is about a minute, and so is the strain; a single second of work is none.
    const mean = this.#busyCount === 0 ? {} : { cpuBusyRatio: this.#busySum / this.#busyCount };
    this.#busySum = 0;
    this.#busyCount = 0;
    const level = strainOf({ ...vitals, ...mean }, this.#options.cpuCount);
    if (level > this.#level) this.#since = 0;
    this.#level = level;
    if (level > 0 && this.#isDue()) this.#tell(newest);
  }

  #isDue(): boolean {
    this.#since += 1;
    return this.#since <= TOLD_AT_ONCE || this.#since % TOLD_LATER_EVERY === 0;
  }

  #tell({ spanMs, programs }: DatedSnapshot): void {
    try {
      this.#options.append({ kind: 'processes', spanMs, programs });
    } catch (error) {
      // A spool that takes nothing is counted and told with the tick.
      if (!(error instanceof AppError)) throw error;
    }
  }
}
