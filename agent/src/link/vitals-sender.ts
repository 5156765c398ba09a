/** Sends the newest readings around the spool while old records keep the new ones waiting. One per connection. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Vitals } from '@rollcall/shared/protocol/handshake.ts';
import { encodeVitals } from '@rollcall/shared/protocol/messages.ts';
import type { Spool } from '../spool/spool.ts';
import type { Socket } from './socket.ts';

/** Age of the oldest record that waits above which there is a backlog, and how often vitals are sent meanwhile. */
const BACKLOG_MS_MIN = 60_000;
const INTERVAL_MS = 30_000;

export interface VitalsSenderOptions {
  readonly clock: Clock;
  readonly spool: Pick<Spool, 'stats'>;
  /** Newest readings, null when there are none yet. */
  readonly vitals: () => Vitals | null;
  readonly socket: Pick<Socket, 'send'>;
}

export class VitalsSender {
  readonly #options: VitalsSenderOptions;
  #sentMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: VitalsSenderOptions) {
    this.#options = options;
  }

  /** The vitals for HELLO. */
  forHello(): Vitals | null {
    this.#sentMonoMs = this.#options.clock.monoMs();
    return this.#options.vitals();
  }

  /** Sends them when there is a backlog and the last ones are old enough. */
  sendDue(): void {
    const { clock, spool, vitals, socket } = this.#options;
    if (clock.monoMs() - this.#sentMonoMs < INTERVAL_MS) return;
    const { oldestUnackedMs } = spool.stats();
    if (oldestUnackedMs === undefined || clock.wallMs() - oldestUnackedMs < BACKLOG_MS_MIN) return;
    const newest = vitals();
    if (newest === null) return;
    this.#sentMonoMs = clock.monoMs();
    socket.send(encodeVitals(newest));
  }
}
