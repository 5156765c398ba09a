/**
 * The dead man's switch: an address outside is called each minute for as long as alerting works, so that somebody else
 * notices when it does not. Nothing is queued or repeated: a call that fails is one that was not made.
 */
import { background } from '@rollcall/shared/lib/background.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Secret } from '@rollcall/shared/lib/secret.ts';
import type { AlertingCounters } from '../counters.ts';
import type { Post } from '../notify/post.ts';

const INTERVAL_MS = 60_000;
/** Rules that were not evaluated for longer do not work. */
const EVALUATION_AGE_MS_MAX = 120_000;
/** A notification that is due for longer is not delivered. */
const DUE_AGE_MS_MAX = 300_000;

/** What alerting and the journal say of themselves. */
export interface Vitality {
  readonly isJournalWritable: boolean;
  /** UTC milliseconds; `null` before the first evaluation. */
  readonly evaluatedMs: number | null;
  /** Since when the oldest notification that could be sent waits, UTC milliseconds; `null` when none does. */
  readonly oldestDueMs: number | null;
}

export interface HeartbeatOptions {
  /** Holds a secret more often than not. */
  readonly url: Secret;
  readonly post: Post;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: AlertingCounters;
  readonly vitality: () => Vitality;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #abort = new AbortController();
  #timer: Timer | undefined;
  #call: Promise<void> | undefined;
  /** Why the last call was not made or failed, `null` when it went well. */
  #problem: string | null = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** The first call comes after a minute: alerting must have shown that it works. */
  start(): void {
    if (this.#timer !== undefined || this.#abort.signal.aborted) return;
    this.#arm();
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#abort.abort(new Error('the collector stops'));
    await this.#call;
  }

  #arm(): void {
    const { clock, log } = this.#options;
    this.#timer = clock.setTimer(INTERVAL_MS, () => {
      this.#arm();
      // The deadline of a call is shorter than the interval.
      this.#call = this.#beat();
      background(log, 'heartbeat', this.#call);
    });
  }

  async #beat(): Promise<void> {
    const { counters } = this.#options;
    const complaint = this.#complaint();
    const problem = complaint ?? (await this.#send());
    if (this.#abort.signal.aborted) return;
    const outcome = complaint !== null ? 'withheld' : problem === null ? 'sent' : 'failed';
    counters.increment('rollcall_alerting_heartbeats_total', { outcome });
    this.#note(problem);
  }

  /** Why the heartbeat is withheld; `null` while all is well. */
  #complaint(): string | null {
    const { clock, vitality } = this.#options;
    try {
      return complaintOf(vitality(), clock.wallMs());
    } catch (error) {
      return `the state of alerting cannot be read: ${describeError(error)}`;
    }
  }

  /** Why the call failed; `null` when it went well. */
  async #send(): Promise<string | null> {
    const { post, url } = this.#options;
    try {
      const { status } = await post({ url: url.reveal(), headers: {}, body: '' }, this.#abort.signal);
      return status >= 200 && status < 300 ? null : `answered ${status}`;
    } catch (error) {
      return describeError(error);
    }
  }

  /** Logs when failing starts, changes and ends. */
  #note(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === null) this.#options.log.info('heartbeat goes out again');
    else this.#options.log.error('heartbeat does not go out', { problem });
  }
}

function complaintOf(
  { isJournalWritable, evaluatedMs, oldestDueMs }: Vitality,
  nowMs: number,
): string | null {
  if (!isJournalWritable) return 'the journal cannot be written';
  if (evaluatedMs === null || nowMs - evaluatedMs > EVALUATION_AGE_MS_MAX) return 'rules are not evaluated';
  if (oldestDueMs !== null && nowMs - oldestDueMs > DUE_AGE_MS_MAX) return 'notifications are not delivered';
  return null;
}
