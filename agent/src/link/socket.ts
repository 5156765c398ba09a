/** The socket as a port, and the one implementation that talks to the network. Only this file knows the library. */
import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { AppError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { SUBPROTOCOL } from '@rollcall/shared/protocol/version.ts';
import type { Endpoint } from './endpoint.ts';

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
const ABNORMAL_CLOSE = 1006;
const CLOSE_MS_MAX = 5_000;
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

/**
 * Connects over the network. Certificates are always verified.
 * @param options.ca certificate authorities in PEM form to trust instead of the system's
 */
export function webSocketDial(options: {
  readonly endpoint: Endpoint;
  readonly ca: string | undefined;
}): Dial {
  const settings = {
    perMessageDeflate: false,
    maxPayload: LIMITS.messageBytes,
    maxFragments: LIMITS.fragmentsPerMessage,
    maxBufferedChunks: 4_096,
    maxPendingAutoPongs: 8,
    handshakeTimeout: LIMITS.handshakeMs,
    closeTimeout: CLOSE_MS_MAX,
    followRedirects: false,
    rejectUnauthorized: true,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  };
  return (events) =>
    new NetworkSocket(new WebSocket(options.endpoint.connectUrl, [SUBPROTOCOL], settings), events);
}

class NetworkSocket implements Socket {
  readonly #socket: WebSocket;
  readonly #events: SocketEvents;
  #transport: unknown;
  #isOpen = false;
  #isOver = false;

  constructor(socket: WebSocket, events: SocketEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on('upgrade', (response) => {
      this.#transport = response.socket;
    });
    socket.on('open', () => {
      this.#isOpen = true;
      events.opened();
    });
    socket.on('message', (content, isBinary) => {
      // Text has no place in the protocol; an empty message is refused like any other that has no header.
      if (!this.#isOver) events.received(isBinary && Buffer.isBuffer(content) ? content : Buffer.alloc(0));
    });
    socket.on('ping', () => this.#heard());
    socket.on('pong', () => this.#heard());
    socket.on('unexpected-response', (_request, response) => {
      const { statusCode = 0, headers } = response;
      this.#end(() => events.refused({ statusCode, retryAfterMs: retryAfterMs(headers['retry-after']) }));
      socket.terminate();
    });
    socket.on('error', (error) => this.#onError(error));
    socket.on('close', (code) => this.#end(() => events.closed(code)));
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(bytes: Buffer): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(bytes, { binary: true }, () => {
      if (!this.#isOver) this.#events.drained();
    });
  }

  ping(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  channelBinding(): Buffer | undefined {
    return channelBindingOf(this.#transport);
  }

  close(code: number): void {
    this.#socket.close(code);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #heard(): void {
    if (!this.#isOver) this.#events.heard();
  }

  #onError(error: Error): void {
    if (this.#isOpen) {
      this.#end(() => this.#events.closed(ABNORMAL_CLOSE));
      this.#socket.terminate();
      return;
    }
    const isCertificate = isCertificateError(error);
    const code = isCertificate ? 'COLLECTOR_UNTRUSTED' : 'COLLECTOR_UNREACHABLE';
    const what = isCertificate
      ? "the collector's certificate is not trusted"
      : 'cannot connect to the collector';
    this.#end(() => this.#events.failed(new AppError(code, what, { cause: error, isRetryable: true })));
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
