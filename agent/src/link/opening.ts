/** Connects and asks for a WebSocket. Over net and tls alone: docs/decisions/0082-a-smaller-resident-agent.md says why. */
import { connect, isIP, type OnReadOpts, type Socket as Transport } from 'node:net';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { readUpgradeAnswer, upgradeRequest } from './upgrade.ts';

/**
 * A connection, and who gets what comes over it. Nothing is told as `data`: it is read into one piece of memory and copied, where
 * Node.js would take 64 KiB for each reading of some 30 bytes (docs/decisions/0095).
 */
export interface Wire {
  readonly transport: Transport;
  /** From now on `taker` gets what comes, in memory of its own, in place of whoever got it before. */
  readonly lead: (taker: (bytes: Buffer) => void) => void;
}

/** How it ended: exactly one of them comes, never before the constructor has returned. */
export interface OpeningEvents {
  /** Frames go over `wire` from now on; `rest` is what has come of them. Nobody gets what comes until it is led on. */
  upgraded(wire: Wire, rest: Buffer): void;
  /** HTTP answered something else; `retryAfter` is the header of this name. */
  refused(answer: { readonly statusCode: number; readonly retryAfter: string | undefined }): void;
  /** No connection, or what answers is no collector. */
  failed(cause: Error): void;
}

export interface OpeningOptions {
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Buffer;
  /** `ws://` or `wss://`. */
  readonly url: string;
  /** Certificate authorities in PEM form to trust instead of the system's. */
  readonly ca: string | undefined;
}

const KEY_BYTES = 16;
/** The longest of what comes all day has some 60 bytes. */
const READ_BYTES = 4 * 1024;
const DEFAULT_PORT = { 'ws:': 80, 'wss:': 443 } as const;

/** Takes LIMITS.handshakeMs at most, however slowly something is said. Certificates are always verified. */
export class Opening {
  readonly #events: OpeningEvents;
  readonly #wire: Wire;
  readonly #timer: Timer;
  readonly #key: string;
  readonly #onClose = (): void => this.#fail(new Error('the connection ended before there was an answer'));
  #answer: Buffer = Buffer.alloc(0);
  #isOver = false;

  constructor({ clock, randomBytes, url, ca }: OpeningOptions, events: OpeningEvents) {
    this.#events = events;
    this.#key = randomBytes(KEY_BYTES).toString('base64');
    const target = new URL(url);
    const isSecure = target.protocol === 'wss:';
    this.#wire = wireTo(target, ca);
    const { transport } = this.#wire;
    // The address may hold a secret, so nothing is said before the other end has proved who it is.
    transport.once(isSecure ? 'secureConnect' : 'connect', () => {
      transport.write(upgradeRequest(target, this.#key), 'latin1');
    });
    this.#wire.lead((bytes) => this.#take(bytes));
    transport.on('close', this.#onClose);
    // Stays: a connection that is thrown away may still complain.
    transport.on('error', (error) => this.#fail(error));
    const seconds = LIMITS.handshakeMs / 1_000;
    this.#timer = clock.setTimer(LIMITS.handshakeMs, () =>
      this.#fail(new Error(`no answer within ${seconds} s`)),
    );
  }

  /** Ends it with `failed`, which comes later, unless it has ended. */
  abort(): void {
    if (!this.#isOver) this.#wire.transport.destroy(new Error('given up before there was an answer'));
  }

  #take(chunk: Buffer): void {
    this.#answer = this.#answer.length === 0 ? chunk : Buffer.concat([this.#answer, chunk]);
    const bytes = this.#answer;
    const answer = readUpgradeAnswer(bytes, this.#key);
    switch (answer.kind) {
      case 'incomplete':
        return;
      case 'upgraded':
        return this.#end(() =>
          this.#events.upgraded(this.#wire, bytes.subarray(bytes.length - answer.restBytes)),
        );
      case 'refused':
        this.#end(() => this.#events.refused(answer));
        this.#wire.transport.destroy();
        return;
      case 'broken':
        return this.#fail(new Error(answer.text));
    }
  }

  #fail(cause: Error): void {
    this.#end(() => this.#events.failed(cause));
    this.#wire.transport.destroy();
  }

  #end(report: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.cancel();
    this.#wire.lead(() => {});
    this.#wire.transport.off('close', this.#onClose);
    this.#answer = Buffer.alloc(0);
    report();
  }
}

/** Connects. */
function wireTo(target: URL, ca: string | undefined): Wire {
  let give = (_bytes: Buffer): void => {};
  const onread: OnReadOpts = {
    buffer: Buffer.alloc(READ_BYTES),
    callback(count, buffer) {
      give(Buffer.from(buffer.subarray(0, count)));
      return true;
    },
  };
  const transport =
    target.protocol === 'wss:'
      ? connectSecurely(target, { ca, onread })
      : connect({ ...addressOf(target), onread });
  return { transport, lead: (taker) => void (give = taker) };
}

/** Loads TLS only where there is some: docs/decisions/0062. */
function connectSecurely(
  target: URL,
  { ca, onread }: { readonly ca: string | undefined; readonly onread: OnReadOpts },
): Transport {
  const address = addressOf(target);
  // The types leave `onread` out; it is among the options of tls.connect() since 12.16.
  const options = {
    ...address,
    onread,
    // An address has no name that could be asked for (RFC 6066, section 3).
    servername: isIP(address.host) === 0 ? address.host : '',
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  };
  return process.getBuiltinModule('node:tls').connect(options);
}

function addressOf({ hostname, port, protocol }: URL): { readonly host: string; readonly port: number } {
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return { host, port: port === '' ? DEFAULT_PORT[protocol === 'wss:' ? 'wss:' : 'ws:'] : Number(port) };
}
