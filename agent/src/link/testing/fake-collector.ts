/**
 * A collector for tests of the link, without sockets: it reads the agent's messages as a real one would, keeps the
 * watermarks, and answers what the test tells it to.
 */
import {
  decodeFrame,
  encodeFrame,
  FRAME_FLAG_JSON,
  FRAME_FLAG_COLUMNS,
  FRAME_FLAG_PACKED,
  MESSAGE,
  type Frame,
} from '@rollcall/shared/protocol/frame.ts';
import { decodeGap } from '@rollcall/shared/protocol/gap.ts';
import {
  decodeHello,
  encodeChallenge,
  encodeWelcome,
  EPOCH_BYTES,
  type ChannelBinding,
  type EpochMark,
  type Hello,
} from '@rollcall/shared/protocol/handshake.ts';
import { generateIdentity, helloMessage, verifyBytes } from '@rollcall/shared/protocol/identity.ts';
import { CLOSE_CODE, decodeBatch, encodeAck } from '@rollcall/shared/protocol/messages.ts';
import { RECORD_KIND, recordBody, type WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import type { AgentFacts } from '../handshake.ts';

/** Of a machine on which an agent of a test runs. */
export const FACTS: AgentFacts = {
  hostName: 'web-1',
  bootId: 'boot',
  agentVersion: '0.1.0',
  os: { platform: 'linux', name: 'Linux', kernel: '6', arch: 'x64' },
};

/** One agent's connection as the collector sees it. */
export interface CollectorEnd {
  send(bytes: Buffer): void;
  close(code: number): void;
}

export interface FakeCollectorSettings {
  creditLimit: number;
  /** Acknowledge each batch at once. */
  isAcking: boolean;
  mustRotateEpoch: boolean;
  generation: number;
  heartbeatMs: number;
  /** Its wall clock. */
  wallMs: number;
  binding: ChannelBinding;
  versionMin: number;
  versionMax: number;
  /** What WELCOME names. */
  features: readonly string[];
  /** What CHALLENGE names. */
  challengeFeatures: readonly string[] | undefined;
  /** By this key it knows the agent. */
  agentKey: Buffer;
  /** Answers a HELLO that another key signed as a real one does; otherwise such a HELLO is a fault. */
  isRefusing: boolean;
  /** Replaces the key that WELCOME is signed with. */
  signer: Identity;
}

export class FakeCollector {
  readonly identity = generateIdentity();
  readonly settings: FakeCollectorSettings;
  readonly #nonce = Buffer.alloc(32, 9);
  /** Records by epoch and number; a gap stands at its first number. */
  readonly records = new Map<string, Map<number, WireRecord>>();
  readonly watermarks = new Map<string, number>();
  /** What came, in order, without the batches. */
  readonly frames: Frame[] = [];
  readonly hellos: Hello[] = [];
  batches = 0;
  /** Those of them that were packed. */
  packedBatches = 0;
  /** Those of them that hold columns. */
  columnBatches = 0;
  /** Bytes of BATCH bodies in this session, and how many were granted at most. */
  #receivedBytes = 0;
  #grantedBytes = 0;
  /** What was wrong with what the agent sent; must stay empty. */
  readonly faults: string[] = [];
  #end: CollectorEnd | undefined;
  #channelBinding: Buffer = Buffer.alloc(0);

  constructor(agentKey: Buffer) {
    this.settings = {
      agentKey,
      isRefusing: false,
      creditLimit: 1 << 30,
      isAcking: true,
      mustRotateEpoch: false,
      generation: 1,
      heartbeatMs: 10_000,
      wallMs: Date.UTC(2026, 0, 1),
      binding: 'none',
      versionMin: 1,
      versionMax: 1,
      features: [],
      challengeFeatures: undefined,
      signer: this.identity,
    };
  }

  /** A new connection: sends CHALLENGE. */
  connected(end: CollectorEnd, channelBinding: Buffer = Buffer.alloc(0)): void {
    this.#end = end;
    this.#channelBinding = channelBinding;
    const { versionMin, versionMax, binding, challengeFeatures: features } = this.settings;
    const challenge = { versionMin, versionMax, nonce: this.#nonce, binding, keys: [] };
    this.#json(
      MESSAGE.CHALLENGE,
      encodeChallenge(features === undefined ? challenge : { ...challenge, features }),
    );
  }

  received(bytes: Buffer): void {
    const frame = decodeFrame(Buffer.from(bytes));
    if (frame.type === MESSAGE.HELLO) this.#welcome(frame.body);
    if (frame.type === MESSAGE.BATCH) this.#apply(frame);
    else this.frames.push(frame);
  }

  /** Sends raw bytes to the agent. */
  send(bytes: Buffer): void {
    this.#end?.send(bytes);
  }

  close(code: number): void {
    this.#end?.close(code);
  }

  /** Acknowledges everything that came, with this credit. */
  ackAll(creditLimit = this.settings.creditLimit): void {
    this.#grantedBytes = Math.max(this.#grantedBytes, creditLimit);
    for (const [epochId, watermark] of this.watermarks)
      this.send(encodeAck({ epochId, watermark, creditLimit }));
  }

  /** The types of what came besides batches. */
  types(): number[] {
    return this.frames.map(({ type }) => type);
  }

  #welcome(body: Buffer): void {
    const { content, signature, json } = decodeHello(body);
    const { agentId, nonce: agentNonce, epochs } = content;
    const channelBinding = this.#channelBinding;
    const parts = { collectorNonce: this.#nonce, agentNonce, agentId, channelBinding, json };
    const { settings } = this;
    if (!verifyBytes(settings.agentKey, helloMessage(parts), signature)) {
      if (settings.isRefusing) return this.close(CLOSE_CODE.AUTH_FAILED);
      this.faults.push('signature of HELLO is wrong');
    }
    this.hellos.push(content);
    this.#receivedBytes = 0;
    this.#grantedBytes = settings.creditLimit;
    const welcome = {
      version: 1,
      features: settings.features,
      storeId: 'store',
      wallMs: settings.wallMs,
      marks: epochs.map(({ id }) => this.#mark(id)),
      creditLimit: settings.creditLimit,
      generation: settings.generation,
      mustRotateEpoch: settings.mustRotateEpoch,
      heartbeatMs: settings.heartbeatMs,
    };
    settings.mustRotateEpoch = false;
    this.#json(MESSAGE.WELCOME, encodeWelcome(welcome, { ...parts, identity: settings.signer }));
  }

  #mark(id: string): EpochMark {
    const watermark = this.watermarks.get(id) ?? 0;
    const record = this.records.get(id)?.get(watermark);
    return { id, watermark, crcs: record === undefined ? [] : [{ seq: watermark, crc: record.crc }] };
  }

  #apply(frame: Frame): void {
    this.batches++;
    const { epochId, records } = decodeBatch(frame);
    this.#checkCredit(frame, records);
    const held = this.records.get(epochId) ?? new Map<number, WireRecord>();
    this.records.set(epochId, held);
    let watermark = this.watermarks.get(epochId) ?? 0;
    for (const record of records) {
      if (record.seq !== watermark + 1) this.faults.push(`record ${record.seq} after ${watermark}`);
      held.set(record.seq, record);
      watermark = record.kind === RECORD_KIND.GAP ? decodeGap(recordBody(record)).to : record.seq;
    }
    this.watermarks.set(epochId, watermark);
    if (this.settings.isAcking) this.ackAll();
  }

  /** A record, or a packed batch, may start while less has been sent than was granted. */
  #checkCredit({ flags, body }: Frame, records: readonly WireRecord[]): void {
    const isPacked = (flags & FRAME_FLAG_PACKED) !== 0;
    if (isPacked) this.packedBatches++;
    if ((flags & FRAME_FLAG_COLUMNS) !== 0) this.columnBatches++;
    const lastBytes = isPacked ? body.length - EPOCH_BYTES : (records.at(-1)?.bytes.length ?? 0);
    const startBytes = this.#receivedBytes + body.length - EPOCH_BYTES - lastBytes;
    if (startBytes >= this.#grantedBytes)
      this.faults.push(`sent something after ${startBytes} of ${this.#grantedBytes} bytes`);
    this.#receivedBytes += body.length;
  }

  #json(type: typeof MESSAGE.CHALLENGE | typeof MESSAGE.WELCOME, body: Buffer): void {
    this.send(encodeFrame({ type, flags: FRAME_FLAG_JSON, body: [body] }));
  }
}
