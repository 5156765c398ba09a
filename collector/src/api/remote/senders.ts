/**
 * Who pushes which series. It bounds the series per sender, and remembers the labels of each, because a sender writes
 * the same ones with every request.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Labels } from '../../storage/labels.ts';
import type { RemoteLimits } from './limits.ts';
import { decodeLabels } from '../../storage/remote-protocol/messages.ts';

interface KnownSeries {
  readonly labels: Labels;
  lastMs: number;
}

/** Removing what is idle looks at every series, so it happens at most this often while there is no place left. */
const SWEEP_MS = 60_000;

export class Senders {
  readonly #clock: Clock;
  readonly #limits: RemoteLimits;
  /** By the id of the sender, then by the bytes of the labels. */
  readonly #senders = new Map<string, Map<string, KnownSeries>>();
  #count = 0;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly clock: Clock; readonly limits: RemoteLimits }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
  }

  /** Series of all senders. */
  get seriesCount(): number {
    return this.#count;
  }

  /**
   * The labels of a series that a sender wrote, or why it is not taken.
   * @throws AppError BAD_REQUEST on malformed bytes
   */
  labelsOf(sender: string, labelBytes: Buffer): Labels | 'bad_series' | 'invalid_labels' | 'too_many_series' {
    if (labelBytes.length > this.#limits.seriesBytes) return 'invalid_labels';
    const key = labelBytes.toString('latin1');
    const nowMs = this.#clock.monoMs();
    const known = this.#senders.get(sender)?.get(key);
    if (known !== undefined) {
      known.lastMs = nowMs;
      return known.labels;
    }
    const labels = decodeLabels(labelBytes);
    if (labels === undefined) return 'bad_series';
    if (!this.#hasRoom(sender)) {
      this.#sweep(nowMs);
      if (!this.#hasRoom(sender)) return 'too_many_series';
    }
    let series = this.#senders.get(sender);
    if (series === undefined) {
      series = new Map();
      this.#senders.set(sender, series);
    }
    series.set(key, { labels, lastMs: nowMs });
    this.#count++;
    return labels;
  }

  #hasRoom(sender: string): boolean {
    const own = this.#senders.get(sender)?.size ?? 0;
    return own < this.#limits.seriesPerSender && this.#count < this.#limits.series;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    for (const [sender, series] of this.#senders) {
      for (const [key, { lastMs }] of series) {
        if (nowMs - lastMs < this.#limits.seriesIdleMs) continue;
        series.delete(key);
        this.#count--;
      }
      if (series.size === 0) this.#senders.delete(sender);
    }
  }
}
