/** The alerts that one object would have had, from when its condition held. Source: Prometheus, `rules/alerting.go`. */

/** An alert that would have fired. Times are UTC milliseconds. */
export interface PastAlert {
  readonly startMs: number;
  /** `null` when it still fired at the end. */
  readonly endMs: number | null;
  /** Of the values that it had; a rule that looks for little has its worst value at the lower end. */
  readonly valueMin: number;
  readonly valueMax: number;
}

export interface Hold {
  readonly forMs: number;
  readonly keepFiringForMs: number;
}

type State =
  | { readonly kind: 'inactive' }
  | { readonly kind: 'pending'; readonly sinceMs: number }
  | {
      readonly kind: 'firing';
      readonly startMs: number;
      readonly valueMin: number;
      readonly valueMax: number;
      readonly goneSinceMs: number | undefined;
    };

/** One object; moments come in order, and a moment without values is told, too. */
export class Timeline {
  readonly #hold: Hold;
  #state: State = { kind: 'inactive' };
  readonly alerts: PastAlert[] = [];

  constructor(hold: Hold) {
    this.#hold = hold;
  }

  /** Whether anything of the object is remembered, so that it must be told of the next moment. */
  get isActive(): boolean {
    return this.#state.kind !== 'inactive';
  }

  /** @param raise value of the question that begins, `stay` of the one that keeps; undefined where there is none */
  next(timeMs: number, raise: number | undefined, stay: number | undefined): void {
    const state = this.#state;
    if (state.kind === 'firing') {
      this.#whileFiring(state, timeMs, raise ?? stay);
      return;
    }
    if (raise === undefined) {
      this.#state = { kind: 'inactive' };
      return;
    }
    const sinceMs = state.kind === 'pending' ? state.sinceMs : timeMs;
    this.#state =
      timeMs - sinceMs >= this.#hold.forMs
        ? { kind: 'firing', startMs: timeMs, valueMin: raise, valueMax: raise, goneSinceMs: undefined }
        : { kind: 'pending', sinceMs };
  }

  /** History ends here. */
  finish(): void {
    if (this.#state.kind === 'firing') this.#close(this.#state, null);
  }

  #whileFiring(state: State & { kind: 'firing' }, timeMs: number, value: number | undefined): void {
    if (value !== undefined) {
      const [valueMin, valueMax] = [Math.min(state.valueMin, value), Math.max(state.valueMax, value)];
      this.#state = { ...state, valueMin, valueMax, goneSinceMs: undefined };
      return;
    }
    const goneSinceMs = state.goneSinceMs ?? timeMs;
    if (timeMs - goneSinceMs < this.#hold.keepFiringForMs) this.#state = { ...state, goneSinceMs };
    else this.#close(state, timeMs);
  }

  #close({ startMs, valueMin, valueMax }: State & { kind: 'firing' }, endMs: number | null): void {
    this.alerts.push({ startMs, endMs, valueMin, valueMax });
    this.#state = { kind: 'inactive' };
  }
}
