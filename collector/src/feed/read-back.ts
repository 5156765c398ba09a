/**
 * Counts in the store what was written to it: a store may confirm what it then drops. One host's samples of one minute at
 * a time, another host each time, so that it costs the store next to nothing.
 */
import type { RefusedSamples, SinkSeries, CountRequest } from '../storage/sink.ts';
import { FEED_LIMITS } from './limits.ts';

/** `unknown`: the store cannot tell, or the count would say nothing. */
export type ReadBackOutcome = 'equal' | 'missing' | 'unknown';

export interface ReadBackResult {
  readonly outcome: ReadBackOutcome;
  readonly request: CountRequest;
  readonly written: number;
  readonly found: number | null;
}

interface Watch {
  readonly request: CountRequest;
  /** Series and times that the store confirmed. */
  readonly confirmed: Set<string>;
  isVoid: boolean;
}

export class ReadBack {
  readonly #random: () => number;
  #watch: Watch | undefined;
  #nextMs = 0;

  /** @param random uniform in [0, 1); chooses the host */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Takes notice of a batch that the store has confirmed, but for what it refused. */
  confirmed(batch: readonly SinkSeries[], refused: readonly RefusedSamples[], nowMs: number): void {
    this.#choose(batch, nowMs);
    const watch = this.#watch;
    if (watch === undefined || watch.isVoid) return;
    const refusedKeys = new Set<string>();
    for (const { labels, reason } of refused) {
      // It did not say which: they may be of this host.
      if (labels.size === 0) watch.isVoid = true;
      else if (reason !== 'stale_marker' && reason !== 'not_finite') refusedKeys.add(labels.key);
    }
    const { instance, fromMs, toMs } = watch.request;
    for (const { labels, timestamps, values, stale } of batch) {
      if (labels.get('instance') !== instance || refusedKeys.has(labels.key)) continue;
      for (const [i, timeMs] of timestamps.entries()) {
        if (timeMs < fromMs || timeMs >= toMs) continue;
        // Not every store can hold these.
        if (stale?.[i] === 1 || !Number.isFinite(values[i])) continue;
        watch.confirmed.add(`${labels.key}@${timeMs}`);
      }
    }
    if (watch.confirmed.size > FEED_LIMITS.readBackSamplesMax) watch.isVoid = true;
  }

  /** What is to be counted now, if anything. */
  due(nowMs: number): CountRequest | undefined {
    const watch = this.#watch;
    if (watch === undefined || nowMs < watch.request.toMs + FEED_LIMITS.readBackDelayMs) return undefined;
    return watch.request;
  }

  /** Compares with the count of the store, null when it could not tell; the watch is over. */
  settle(found: number | null, nowMs: number): ReadBackResult | undefined {
    const watch = this.#watch;
    if (watch === undefined) return undefined;
    this.#watch = undefined;
    this.#nextMs = nowMs + FEED_LIMITS.readBackEveryMs;
    const written = watch.confirmed.size;
    const isKnown = found !== null && !watch.isVoid && written > 0;
    // A store may hold more: another program writes to it, or it keeps what is repeated.
    const outcome = isKnown ? (found < written ? 'missing' : 'equal') : 'unknown';
    return { outcome, request: watch.request, written, found };
  }

  /** Chooses a host and the next full minute. */
  #choose(batch: readonly SinkSeries[], nowMs: number): void {
    if (this.#watch !== undefined || nowMs < this.#nextMs) return;
    const instance = batch[Math.floor(this.#random() * batch.length)]?.labels.get('instance') ?? '';
    if (instance === '') return;
    const fromMs = (Math.floor(nowMs / FEED_LIMITS.readBackWindowMs) + 1) * FEED_LIMITS.readBackWindowMs;
    const request = { instance, fromMs, toMs: fromMs + FEED_LIMITS.readBackWindowMs };
    this.#watch = { request, confirmed: new Set(), isVoid: false };
  }
}
