/**
 * Spares a receiver that fails: after some failures in a row there is one probe at a time, and everything else waits
 * without using up attempts. Times are monotonic milliseconds.
 */
export class Breaker {
  readonly #failuresMax: number;
  #failures = 0;
  #notBeforeMonoMs = 0;

  constructor(failuresMax: number) {
    this.#failuresMax = failuresMax;
  }

  get isOpen(): boolean {
    return this.#failures >= this.#failuresMax;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Nothing may start before this moment. */
  get notBeforeMonoMs(): number {
    return this.#notBeforeMonoMs;
  }

  /** The receiver answered, if only with a refusal of this one message. */
  onAnswer(): void {
    this.#failures = 0;
    this.#notBeforeMonoMs = 0;
  }

  /**
   * @param pauseMs how long the receiver asked to be left alone, 0 when it did not
   * @param probeDelayMs how long to wait for the next probe, when there are only probes now
   */
  onFailure(nowMonoMs: number, pauseMs: number, probeDelayMs: number): void {
    this.#failures += 1;
    const waitMs = Math.max(pauseMs, this.isOpen ? probeDelayMs : 0);
    this.#notBeforeMonoMs = Math.max(this.#notBeforeMonoMs, nowMonoMs + waitMs);
  }
}
