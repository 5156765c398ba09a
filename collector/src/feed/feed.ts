/**
 * The collector's end of the feed: starts the thread that writes to external stores, keeps the journal from deleting
 * what they still need, and stops it when they are away for too long.
 */
import { Worker } from 'node:worker_threads';
import { backoffDelayMs } from '@rollcall/shared/lib/backoff.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { JournalStats, SealableJournal } from '../journal/journal.ts';
import type { FeedCounting } from './counters.ts';
import type { Cursors } from './cursors.ts';
import { FEED_LIMITS } from './limits.ts';
import type { FeedSettings, FromFeed, HostEntry, ToFeed } from './messages.ts';
import type { StoreCounts, StoreStatus } from './store-feed.ts';

/** A thread as the feed sees it. */
export interface FeedThread {
  post(message: ToFeed): void;
  /** Resolves when it has ended. */
  kill(): Promise<void>;
}

export type StartFeedThread = (events: {
  message(this: void, message: FromFeed): void;
  /** Called once, also when it was told to end. */
  ended(this: void, reason: Error): void;
}) => FeedThread;

export interface FeedOptions {
  /** Names of the stores; without any, nothing is started. */
  readonly stores: readonly string[];
  readonly cursors: Cursors;
  readonly journal: Pick<SealableJournal, 'keepAfter' | 'hold'> & { stats(): JournalStats };
  /** What may wait for the slowest store, bytes of records. */
  readonly bufferBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly start: StartFeedThread;
  /** All hosts that there are. */
  hosts(this: void): readonly HostEntry[];
  readonly counters: FeedCounting;
}

const NO_COUNTS: StoreCounts = {
  samples: 0,
  batches: 0,
  retries: 0,
  blocked: 0,
  rewinds: 0,
  refused: { stale_marker: 0, not_finite: 0, unstorable: 0, refused: 0 },
  readBacks: { equal: 0, missing: 0, unknown: 0 },
};
const STOP_MS_MAX = 5_000;

export class Feed {
  readonly #options: FeedOptions;
  readonly #status = new Map<string, StoreStatus>();
  #thread: FeedThread | undefined;
  #restart: Timer | undefined;
  #failures = 0;
  #isHolding = false;
  #isClosed = false;
  #stopped: (() => void) | undefined;

  /** Forgets stores that are not configured any more, and keeps what the others need; starts nothing yet. */
  constructor(options: FeedOptions) {
    this.#options = options;
    const { cursors, stores, log, journal } = options;
    for (const store of cursors.keepOnly(stores)) log.info('a store is not fed any more', { store });
    const floors = stores.map((store) => cursors.read(store).settledPos);
    journal.keepAfter(Math.min(Number.POSITIVE_INFINITY, ...floors));
  }

  start(): void {
    if (this.#options.stores.length > 0) this.#startThread();
  }

  /** A host came, went, or has other labels. */
  hostChanged(entry: HostEntry): void {
    this.#thread?.post({ kind: 'hosts', hosts: [entry] });
  }

  /** The newest report of each store. */
  stores(): readonly StoreStatus[] {
    return [...this.#status.values()];
  }

  /** What keeps the collector from being ready, for people. */
  problems(): readonly string[] {
    return this.#isHolding ? [this.#holdText()] : [];
  }

  /** About how many bytes of records wait for a store. */
  waitingBytes({ waitingRecords }: Pick<StoreStatus, 'waitingRecords'>): number {
    const { rows, bytes } = this.#options.journal.stats();
    // Positions that were given out, times the mean size of what is there.
    return rows === 0 ? 0 : Math.min(bytes, Math.round(waitingRecords * (bytes / rows)));
  }

  /** Cuts off what is under way and ends the thread; twice does no harm. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#restart?.cancel();
    const thread = this.#thread;
    if (thread === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(STOP_MS_MAX, resolve);
      this.#stopped = () => {
        timer.cancel();
        resolve();
      };
      thread.post({ kind: 'stop' });
    });
    await thread.kill();
  }

  #startThread(): void {
    const { start, hosts } = this.#options;
    const counted = new Map<string, StoreCounts>();
    this.#thread = start({
      message: (message) => this.#receive(message, counted),
      ended: (reason) => this.#ended(reason),
    });
    this.#thread.post({ kind: 'hosts', hosts: hosts() });
  }

  #receive(message: FromFeed, counted: Map<string, StoreCounts>): void {
    switch (message.kind) {
      case 'status':
        this.#failures = 0;
        for (const status of message.stores) {
          this.#status.set(status.name, status);
          this.#count(status, counted.get(status.name) ?? NO_COUNTS);
          counted.set(status.name, status.counts);
        }
        this.#keepAndHold();
        break;
      case 'log':
        this.#options.log[message.level](message.message, message.fields);
        break;
      case 'stopped':
        this.#stopped?.();
        break;
    }
  }

  #count({ name: store, counts }: StoreStatus, before: StoreCounts): void {
    const { counters } = this.#options;
    counters.increment('rollcall_feed_samples_total', { store }, counts.samples - before.samples);
    counters.increment('rollcall_feed_batches_total', { store }, counts.batches - before.batches);
    counters.increment('rollcall_feed_rewinds_total', { store }, counts.rewinds - before.rewinds);
    const retries = { away: counts.retries - before.retries, blocked: counts.blocked - before.blocked };
    for (const [reason, by] of Object.entries(retries))
      counters.increment('rollcall_feed_retries_total', { store, reason }, by);
    for (const reason of ['stale_marker', 'not_finite', 'unstorable', 'refused'] as const) {
      const by = counts.refused[reason] - before.refused[reason];
      counters.increment('rollcall_feed_refused_samples_total', { store, reason }, by);
    }
    for (const outcome of ['equal', 'missing', 'unknown'] as const) {
      const by = counts.readBacks[outcome] - before.readBacks[outcome];
      counters.increment('rollcall_feed_read_backs_total', { store, outcome }, by);
    }
  }

  /** Keeps what the slowest store needs, and stops the journal while that is too much. */
  #keepAndHold(): void {
    const { journal, stores, bufferBytes, log } = this.#options;
    const known = stores.map((store) => this.#status.get(store));
    if (!known.every((status) => status !== undefined)) return;
    journal.keepAfter(Math.min(...known.map(({ settledPos }) => settledPos)));
    const waiting = Math.max(...known.map((status) => this.waitingBytes(status)));
    const isHolding = waiting > bufferBytes * (this.#isHolding ? FEED_LIMITS.resumeRatio : 1);
    if (isHolding === this.#isHolding) return;
    this.#isHolding = isHolding;
    journal.hold('feed', isHolding ? this.#holdText() : undefined);
    if (isHolding) log.error('too much waits for a store: nothing is accepted', { waitingBytes: waiting });
    else log.info('stores have caught up far enough: samples are accepted again');
  }

  #holdText(): string {
    const lagging = this.stores()
      .toSorted((left, right) => right.waitingRecords - left.waitingRecords)
      .map(({ name, state, error }) => `${name} (${state}${error === null ? '' : `: ${error}`})`);
    return `more than ${this.#options.bufferBytes} bytes wait for the store ${lagging[0] ?? ''}; agents hold their data`;
  }

  #ended(reason: Error): void {
    this.#thread = undefined;
    this.#stopped?.();
    if (this.#isClosed) return;
    const { log, clock, random, counters } = this.#options;
    counters.increment('rollcall_feed_threads_failed_total');
    log.error('the feeding thread ended', { error: describeError(reason) });
    const delayMs = backoffDelayMs(FEED_LIMITS.backoff, this.#failures++, random);
    this.#restart = clock.setTimer(delayMs, () => this.#startThread(), { isBackground: true });
  }
}

/** For objects that were just made. By default it is 192 MiB on large machines, and never given back. */
const NURSERY_MIB = 48;

/** Starts real threads. */
export function feedThreadStarter(
  settings: FeedSettings,
  { heapMiB }: { readonly heapMiB: number },
): StartFeedThread {
  return ({ message, ended }) => {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: settings,
      resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: NURSERY_MIB },
    });
    worker.unref();
    let failure: Error | undefined;
    worker.on('message', (received: FromFeed) => message(received));
    worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', (code) => ended(failure ?? new Error(`the thread ended with code ${code}`)));
    return {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      post: (sent) => worker.postMessage(sent),
      async kill() {
        await worker.terminate();
      },
    };
  };
}
