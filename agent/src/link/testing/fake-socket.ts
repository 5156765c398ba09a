/** A network in memory: sockets that reach the collector of the test or fail as it wishes. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { CollectorEnd } from './fake-collector.ts';
import type { Dial, Socket, SocketEvents } from '../socket.ts';

/** What a socket talks to. */
export interface Listener {
  connected(end: CollectorEnd): void;
  received(bytes: Buffer): void;
}

export type Outcome =
  | { readonly kind: 'open' }
  | { readonly kind: 'refused'; readonly statusCode: number; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'failed'; readonly code: 'COLLECTOR_UNREACHABLE' | 'COLLECTOR_UNTRUSTED' };

export class FakeNetwork {
  readonly #listener: Listener;
  /** What the next connections come to. */
  outcome: Outcome = { kind: 'open' };
  /** Hold back what the agent sends, as a slow link does. */
  isStalled = false;
  dials = 0;
  pings = 0;
  /** The code with which the agent closed last; 0 when it dropped the socket. */
  lastClose: number | undefined;
  #current: FakeSocket | undefined;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  readonly dial: Dial = (events) => {
    this.dials++;
    const socket = new FakeSocket(this, this.#listener, events);
    this.#current = socket;
    // Never from inside the call, as the port promises.
    queueMicrotask(() => socket.begin(this.outcome));
    return socket;
  };

  /** Cuts the connection as a broken network does. */
  cut(): void {
    this.#current?.end(1006);
  }

  /** The other end answers a ping. */
  pong(): void {
    this.#current?.heard();
  }

  /** Lets go what was held back, and holds back what is sent from now on. */
  trickle(): void {
    this.#current?.flush();
  }

  /** Lets go what was held back. */
  flush(): void {
    this.isStalled = false;
    this.#current?.flush();
  }
}

class FakeSocket implements Socket {
  readonly #network: FakeNetwork;
  readonly #listener: Listener;
  readonly #events: SocketEvents;
  #waiting: Buffer[] = [];
  #isOver = false;

  constructor(network: FakeNetwork, listener: Listener, events: SocketEvents) {
    this.#network = network;
    this.#listener = listener;
    this.#events = events;
  }

  get bufferedBytes(): number {
    return this.#waiting.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  begin(outcome: Outcome): void {
    if (this.#isOver) return;
    if (outcome.kind === 'open') {
      this.#events.opened();
      this.#listener.connected({
        send: (bytes) => this.#later(() => this.#events.received(bytes)),
        close: (code) => this.#later(() => this.end(code)),
      });
      return;
    }
    this.#isOver = true;
    if (outcome.kind === 'refused') this.#events.refused(outcome);
    else this.#events.failed(new AppError(outcome.code, 'no'));
  }

  end(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.closed(code);
  }

  heard(): void {
    if (!this.#isOver) this.#events.heard();
  }

  flush(): void {
    for (const bytes of this.#waiting.splice(0)) this.#listener.received(bytes);
    if (!this.#isOver) this.#events.drained();
  }

  send(bytes: Buffer): void {
    if (this.#isOver) return;
    if (this.#network.isStalled) this.#waiting.push(Buffer.from(bytes));
    else this.#listener.received(Buffer.from(bytes));
  }

  ping(): void {
    this.#network.pings++;
  }

  channelBinding(): Buffer | undefined {
    return undefined;
  }

  close(code: number): void {
    this.#network.lastClose = code;
    this.#later(() => this.end(code));
  }

  terminate(): void {
    this.#network.lastClose = 0;
    this.#later(() => this.end(1006));
  }

  #later(act: () => void): void {
    queueMicrotask(() => {
      if (!this.#isOver) act();
    });
  }
}
