/**
 * Takes a tick each interval and hands it to the spool. Due times are multiples of the interval after the start, on
 * the monotonic clock, so they do not drift; a tick that could not be taken in time is counted, never made up for.
 */
import { background } from '@rollcall/shared/lib/background.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { RECORD_FLAG, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { encodeSamples, type FailedBlock, type ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { Readings, SchemaValues } from '../samplers/readings.ts';
import type { Spool } from '../spool/spool.ts';
import { FailureLog } from './failure-log.ts';
import type { SamplerResult } from './sampler-run.ts';
import type { Tick, TickTaker } from './tick.ts';

export const INTERVAL_MS_DEFAULT = 10_000;
export const INTERVAL_MS_MIN = 1_000;
export const INTERVAL_MS_MAX = 3_600_000;

/**
 * Samples are dense, 2.5 bytes each: compressing a short tick makes it a sixth smaller, for a tenth of all that the tick
 * costs. A tick of more than some 400 series comes every 10 s at most, or is rare.
 */
const COMPRESS_MIN_BYTES = 1_024;
/** … and where ticks come faster than this, so many: there the saving is 3 % of all bytes, for 1 % of all CPU. */
const FAST_MS_MAX = 5_000;
const FAST_COMPRESS_MIN_BYTES = 2_048;

/** Boot clock minus monotonic clock above which the machine was suspended. */
const SUSPEND_MS_MIN = 2_000;
/** Difference between wall clock and boot clock above which the wall clock was set … */
const CLOCK_STEP_MS_MIN = 1_000;
/** … in addition to the drift that NTP slews away, at most 500 ppm each way. */
const CLOCK_SLEW_RATIO_MAX = 0.001;

/** What the scheduler needs of the spool. */
export type TickSpool = Pick<Spool, 'declareSchema' | 'append' | 'stats'>;

/** Ticks since the start; `due` = `taken` + all of `missed`, except while one is under way. */
export interface TickCounts {
  readonly due: number;
  readonly taken: number;
  readonly missed: Readonly<Record<MissedReason, number>>;
}

/** overrun: we were too slow or stopped · suspended: the machine slept · no_storage: the spool refused the record */
export type MissedReason = 'overrun' | 'suspended' | 'no_storage';

export interface SchedulerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Made for the same interval. */
  readonly ticks: Pick<TickTaker, 'takeTick'>;
  readonly spool: TickSpool;
  /** 1 s to 1 h. */
  readonly intervalMs: number;
}

interface Clocks {
  readonly wallMs: number;
  readonly bootMs: number;
  readonly monoMs: number;
}

export class Scheduler {
  readonly #clock: Clock;
  readonly #log: Logger;
  #ticks: Pick<TickTaker, 'takeTick'>;
  readonly #spool: TickSpool;
  #intervalMs: number;
  readonly #failures: FailureLog;
  readonly #writer = new ByteWriter(16 * 1024);

  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = true;
  #startMonoMs = 0;
  /** Number of the next due time after the start. */
  #next = 0;
  #last: Clocks | undefined;
  #flags: number = RECORD_FLAG.FIRST_AFTER_START;
  #due = 0;
  #taken = 0;
  /** Schemas by name that the last record told to be empty; they are left out until they are not. */
  readonly #emptyTold = new Set<string>();
  readonly #missed = { overrun: 0, suspended: 0, no_storage: 0 };

  /** @throws AppError BAD_CONFIG when the interval is out of range */
  constructor(options: SchedulerOptions) {
    const { intervalMs } = options;
    if (!Number.isInteger(intervalMs) || intervalMs < INTERVAL_MS_MIN || intervalMs > INTERVAL_MS_MAX) {
      throw new AppError(
        'BAD_CONFIG',
        `interval of ${intervalMs} ms, allowed are ${INTERVAL_MS_MIN} to ${INTERVAL_MS_MAX}`,
      );
    }
    this.#clock = options.clock;
    this.#log = options.log;
    this.#ticks = options.ticks;
    this.#spool = options.spool;
    this.#intervalMs = intervalMs;
    this.#failures = new FailureLog(options.log);
  }

  /** Takes the first tick at once. Does nothing when already started. */
  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#startMonoMs = this.#clock.monoMs();
    this.#next = 0;
    this.#onDue();
  }

  /** Takes no more ticks; resolves when the one under way is in the spool. May be called twice. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  /** Goes on with other ticks once the one under way is in the spool; the first of them comes at once. Counts go on. */
  async retune({ ticks, intervalMs }: Pick<SchedulerOptions, 'ticks' | 'intervalMs'>): Promise<void> {
    await this.stop();
    this.#ticks = ticks;
    this.#intervalMs = intervalMs;
    this.start();
  }

  counts(): TickCounts {
    return { due: this.#due, taken: this.#taken, missed: { ...this.#missed } };
  }

  #onDue(): void {
    const elapsedMs = this.#clock.monoMs() - this.#startMonoMs;
    const skipped = Math.max(0, Math.floor(elapsedMs / this.#intervalMs) - this.#next);
    this.#missed.overrun += skipped;
    this.#due += skipped + 1;
    this.#next += skipped + 1;
    this.#compareClocks();
    this.#takeTick();
  }

  /**
   * Where no sampler has to be waited for, all of it happens right here. Then timers that the new record makes needless are
   * gone before the event loop looks when to wake up next; after a promise, it woke up for one of them.
   */
  #takeTick(): void {
    try {
      const tick = this.#ticks.takeTick((readings) => this.#report(readings));
      if (tick instanceof Promise) {
        this.#running = tick.then(
          (taken) => this.#keep(taken),
          (error: unknown) => this.#lost(error),
        );
        background(this.#log, 'tick', this.#running);
      } else this.#keep(tick);
    } catch (error) {
      this.#lost(error);
    }
  }

  #keep(tick: Tick): void {
    try {
      this.#failures.note(tick.results);
      this.#append(tick);
      this.#taken += 1;
      this.#failures.ended('spool');
    } catch (error) {
      return this.#lost(error);
    }
    this.#awaitNext();
  }

  #lost(error: unknown): void {
    this.#missed.no_storage += 1;
    // Who knows what of it was told.
    this.#emptyTold.clear();
    this.#failures.failed('spool', error);
    this.#awaitNext();
  }

  #awaitNext(): void {
    if (this.#isStopped) return;
    const dueMonoMs = this.#startMonoMs + this.#next * this.#intervalMs;
    this.#timer = this.#clock.setTimer(Math.max(0, dueMonoMs - this.#clock.monoMs()), () => this.#onDue());
  }

  /** Notes a suspend and a step of the wall clock since the tick before. */
  #compareClocks(): void {
    const now = { wallMs: this.#clock.wallMs(), bootMs: this.#clock.bootMs(), monoMs: this.#clock.monoMs() };
    const last = this.#last;
    this.#last = now;
    if (last === undefined) return;
    const bootSpanMs = now.bootMs - last.bootMs;
    const suspendedMs = bootSpanMs - (now.monoMs - last.monoMs);
    if (suspendedMs >= SUSPEND_MS_MIN) {
      this.#flags |= RECORD_FLAG.SUSPENDED_BEFORE;
      const missed = Math.floor(suspendedMs / this.#intervalMs);
      this.#missed.suspended += missed;
      this.#due += missed;
      this.#log.info('machine was suspended', { suspendedMs });
    }
    const stepMs = now.wallMs - last.wallMs - bootSpanMs;
    if (Math.abs(stepMs) >= CLOCK_STEP_MS_MIN + Math.abs(bootSpanMs) * CLOCK_SLEW_RATIO_MAX) {
      this.#flags |= RECORD_FLAG.CLOCK_STEPPED_BEFORE;
      this.#log.warn('wall clock was set', { stepMs });
    }
  }

  #append(tick: Tick): void {
    let samples = 0;
    const blocks: (ValuesBlock | FailedBlock)[] = [];
    for (const result of tick.results) this.#addBlocks(blocks, result);
    for (const block of blocks) if (block.kind === 'values') samples += presentCount(block);
    this.#writer.reset();
    encodeSamples(this.#writer, blocks);
    const memoryMode = this.#spool.stats().isDurable ? 0 : RECORD_FLAG.MEMORY_MODE;
    this.#spool.append(
      {
        kind: RECORD_KIND.SAMPLES,
        flags: this.#flags | memoryMode,
        wallMs: tick.wallMs,
        bootMs: tick.bootMs,
        body: this.#writer.view(),
        compressMinBytes: this.#intervalMs < FAST_MS_MAX ? FAST_COMPRESS_MIN_BYTES : COMPRESS_MIN_BYTES,
      },
      { ticks: 1, samples },
    );
    // The flags tell about the time before this record, so they stay up until a record could be kept.
    this.#flags = 0;
  }

  /**
   * A sampler that never succeeded has no schema, hence no block; its `node_scrape_collector_success` tells. One that finds
   * nothing says so once, so that what it had before ends there, and then no more.
   */
  #addBlocks(blocks: (ValuesBlock | FailedBlock)[], result: SamplerResult): void {
    const { offsetMs } = result;
    if (result.kind === 'values') {
      for (const { schema, values, present, errors } of result.parts) {
        if (!this.#isNews(schema)) continue;
        const schemaNumber = this.#spool.declareSchema(schema);
        blocks.push({ kind: 'values', schemaNumber, offsetMs, schema, values, present, errors });
      }
      return;
    }
    for (const schema of result.schemas) {
      if (schema.seriesCount === 0) continue;
      const schemaNumber = this.#spool.declareSchema(schema);
      blocks.push({ kind: 'failed', schemaNumber, offsetMs, code: result.code });
    }
  }

  /** Whether a block of the schema says something that the last record has not said. */
  #isNews({ sampler, seriesCount }: HashedSchema): boolean {
    if (seriesCount > 0) {
      this.#emptyTold.delete(sampler);
      return true;
    }
    if (this.#emptyTold.has(sampler)) return false;
    this.#emptyTold.add(sampler);
    return true;
  }

  #report(readings: Readings): void {
    readings.add('rollcall_agent_ticks_due_total', this.#due);
    // The tick under way counts as taken: whoever reads this has it.
    readings.add('rollcall_agent_ticks_taken_total', this.#taken + 1);
    readings.add('rollcall_agent_ticks_missed_total', this.#missed.overrun, 'overrun');
    readings.add('rollcall_agent_ticks_missed_total', this.#missed.suspended, 'suspended');
    readings.add('rollcall_agent_ticks_missed_total', this.#missed.no_storage, 'no_storage');
    const stats = this.#spool.stats();
    readings.add('rollcall_spool_records', stats.recordsHeld);
    readings.add('rollcall_spool_bytes', stats.bytesHeld);
    readings.add('rollcall_spool_bytes_max', stats.bytesMax);
    readings.add('rollcall_spool_durable', stats.isDurable ? 1 : 0);
    readings.add('rollcall_spool_samples_dropped_total', stats.samplesDropped);
  }
}

function presentCount({
  schema,
  present,
}: Pick<SchemaValues, 'present'> & Pick<ValuesBlock, 'schema'>): number {
  if (present === undefined) return schema.seriesCount;
  let count = 0;
  for (const bit of present) count += bit;
  return count;
}
