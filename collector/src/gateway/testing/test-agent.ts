/** An agent for tests: speaks the protocol over a real socket, and breaks it on demand. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  decodeFrame,
  encodeFrame,
  FRAME_FLAG_JSON,
  MESSAGE,
  type Frame,
  type MessageType,
} from '@rollcall/shared/protocol/frame.ts';
import {
  decodeChallenge,
  decodeWelcome,
  encodeHello,
  type Challenge,
  type Hello,
  type Welcome,
} from '@rollcall/shared/protocol/handshake.ts';
import { verifyBytes, welcomeMessage, type Identity } from '@rollcall/shared/protocol/identity.ts';
import { encodeBatch } from '@rollcall/shared/protocol/messages.ts';
import { encodeRecord, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { CONNECT_PATH, SUBPROTOCOL } from '@rollcall/shared/protocol/version.ts';
import { channelBindingOf } from '../channel-binding.ts';
import { TEST_CERTIFICATE } from './tls.ts';

export const EPOCH_ID = 'e'.repeat(16);
const NO_BINDING: Buffer = Buffer.alloc(0);

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

export class TestAgent {
  readonly socket: WebSocket;
  readonly closed: Promise<Closing>;
  readonly #frames: Frame[] = [];
  #wake: (() => void) | undefined;
  #isClosed = false;

  /** What ties the session to its TLS connection; known once CHALLENGE has come, empty without TLS. */
  channelBinding: Buffer = NO_BINDING;

  constructor(port: number, options: { readonly isTls?: boolean } = {}) {
    const scheme = options.isTls === true ? 'wss' : 'ws';
    this.socket = new WebSocket(`${scheme}://127.0.0.1:${port}${CONNECT_PATH}`, SUBPROTOCOL, {
      perMessageDeflate: false,
      ca: TEST_CERTIFICATE,
    });
    this.socket.on('upgrade', (response) => {
      this.channelBinding = channelBindingOf(response.socket);
    });
    this.socket.on('message', (data) => {
      if (Buffer.isBuffer(data)) this.#frames.push(decodeFrame(data));
      this.#wake?.();
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.#isClosed = true;
        this.#wake?.();
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** The next message of this type; others before it are dropped. Fails when the connection ends first. */
  async next(type: MessageType): Promise<Frame> {
    for (;;) {
      for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
        if (frame.type === type) return frame;
      }
      if (this.#isClosed) throw new Error(`connection ended before a message of type ${type}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async challenge(): Promise<Challenge> {
    return decodeChallenge((await this.next(MESSAGE.CHALLENGE)).body);
  }

  send(bytes: Uint8Array): void {
    this.socket.send(bytes);
  }

  /** Answers the CHALLENGE with a HELLO and returns the verified WELCOME. */
  async login(options: {
    readonly identity: Identity;
    readonly agentId: Buffer;
    readonly collectorKey: Buffer;
    readonly change?: Partial<Hello>;
  }): Promise<Welcome> {
    const challenge = await this.challenge();
    const hello = helloOf({ agentId: options.agentId, ...options.change });
    this.send(helloFrame(hello, options.identity, challenge.nonce, this.channelBinding));
    const { body } = await this.next(MESSAGE.WELCOME);
    const { content, json, signature } = decodeWelcome(body);
    const message = welcomeMessage({
      agentNonce: hello.nonce,
      collectorNonce: challenge.nonce,
      agentId: options.agentId,
      channelBinding: this.channelBinding,
      json,
    });
    if (!verifyBytes(options.collectorKey, message, signature))
      throw new Error('signature of WELCOME is wrong');
    return content;
  }

  async end(): Promise<void> {
    if (this.#isClosed) return;
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, 'open');
    this.socket.terminate();
    await this.closed;
  }
}

/** A HELLO with sound values. */
export function helloOf(change: Partial<Hello> & { readonly agentId: Buffer }): Hello {
  return {
    version: 1,
    features: [],
    nonce: randomBytes(32),
    generation: 0,
    storeId: '',
    epochs: [{ id: EPOCH_ID, bootId: 'boot-1', first: 1, next: 1, acked: 0 }],
    bytesHeld: 0,
    isDurable: true,
    hostName: 'web',
    bootId: 'boot-1',
    upMs: 1_000,
    wallMs: 1_000,
    agentVersion: '1.0.0',
    os: { platform: 'linux', name: 'Debian', kernel: '6.1', arch: 'x64' },
    vitals: null,
    ...change,
  };
}

export function helloFrame(
  hello: Hello,
  identity: Identity,
  collectorNonce: Buffer,
  channelBinding = NO_BINDING,
): Buffer {
  const body = encodeHello(hello, { identity, collectorNonce, channelBinding });
  return encodeFrame({ type: MESSAGE.HELLO, flags: FRAME_FLAG_JSON, body: [body] });
}

/** A record with `bodyBytes` bytes that do not compress. */
export function recordOf(
  seq: number,
  options: { readonly kind?: number; readonly bodyBytes?: number } = {},
): Buffer {
  const body = randomBytes(options.bodyBytes ?? 10);
  return encodeRecord({ kind: options.kind ?? RECORD_KIND.EVENT, flags: 0, wallMs: 1, bootMs: 1, body }, seq);
}

export function batchOf(...seqs: readonly number[]): Buffer {
  return encodeBatch(
    EPOCH_ID,
    seqs.map((seq) => recordOf(seq)),
  );
}
