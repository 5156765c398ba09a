/**
 * Frames of a WebSocket over a connection that is open, with the end of it (RFC 6455, sections 5 to 7). ws reads them, and writes
 * those that are no messages; its own client, which loads HTTP for as long as the agent runs, stays outside (docs/decisions/0082).
 */
import type { Socket as Transport } from 'node:net';
import type { Writable } from 'node:stream';
import { Receiver, Sender } from 'ws';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { dataFrame, MASK_BYTES } from './data-frame.ts';
import type { Wire } from './opening.ts';

// What the package exports and its types leave out; docs of 8.23 in its lib/receiver.js and lib/sender.js.
declare module 'ws' {
  export class Receiver extends Writable {
    constructor(options: {
      readonly isServer: boolean;
      readonly maxPayload: number;
      readonly maxFragments: number;
      readonly maxBufferedChunks: number;
    });
  }
  export class Sender {
    constructor(transport: Transport);
    ping(bytes: Buffer, isMasked: boolean): void;
    pong(bytes: Buffer, isMasked: boolean, onWritten: () => void): void;
    close(code: number | undefined, reason: undefined, isMasked: boolean): void;
  }
}

export interface FrameEvents {
  /** One message. The buffer is the receiver's. */
  message(bytes: Buffer, isBinary: boolean): void;
  /** A ping or a pong. */
  heard(): void;
  /** Bytes handed to `send` have left, or never will. */
  written(): void;
  /** The connection is closed: with the code that the other end gave, else 1006. The last event. */
  ended(code: number): void;
}

const CLOSE_MS_MAX = 5_000;
const BUFFERED_CHUNKS_MAX = 4_096;
const PENDING_PONGS_MAX = 8;
/** Masks that are asked for together: to ask costs more than all of them. */
const MASKS_TOGETHER = 256;
const NO_BYTES = Buffer.alloc(0);
/** What RFC 6455, section 7.4.1 calls these. */
const [PROTOCOL_ERROR, TOO_BIG, NO_CODE, ABNORMAL_CLOSE] = [1002, 1009, 1005, 1006];

/** Belongs to one connection, which it closes. */
export class Frames {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #events: FrameEvents;
  readonly #receiver = new Receiver({
    isServer: false,
    maxPayload: LIMITS.messageBytes,
    maxFragments: LIMITS.fragmentsPerMessage,
    maxBufferedChunks: BUFFERED_CHUNKS_MAX,
  });
  readonly #sender: Sender;
  #closeTimer: Timer | undefined;
  #closeCode = ABNORMAL_CLOSE;
  #isOpen = true;
  #pendingPongs = 0;
  #masks: Buffer = NO_BYTES;
  #masksUsedBytes = 0;
  readonly #onWritten = (): void => this.#events.written();
  readonly #randomBytes: (count: number) => Buffer;

  constructor(
    { transport, lead }: Wire,
    options: {
      readonly clock: Clock;
      readonly randomBytes: (count: number) => Buffer;
      readonly events: FrameEvents;
    },
  ) {
    const { clock, randomBytes, events } = options;
    this.#transport = transport;
    this.#clock = clock;
    this.#events = events;
    this.#randomBytes = randomBytes;
    this.#sender = new Sender(transport);
    const receiver = this.#receiver;
    receiver.on('message', (bytes: Buffer, isBinary: boolean) => events.message(bytes, isBinary));
    receiver.on('ping', (bytes: Buffer) => this.#onPing(bytes));
    receiver.on('pong', () => events.heard());
    receiver.on('conclude', (code: number) => this.#onCloseFrame(code));
    receiver.on('error', (error) => this.#onBrokenFrame(error));
    receiver.on('drain', () => transport.resume());
    transport.setNoDelay();
    lead((bytes) => this.receive(bytes));
    transport.on('end', () => this.#leave());
    transport.on('close', () => {
      this.#isOpen = false;
      this.#closeTimer?.cancel();
      receiver.end();
      events.ended(this.#closeCode);
    });
  }

  /** Bytes given to `send` that have not left yet. */
  get bufferedBytes(): number {
    return this.#transport.writableLength;
  }

  /** Reads what came before this began to listen. */
  receive(bytes: Buffer): void {
    if (bytes.length > 0 && !this.#transport.destroyed && !this.#receiver.write(bytes))
      this.#transport.pause();
  }

  /** Does nothing once this end has said that it closes, or has heard it. */
  send(bytes: Buffer): void {
    if (!this.#isOpen) return;
    this.#transport.write(dataFrame(bytes, this.#nextMask()), this.#onWritten);
  }

  /** As `send`. */
  ping(): void {
    if (this.#isOpen) this.#sender.ping(NO_BYTES, true);
  }

  /** Says that it closes, after what was sent, and gives the other end 5 s to do the same. */
  close(code: number): void {
    if (!this.#isOpen) return;
    this.#sender.close(code, undefined, true);
    this.#leave();
  }

  terminate(): void {
    this.#transport.destroy();
  }

  /** Each is used once. */
  #nextMask(): Buffer {
    if (this.#masksUsedBytes === this.#masks.length) {
      this.#masks = this.#randomBytes(MASKS_TOGETHER * MASK_BYTES);
      this.#masksUsedBytes = 0;
    }
    this.#masksUsedBytes += MASK_BYTES;
    return this.#masks.subarray(this.#masksUsedBytes - MASK_BYTES, this.#masksUsedBytes);
  }

  #onPing(bytes: Buffer): void {
    if (this.#isOpen && this.#pendingPongs >= PENDING_PONGS_MAX) return this.terminate();
    if (this.#isOpen) {
      this.#pendingPongs++;
      this.#sender.pong(bytes, true, () => this.#pendingPongs--);
    }
    this.#events.heard();
  }

  #onCloseFrame(code: number): void {
    this.#closeCode = code;
    // Nothing follows it. What comes nevertheless is read, or the end of the connection would never be seen, and is
    // thrown away by the receiver.
    if (this.#isOpen) this.#sender.close(code === NO_CODE ? undefined : code, undefined, true);
    this.#leave();
    this.#transport.end();
  }

  #onBrokenFrame(error: Error): void {
    const isTooBig = systemErrorCode(error) === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
    if (this.#isOpen) this.#sender.close(isTooBig ? TOO_BIG : PROTOCOL_ERROR, undefined, true);
    this.#isOpen = false;
    this.terminate();
  }

  /** From now on nothing is sent, and the connection has its time to end in order. */
  #leave(): void {
    this.#isOpen = false;
    this.#closeTimer ??= this.#clock.setTimer(CLOSE_MS_MAX, () => this.terminate());
  }
}
