/** The socket as a port, and the one implementation that talks to the network. */
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Endpoint } from './endpoint.ts';
import { Frames } from './frames.ts';
import { Opening, type Wire } from './opening.ts';

/** What a socket tells. `refused`, `failed` and `closed` end it: exactly one of them comes, and nothing after it. */
export interface SocketEvents {
  opened(): void;
  /** One message. The buffer is the receiver's. */
  received(bytes: Buffer): void;
  /** A sign of life without content. */
  heard(): void;
  /** Bytes handed to `send` have left; `bufferedBytes` is smaller now. */
  drained(): void;
  /** HTTP answered something else than an upgrade. */
  refused(answer: { readonly statusCode: number; readonly retryAfterMs: number | undefined }): void;
  /** No connection came about; COLLECTOR_UNREACHABLE, or COLLECTOR_UNTRUSTED for a certificate. */
  failed(error: AppError): void;
  closed(code: number): void;
}

export interface Socket {
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedBytes: number;
  /** Does nothing when the socket is not open. */
  send(bytes: Buffer): void;
  ping(): void;
  /** 32 bytes that only the two ends of this TLS 1.3 connection know (RFC 9266), undefined without one. */
  channelBinding(): Buffer | undefined;
  /** Closes in order, after what was sent. */
  close(code: number): void;
  terminate(): void;
}

/** Begins to connect. No event comes before this has returned. */
export type Dial = (events: SocketEvents) => Socket;

const CHANNEL_BINDING_BYTES = 32;
const CHANNEL_BINDING_LABEL = 'EXPORTER-Channel-Binding';
const RETRY_AFTER_MS_MAX = 3_600_000;
const CERTIFICATE_ERROR = /CERT|^UNABLE_TO_|SELF_SIGNED|HOSTNAME_MISMATCH|^CRL_/;

/** The channel binding of a TLS 1.3 socket (RFC 9266), undefined for any other. */
export function channelBindingOf(socket: unknown): Buffer | undefined {
  if (!isTls(socket) || socket.getProtocol() !== 'TLSv1.3') return undefined;
  return socket.exportKeyingMaterial(CHANNEL_BINDING_BYTES, CHANNEL_BINDING_LABEL, Buffer.alloc(0));
}

/** Loads TLS only where there is some: docs/decisions/0062. */
function isTls(socket: unknown): socket is TLSSocket {
  if (typeof socket !== 'object' || socket === null || !('encrypted' in socket)) return false;
  return socket instanceof process.getBuiltinModule('node:tls').TLSSocket;
}

/** Whether connecting failed because the other end's certificate is not trusted. */
export function isCertificateError(error: unknown): boolean {
  return CERTIFICATE_ERROR.test(systemErrorCode(error) ?? '');
}

export interface DialOptions {
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Buffer;
  readonly endpoint: Endpoint;
  /** Certificate authorities in PEM form to trust instead of the system's. */
  readonly ca: string | undefined;
}

/** Connects over the network. Certificates are always verified. */
export function webSocketDial(options: DialOptions): Dial {
  return (events) => new NetworkSocket(options, events);
}

class NetworkSocket implements Socket {
  readonly #clock: Clock;
  readonly #randomBytes: (count: number) => Buffer;
  readonly #events: SocketEvents;
  readonly #opening: Opening;
  #transport: unknown;
  /** There once the connection is open. */
  #frames: Frames | undefined;
  #isOver = false;

  constructor({ clock, randomBytes, endpoint, ca }: DialOptions, events: SocketEvents) {
    this.#clock = clock;
    this.#randomBytes = randomBytes;
    this.#events = events;
    this.#opening = new Opening(
      { clock, randomBytes, url: endpoint.connectUrl, ca },
      {
        upgraded: (wire, rest) => this.#open(wire, rest),
        refused: ({ statusCode, retryAfter }) =>
          this.#end(() => events.refused({ statusCode, retryAfterMs: retryAfterMs(retryAfter) })),
        failed: (cause) => this.#fail(cause),
      },
    );
  }

  get bufferedBytes(): number {
    return this.#frames?.bufferedBytes ?? 0;
  }

  send(bytes: Buffer): void {
    this.#frames?.send(bytes);
  }

  ping(): void {
    this.#frames?.ping();
  }

  channelBinding(): Buffer | undefined {
    return channelBindingOf(this.#transport);
  }

  close(code: number): void {
    if (this.#frames === undefined) this.#opening.abort();
    else this.#frames.close(code);
  }

  terminate(): void {
    if (this.#frames === undefined) this.#opening.abort();
    else this.#frames.terminate();
  }

  #open(wire: Wire, rest: Buffer): void {
    this.#transport = wire.transport;
    this.#frames = new Frames(wire, {
      clock: this.#clock,
      randomBytes: this.#randomBytes,
      events: {
        // Text has no place in the protocol; an empty message is refused like any other that has no header.
        message: (bytes, isBinary) => this.#events.received(isBinary ? bytes : Buffer.alloc(0)),
        heard: () => this.#events.heard(),
        written: () => {
          if (!this.#isOver) this.#events.drained();
        },
        ended: (code) => this.#end(() => this.#events.closed(code)),
      },
    });
    this.#events.opened();
    this.#frames.receive(rest);
  }

  #fail(cause: Error): void {
    const isCertificate = isCertificateError(cause);
    const code = isCertificate ? 'COLLECTOR_UNTRUSTED' : 'COLLECTOR_UNREACHABLE';
    const what = isCertificate
      ? "the collector's certificate is not trusted"
      : 'cannot connect to the collector';
    this.#end(() => this.#events.failed(new AppError(code, what, { cause, isRetryable: true })));
  }

  #end(report: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    report();
  }
}

/** `Retry-After` in milliseconds (RFC 9110 section 10.2.3); the form with a date is not used by our collector. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,9}$/.test(header)) return undefined;
  return Math.min(Number(header) * 1_000, RETRY_AFTER_MS_MAX);
}
