/** A value of the API that is fetched again and again while somebody looks at it. */
import { batch, effect, signal, untracked } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';
import type { PageClock } from '../clock.ts';
import type { Answer, Failure } from './client.ts';

export interface PollOptions<T> {
  readonly clock: PageClock;
  /** From the end of one request to the start of the next. */
  readonly intervalMs: number;
  /** While true nothing is asked; when it turns false the value is fetched at once. */
  readonly isHidden: ReadonlySignal<boolean>;
  readonly load: (signal: AbortSignal) => Promise<Answer<T>>;
}

/**
 * Keeps the last good value while requests fail, so that the page can go on showing it and say since when it is old.
 * At most one request is under way.
 */
export class Poll<T> {
  readonly #options: PollOptions<T>;
  readonly #value = signal<T | null>(null);
  readonly #failure = signal<Failure | null>(null);
  readonly #updatedMs = signal<number | null>(null);
  readonly #failingSinceMs = signal<number | null>(null);
  #stopWatching: (() => void) | null = null;
  #request: AbortController | null = null;
  #cancelTimer: (() => void) | null = null;

  constructor(options: PollOptions<T>) {
    this.#options = options;
  }

  /** The last good value, `null` before the first. */
  get value(): ReadonlySignal<T | null> {
    return this.#value;
  }

  /** Why the newest request failed, `null` when it did not. */
  get failure(): ReadonlySignal<Failure | null> {
    return this.#failure;
  }

  /** When the value was received, by the browser's clock. */
  get updatedMs(): ReadonlySignal<number | null> {
    return this.#updatedMs;
  }

  /** When the present row of failures began, by the browser's clock. */
  get failingSinceMs(): ReadonlySignal<number | null> {
    return this.#failingSinceMs;
  }

  /** Starts asking; without effect when it runs already. */
  start(): void {
    this.#stopWatching ??= effect(() => {
      const isHidden = this.#options.isHidden.value;
      // What `load` reads on its way must not start it again.
      untracked(() => (isHidden ? this.#pause() : this.#askNow()));
    });
  }

  /** Stops asking and forgets the request under way. The value stays, and `start` may be called again. */
  stop(): void {
    this.#stopWatching?.();
    this.#stopWatching = null;
    this.#pause();
  }

  /** Asks at once instead of at the next turn; without effect while stopped or hidden. */
  refresh(): void {
    if (this.#stopWatching !== null && !this.#options.isHidden.peek()) this.#askNow();
  }

  #pause(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#request?.abort();
    this.#request = null;
  }

  #askNow(): void {
    this.#pause();
    const request = new AbortController();
    this.#request = request;
    void this.#options.load(request.signal).then((answer) => {
      if (request.signal.aborted) return;
      this.#take(answer);
      this.#cancelTimer = this.#options.clock.after(this.#options.intervalMs, () => this.#askNow());
    });
  }

  #take(answer: Answer<T>): void {
    const nowMs = this.#options.clock.nowMs();
    batch(() => {
      if (answer.kind === 'ok') {
        this.#value.value = answer.value;
        this.#updatedMs.value = nowMs;
        this.#failure.value = null;
        this.#failingSinceMs.value = null;
      } else {
        this.#failure.value = answer;
        this.#failingSinceMs.value ??= nowMs;
      }
    });
  }
}
