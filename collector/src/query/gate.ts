/** Lets a bounded number of queries run at once; the others wait in the order in which they came. */
import { stopReason } from './evaluate/evaluation.ts';

/** A fixed number of places. */
export class Gate {
  #freePlaces: number;
  /** Each lets one of those who wait go on. */
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#freePlaces = places;
  }

  /**
   * Runs `work` as soon as there is a place.
   * @throws AppError QUERY_TIMEOUT or QUERY_CANCELED when the signal is aborted before; whatever `work` throws
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    if (this.#freePlaces > 0) {
      this.#freePlaces--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const goOn = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(goOn);
        reject(stopReason(signal));
      };
      this.#waiting.add(goOn);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** The place goes straight to whoever waits longest. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#freePlaces++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

/** Turns of the event loop one after the other: of several computations that pause, one goes on per turn. */
export function inTurns(nextTurn: () => Promise<void>): () => Promise<void> {
  let last = Promise.resolve();
  return () => {
    last = last.then(nextTurn);
    return last;
  };
}
