/** A simulated computer and the processes on it, as far as time goes. */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import type { Timeline } from './timeline.ts';

const EPOCH_MS = Date.UTC(2026, 0, 1);

export class Machine {
  readonly timeline: Timeline;
  /** The wall clock minus the true time. */
  wallErrorMs = 0;
  #bootedAtMs: number;
  #suspendedMs = 0;
  #frozenUntilMs = 0;
  /** Sum of all freezes, those that are not over yet included as a whole. */
  #frozenMs = 0;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
    this.#bootedAtMs = timeline.nowMs - 60_000;
  }

  get wallMs(): number {
    return Math.floor(EPOCH_MS + this.timeline.nowMs + this.wallErrorMs);
  }

  get bootMs(): number {
    return Math.floor(this.timeline.nowMs - this.#bootedAtMs);
  }

  get monoMs(): number {
    return this.timeline.nowMs - this.#bootedAtMs - this.#suspendedMs;
  }

  /** For how long it has been able to run anything. */
  get activeMs(): number {
    return this.timeline.nowMs - this.#frozenMs + this.#stillFrozenMs;
  }

  /** Nothing on the machine runs before this time. */
  get frozenUntilMs(): number {
    return this.#frozenUntilMs;
  }

  get isFrozen(): boolean {
    return this.timeline.nowMs < this.#frozenUntilMs;
  }

  /** All its processes stand still, as by SIGSTOP. */
  freeze(forMs: number): void {
    this.#freezeUntil(this.timeline.nowMs + forMs);
  }

  /** The whole machine sleeps: its monotonic clock stands still too. */
  suspend(forMs: number): void {
    const untilMs = this.timeline.nowMs + forMs;
    this.#suspendedMs += Math.max(0, untilMs - Math.max(this.#frozenUntilMs, this.timeline.nowMs));
    this.#freezeUntil(untilMs);
  }

  /** A machine without a battery for its clock: the wall clock begins in 1970, until somebody sets it. */
  beginIn1970(): void {
    this.wallErrorMs = -EPOCH_MS;
  }

  /** The boot clock starts anew. */
  reboot(): void {
    this.#bootedAtMs = this.timeline.nowMs;
    this.#suspendedMs = 0;
    this.#frozenMs -= this.#stillFrozenMs;
    this.#frozenUntilMs = 0;
  }

  get #stillFrozenMs(): number {
    return Math.max(0, this.#frozenUntilMs - this.timeline.nowMs);
  }

  #freezeUntil(untilMs: number): void {
    const fromMs = Math.max(this.#frozenUntilMs, this.timeline.nowMs);
    this.#frozenMs += Math.max(0, untilMs - fromMs);
    this.#frozenUntilMs = Math.max(fromMs, untilMs);
  }
}

/** A process: when it is dead, none of its timers fires any more and nothing reaches it. */
export class Process {
  readonly machine: Machine;
  readonly clock: Clock;
  #isAlive = true;

  constructor(machine: Machine) {
    this.machine = machine;
    this.clock = {
      wallMs: () => machine.wallMs,
      monoMs: () => machine.monoMs,
      bootMs: () => machine.bootMs,
      setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  end(): void {
    this.#isAlive = false;
  }

  /** Runs `act` now, or when the machine is no longer frozen, unless the process is dead by then. */
  whenRunning(act: () => void): void {
    if (!this.#isAlive) return;
    if (this.machine.isFrozen)
      this.machine.timeline.at(this.machine.frozenUntilMs, () => this.whenRunning(act));
    else act();
  }

  #setTimer(delayMs: number, callback: () => void): Timer {
    const { machine } = this;
    const dueMonoMs = machine.monoMs + Math.max(0, delayMs);
    let isCancelled = false;
    const fire = (): void => {
      if (isCancelled || !this.#isAlive) return;
      if (machine.isFrozen) machine.timeline.at(machine.frozenUntilMs, fire);
      else if (machine.monoMs < dueMonoMs) machine.timeline.after(dueMonoMs - machine.monoMs, fire);
      else callback();
    };
    machine.timeline.after(Math.max(0, delayMs), fire);
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  }
}
