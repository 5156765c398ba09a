/** The network cable of a simulated machine: can be pulled and put back. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Dial, Socket } from '../../agent/src/link/socket.ts';

export class Cable {
  readonly #dial: Dial;
  #isPulled = false;
  #socket: Socket | undefined;

  constructor(dial: Dial) {
    this.#dial = dial;
  }

  /** For the uplink: connects while the cable is in, fails while it is not. */
  readonly dial: Dial = (events) => {
    if (!this.#isPulled) {
      this.#socket = this.#dial(events);
      return this.#socket;
    }
    systemClock.setTimer(0, () =>
      events.failed(new AppError('COLLECTOR_UNREACHABLE', 'no cable', { isRetryable: true })),
    );
    return UNPLUGGED;
  };

  pull(): void {
    this.#isPulled = true;
    this.#socket?.terminate();
  }

  putBack(): void {
    this.#isPulled = false;
  }
}

const UNPLUGGED: Socket = {
  bufferedBytes: 0,
  send() {},
  ping() {},
  channelBinding: () => undefined,
  close() {},
  terminate() {},
};
