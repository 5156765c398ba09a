/**
 * Delivers what the outbox holds: QUEUED → SENDING → DELIVERED, WAITING (and again), or DEAD. At least once, in order
 * per receiver and incident, with the same id in every attempt. All state that matters is in the database; what is
 * kept here (breakers, pauses, what is under way) may be lost.
 */
import { withDeadline, type Clock, type Timer } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { background } from '@rollcall/shared/lib/background.ts';
import type { AlertingCounters } from '../counters.ts';
import type { AlertingLimits } from '../limits.ts';
import type { Receiver, SendResult } from '../notify/notifier.ts';
import { Breaker } from './breaker.ts';
import { retryDelayMs, waitMsMax } from './retry.ts';
import type { Attempt, DeadRow, OutboxRow, OutboxRows, RowEnd } from './rows.ts';

export interface OutboxWorkerOptions {
  readonly rows: OutboxRows;
  readonly receivers: readonly Receiver[];
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly counters: AlertingCounters;
  readonly limits: AlertingLimits;
  readonly watch: OutboxWatch;
}

/** Who is told how delivery goes. Never called inside a transaction. */
export interface OutboxWatch {
  /** Before rows are chosen to be sent; may add and end rows. */
  beforeTurn(this: void): void;
  /** Rows were given up that will not be sent. */
  dead(this: void, rows: readonly DeadRow[]): void;
  /** A receiver took a notification. */
  delivered(this: void, receiver: string): void;
}

/** One receiver with what is known about it at present. */
interface Lane {
  readonly receiver: Receiver;
  readonly breaker: Breaker;
  /** Outbox rows under way. */
  readonly inFlight: Set<number>;
  /** Why the receiver wants nothing any more, until the next start. */
  goneReason: string | null;
  /** The failure that was logged last, `null` while all is well. */
  loggedError: string | null;
}

export class OutboxWorker {
  readonly #options: OutboxWorkerOptions;
  readonly #lanes: readonly Lane[];
  readonly #abort = new AbortController();
  readonly #sends = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #isRunning = false;

  constructor(options: OutboxWorkerOptions) {
    this.#options = options;
    this.#lanes = options.receivers.map((receiver) => ({
      receiver,
      breaker: new Breaker(options.limits.breakerFailures),
      inFlight: new Set(),
      goneReason: null,
      loggedError: null,
    }));
  }

  /** Takes up what an earlier run left. */
  start(): void {
    if (this.#isRunning || this.#abort.signal.aborted) return;
    this.#isRunning = true;
    this.#guarded('outbox', () => {
      this.#recover();
      this.#giveUpUnknownReceivers();
    });
    this.#turn();
  }

  /** Tells that there are new rows. */
  wake(): void {
    if (this.#isRunning) this.#turn();
  }

  /** Starts nothing new, waits a moment for what is under way, then cuts it off. May be called twice. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#drain();
    this.#abort.abort(new AppError('DRAINING', 'send notification: the collector stops'));
    await Promise.allSettled(this.#sends);
  }

  /** Waits until nothing is under way, but no longer than `stopDrainMs`. */
  async #drain(): Promise<void> {
    if (this.#sends.size === 0) return;
    const { clock, log, limits } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(limits.stopDrainMs, resolve);
      const all = Promise.allSettled(this.#sends).then(() => {
        timer.cancel();
        resolve();
      });
      background(log, 'drain outbox', all);
    });
  }

  /** Starts all that may start, and sets the timer for what is next. */
  #turn(): void {
    const { clock, limits } = this.#options;
    let waitMs: number = limits.sweepIntervalMs;
    this.#guarded('outbox', () => {
      this.#recover();
      this.#options.watch.beforeTurn();
      for (const lane of this.#lanes) waitMs = Math.min(waitMs, this.#startDue(lane));
    });
    this.#timer?.cancel();
    this.#timer = clock.setTimer(waitMs, () => this.#turn());
  }

  /** @returns milliseconds until the lane is worth another look */
  #startDue(lane: Lane): number {
    const { rows, clock, limits } = this.#options;
    if (lane.goneReason !== null) {
      this.#reportDead(rows.giveUp(lane.receiver.name, Number.MAX_SAFE_INTEGER, lane.goneReason));
      return limits.sweepIntervalMs;
    }
    const pauseMs = lane.breaker.notBeforeMonoMs - clock.monoMs();
    if (pauseMs > 0) return pauseMs;
    const slots = (lane.breaker.isOpen ? 1 : limits.concurrencyPerReceiver) - lane.inFlight.size;
    // The end of a request under way is the next occasion.
    if (slots <= 0) return limits.sweepIntervalMs;

    const nowMs = clock.wallMs();
    const waitMax = waitMsMax(limits.retryAfterMsMax);
    for (const row of rows.heads(lane.receiver.name, slots)) {
      const waitMs = row.notBeforeMs - nowMs;
      // A longer wait was never planned: the wall clock has stepped back since.
      if (waitMs > 0 && waitMs <= waitMax) return waitMs;
      this.#start(lane, row);
    }
    return limits.sweepIntervalMs;
  }

  #start(lane: Lane, row: OutboxRow): void {
    const { rows, clock, log } = this.#options;
    const attempt = rows.begin(row, clock.wallMs(), clock.monoMs());
    lane.inFlight.add(row.id);
    const send = this.#attempt(lane, attempt).finally(() => {
      lane.inFlight.delete(row.id);
      this.#sends.delete(send);
      this.wake();
    });
    this.#sends.add(send);
    background(log, 'deliver notification', send);
  }

  async #attempt(lane: Lane, attempt: Attempt): Promise<void> {
    const result = await this.#send(lane, attempt);
    // Cut off by a stop: the next start finds an attempt without result, and repeats it.
    if (this.#abort.signal.aborted && result.kind !== 'delivered') return;
    const { rows, clock, counters } = this.#options;
    const receiver = lane.receiver.name;
    const end = this.#judge(lane, attempt, result);
    this.#guarded('outbox', () => {
      rows.finish(attempt, { result, end, nowMs: clock.wallMs(), nowMonoMs: clock.monoMs() });
      counters.increment('rollcall_alerting_attempts_total', { receiver, outcome: result.kind });
      if (end.status === 'delivered') {
        counters.increment('rollcall_alerting_notifications_total', { receiver, status: 'delivered' });
        this.#options.watch.delivered(receiver);
      }
      if (end.status === 'dead') this.#reportDead([deadRowOf(attempt, end.error)]);
      if (result.kind === 'retry' && lane.breaker.isOpen) this.#giveUpOld(lane, result.error);
    });
  }

  async #send(lane: Lane, attempt: Attempt): Promise<SendResult> {
    const { clock, limits } = this.#options;
    try {
      return await withDeadline(
        clock,
        {
          timeoutMs: limits.attemptDeadlineMs,
          onTimeout: () =>
            new AppError('NOTIFY_FAILED', `send notification: no end after ${limits.attemptDeadlineMs} ms`),
        },
        (deadline) =>
          lane.receiver.notifier.send(
            attempt.row.notification,
            AbortSignal.any([deadline, this.#abort.signal]),
          ),
      );
    } catch (error) {
      const text = describeError(error);
      return { kind: 'retry', error: text, status: null, retryAfterMs: null, excerpt: null };
    }
  }

  /** What becomes of the row, and what is learnt about the receiver. */
  #judge(lane: Lane, attempt: Attempt, result: SendResult): RowEnd {
    const { clock, random, limits } = this.#options;
    switch (result.kind) {
      case 'delivered':
        lane.breaker.onAnswer();
        this.#logFailure(lane, null);
        return { status: 'delivered' };
      case 'refused':
        lane.breaker.onAnswer();
        if (result.isReceiverGone) lane.goneReason = result.error;
        return { status: 'dead', error: result.error };
      case 'retry': {
        const pauseMs = Math.min(result.retryAfterMs ?? 0, limits.retryAfterMsMax);
        const wasOpen = lane.breaker.isOpen;
        const probeDelayMs = retryDelayMs(lane.breaker.failures + 1, random);
        lane.breaker.onFailure(clock.monoMs(), pauseMs, probeDelayMs);
        if (!wasOpen && lane.breaker.isOpen) this.#countBreaker(lane);
        this.#logFailure(lane, result.error);
        const nowMs = clock.wallMs();
        if (nowMs - attempt.row.createdMs >= limits.giveUpAfterMs) {
          return { status: 'dead', error: result.error };
        }
        const delayMs = Math.max(pauseMs, retryDelayMs(attempt.number, random));
        return { status: 'waiting', notBeforeMs: nowMs + delayMs, error: result.error };
      }
      default:
        return result satisfies never;
    }
  }

  /** While a receiver only gets probes, rows that never had their turn must not outlive their time. */
  #giveUpOld(lane: Lane, error: string): void {
    const { rows, clock, limits } = this.#options;
    const createdBeforeMs = clock.wallMs() - limits.giveUpAfterMs;
    this.#reportDead(rows.giveUp(lane.receiver.name, createdBeforeMs, error));
  }

  #giveUpUnknownReceivers(): void {
    const { rows } = this.#options;
    const known = new Set(this.#lanes.map((lane) => lane.receiver.name));
    for (const receiver of rows.receiversWithUnsent()) {
      if (known.has(receiver)) continue;
      this.#reportDead(
        rows.giveUp(receiver, Number.MAX_SAFE_INTEGER, 'the receiver is no longer configured'),
      );
    }
  }

  #recover(): void {
    const { rows, clock, random, log, counters } = this.#options;
    const inFlight = new Set(this.#lanes.flatMap((lane) => [...lane.inFlight]));
    const nowMs = clock.wallMs();
    const receivers = rows.recover(inFlight, (attempts) => nowMs + retryDelayMs(attempts, random));
    if (receivers.length === 0) return;
    log.warn('notifications without a result are sent again', { count: receivers.length });
    for (const receiver of receivers) {
      counters.increment('rollcall_alerting_attempts_total', { receiver, outcome: 'ambiguous' });
    }
  }

  #reportDead(dead: readonly DeadRow[]): void {
    const { log, counters } = this.#options;
    for (const row of dead) {
      counters.increment('rollcall_alerting_notifications_total', { receiver: row.receiver, status: 'dead' });
      log.error('notification given up', {
        receiver: row.receiver,
        incident: row.incidentId,
        transition: row.transitionId,
        attempts: row.attempts,
        error: row.error,
      });
    }
    if (dead.length > 0) this.#options.watch.dead(dead);
  }

  #countBreaker(lane: Lane): void {
    const receiver = lane.receiver.name;
    this.#options.counters.increment('rollcall_alerting_breaker_opened_total', { receiver });
  }

  /** Logs when failing starts, changes and ends. */
  #logFailure(lane: Lane, error: string | null): void {
    if (lane.loggedError === error) return;
    lane.loggedError = error;
    const receiver = lane.receiver.name;
    if (error === null) this.#options.log.info('receiver works again', { receiver });
    else this.#options.log.warn('receiver fails', { receiver, error });
  }

  /** A database that fails stops neither the worker nor the program: the next turn tries again. */
  #guarded(part: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.counters.increment('rollcall_alerting_internal_errors_total', { part });
      this.#options.log.error('alerting outbox failed', { part, error: describeError(error) });
    }
  }
}

function deadRowOf(attempt: Attempt, error: string): DeadRow {
  const { notification } = attempt.row;
  return {
    id: attempt.row.id,
    receiver: notification.receiver,
    incidentId: notification.incidentId,
    transitionId: notification.transitionId,
    attempts: attempt.number,
    error,
  };
}
