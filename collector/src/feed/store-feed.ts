/**
 * Feeds one store from the journal: reads what was committed after its cursor, writes it, and moves the cursor when the
 * store has confirmed it. A batch that is cut off is written again; nothing is left out but what the store refuses.
 */
import { backoffDelayMs } from '@rollcall/shared/lib/backoff.ts';
import { sleep, type Clock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { RefusedReason, RefusedSamples, Sink, SinkSeries } from '../storage/sink.ts';
import type { Slice, SliceReader } from '../storage/slice.ts';
import type { Cursor, Cursors } from './cursors.ts';
import { FEED_LIMITS } from './limits.ts';
import { ReadBack, type ReadBackOutcome } from './read-back.ts';

/** `away`: it does not answer, or is busy. `blocked`: it refuses us until an operator acts. */
export type StoreState = 'ok' | 'away' | 'blocked';

/** What a store has come to; the counts are since the start of its feed. */
export interface StoreStatus {
  readonly name: string;
  readonly kind: string;
  readonly state: StoreState;
  /** Why it is not ok; null when it is. */
  readonly error: string | null;
  readonly pos: number;
  readonly settledPos: number;
  /** Positions of the journal that it has not confirmed yet. */
  readonly waitingRecords: number;
  /** Time of the oldest record that waits, UTC milliseconds; null when none does. */
  readonly oldestWaitingMs: number | null;
  readonly counts: StoreCounts;
}

export interface StoreCounts {
  readonly samples: number;
  readonly batches: number;
  /** Attempts that must be repeated. */
  readonly retries: number;
  readonly blocked: number;
  readonly rewinds: number;
  readonly refused: Readonly<Record<RefusedReason, number>>;
  readonly readBacks: Readonly<Record<ReadBackOutcome, number>>;
}

export interface StoreFeedOptions {
  readonly name: string;
  readonly sink: Sink;
  readonly source: SliceReader;
  readonly cursors: Cursors;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Resolves in a later turn of the event loop. */
  readonly yieldToLoop: () => Promise<void>;
}

/** A confirmed position and when it was confirmed. */
interface Confirmed {
  readonly monoMs: number;
  readonly pos: number;
}

export class StoreFeed {
  readonly #options: StoreFeedOptions;
  readonly #controller = new AbortController();
  readonly #readBack: ReadBack;
  #cursor: Cursor;
  /** Confirmed, but younger than a minute, oldest first. */
  #unsettled: Confirmed[] = [];
  #state: StoreState = 'ok';
  #error: string | null = null;
  #attempt = 0;
  #oldestWaitingMs: number | null = null;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  readonly #counts = {
    samples: 0,
    batches: 0,
    retries: 0,
    blocked: 0,
    rewinds: 0,
    refused: { stale_marker: 0, not_finite: 0, unstorable: 0, refused: 0 },
    readBacks: { equal: 0, missing: 0, unknown: 0 },
  };

  constructor(options: StoreFeedOptions) {
    this.#options = options;
    this.#readBack = new ReadBack(options.random);
    this.#cursor = options.cursors.read(options.name);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is under way any more; a write is cut off, and comes again after the next start. */
  async stop(): Promise<void> {
    this.#controller.abort();
    await this.#running;
    await this.#options.sink.close();
  }

  status(): StoreStatus {
    const { name, sink, source } = this.#options;
    const { pos, settledPos } = this.#cursor;
    const counts = {
      ...this.#counts,
      refused: { ...this.#counts.refused },
      readBacks: { ...this.#counts.readBacks },
    };
    return {
      name,
      kind: sink.kind,
      state: this.#state,
      error: this.#error,
      pos,
      settledPos,
      waitingRecords: source.waitingAfter(pos),
      oldestWaitingMs: this.#oldestWaitingMs,
      counts,
    };
  }

  async #run(): Promise<void> {
    const { log, name, clock } = this.#options;
    while (!this.#controller.signal.aborted) {
      try {
        if (!(await this.#step())) await this.#pause(FEED_LIMITS.pollMs);
        await this.#options.yieldToLoop();
      } catch (error) {
        if (this.#controller.signal.aborted) return;
        // The journal or the state cannot be read or written: they say so themselves, and come back.
        log.error('feed of a store failed', { store: name, error: describeError(error) });
        await sleep(clock, FEED_LIMITS.backoff.maxMs, this.#controller.signal).catch(() => undefined);
      }
    }
  }

  /** One slice, or false when there is none. */
  async #step(): Promise<boolean> {
    await this.#checkStart();
    const slice = this.#options.source.read(this.#cursor.pos);
    this.#oldestWaitingMs = slice?.oldestMs ?? null;
    if (slice === undefined) {
      await this.#countInStore();
      return false;
    }
    const { pos } = this.#cursor;
    const refused: RefusedSamples[] = [];
    for (const batch of slice.batches) {
      const ofBatch = await this.#deliver(batch);
      // The cursor was put back while the store was away, or the feed ends: what is left comes again.
      if (ofBatch === undefined || this.#cursor.pos !== pos) return true;
      refused.push(...ofBatch);
    }
    this.#advance(slice, refused);
    return true;
  }

  /** Writes a batch until the store has confirmed it; undefined when that has become pointless. */
  async #deliver(batch: readonly SinkSeries[]): Promise<readonly RefusedSamples[] | undefined> {
    const { sink, clock } = this.#options;
    const { signal } = this.#controller;
    const { pos } = this.#cursor;
    while (!signal.aborted && this.#cursor.pos === pos) {
      const result = await sink.write(batch, signal);
      if (signal.aborted && result.kind !== 'written') return undefined;
      switch (result.kind) {
        case 'written':
          this.#reached();
          this.#readBack.confirmed(batch, result.refused, clock.wallMs());
          this.#count(batch, result.refused);
          return result.refused;
        case 'retry': {
          this.#counts.retries++;
          this.#failed('away', result.error);
          const backoffMs = backoffDelayMs(FEED_LIMITS.backoff, this.#attempt++, this.#options.random);
          await this.#pause(Math.max(result.retryAfterMs ?? 0, backoffMs));
          break;
        }
        case 'blocked':
          this.#counts.blocked++;
          this.#failed('blocked', result.error);
          await this.#pause(FEED_LIMITS.blockedMs * (0.5 + this.#options.random() / 2));
          break;
      }
      // It may be another process that answers next.
      this.#checkedMs = Number.NEGATIVE_INFINITY;
      await this.#checkStart();
    }
    return undefined;
  }

  #count(batch: readonly SinkSeries[], refused: readonly RefusedSamples[]): void {
    let samples = 0;
    for (const { timestamps } of batch) samples += timestamps.length;
    for (const { reason, count } of refused) {
      this.#counts.refused[reason] += count;
      samples -= count;
    }
    this.#counts.samples += Math.max(0, samples);
    this.#counts.batches++;
  }

  #advance({ toPos }: Slice, refused: readonly RefusedSamples[]): void {
    const { clock, sink } = this.#options;
    const last = this.#unsettled.at(-1);
    const nowMs = clock.monoMs();
    // One entry a second is exact enough for a minute.
    if (last === undefined || nowMs - last.monoMs >= 1_000)
      this.#unsettled.push({ monoMs: nowMs, pos: toPos });
    const settledPos = sink.startedMs === undefined ? toPos : this.#cursor.settledPos;
    const letters = refused.filter(({ reason }) => reason === 'unstorable' || reason === 'refused');
    this.#save({ ...this.#cursor, pos: toPos, settledPos }, letters);
  }

  /** Asks the store now and then when it started, and goes back a minute when that was since the last time. */
  async #checkStart(): Promise<void> {
    const { sink, clock, log, name } = this.#options;
    const nowMs = clock.monoMs();
    if (sink.startedMs === undefined || nowMs - this.#checkedMs < FEED_LIMITS.startCheckMs) return;
    this.#checkedMs = nowMs;
    const startedMs = await sink.startedMs(this.#controller.signal);
    if (this.#controller.signal.aborted) return;
    const known = this.#cursor.startedMs;
    if (startedMs !== null && known !== null && startedMs - known > FEED_LIMITS.startToleranceMs) {
      this.#counts.rewinds++;
      const { pos, settledPos } = this.#cursor;
      log.warn('a store has started anew: what it confirmed last is sent again', {
        store: name,
        records: pos - settledPos,
      });
      this.#unsettled = [];
      this.#save({ pos: settledPos, settledPos, startedMs }, []);
      return;
    }
    // While it is away nobody knows whether it is still the same process.
    if (startedMs === null && this.#state !== 'ok') return;
    const settled = this.#settle(nowMs);
    const startedNow = known ?? startedMs;
    if (settled !== this.#cursor.settledPos || startedNow !== known)
      this.#save({ ...this.#cursor, settledPos: settled, startedMs: startedNow }, []);
  }

  /** The newest position that was confirmed more than a minute ago. */
  #settle(nowMs: number): number {
    let { settledPos } = this.#cursor;
    while (true) {
      const [first] = this.#unsettled;
      if (first === undefined || nowMs - first.monoMs < FEED_LIMITS.rewindMs) return settledPos;
      settledPos = Math.max(settledPos, first.pos);
      this.#unsettled.shift();
    }
  }

  #save(cursor: Cursor, refused: readonly RefusedSamples[]): void {
    const { cursors, name, clock } = this.#options;
    cursors.save(name, cursor, { refused, nowMs: clock.wallMs() });
    this.#cursor = cursor;
  }

  async #countInStore(): Promise<void> {
    const { sink, clock, log, name } = this.#options;
    const request = this.#readBack.due(clock.wallMs());
    if (request === undefined) return;
    const found = (await sink.countSamples?.(request, this.#controller.signal)) ?? null;
    const result = this.#readBack.settle(found, clock.wallMs());
    if (result === undefined) return;
    this.#counts.readBacks[result.outcome]++;
    if (result.outcome !== 'missing') return;
    log.error('a store has fewer samples than it confirmed', {
      store: name,
      instance: request.instance,
      from: new Date(request.fromMs).toISOString(),
      to: new Date(request.toMs).toISOString(),
      written: result.written,
      found: result.found,
    });
  }

  #reached(): void {
    this.#attempt = 0;
    if (this.#state === 'ok') return;
    this.#options.log.info('a store takes samples again', { store: this.#options.name });
    this.#state = 'ok';
    this.#error = null;
  }

  /** A failure is told when it begins and when it changes its kind. */
  #failed(state: StoreState, error: string): void {
    const { log, name } = this.#options;
    if (state !== this.#state) {
      if (state === 'blocked')
        log.error('a store refuses us: its settings or rights are wrong', { store: name, error });
      else log.warn('a store is away: samples wait in the journal', { store: name, error });
    }
    this.#state = state;
    this.#error = error;
  }

  async #pause(delayMs: number): Promise<void> {
    await sleep(this.#options.clock, delayMs, this.#controller.signal).catch(() => undefined);
  }
}
