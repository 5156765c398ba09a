/** CHALLENGE, HELLO and WELCOME: who we are, what we hold, what the other end has. */
import { AppError } from '../lib/errors.ts';
import { JsonReader, jsonBytes, parseJsonObject } from './json.ts';
import {
  AGENT_ID_BYTES,
  helloMessage,
  NONCE_BYTES,
  SIGNATURE_BYTES,
  signBytes,
  welcomeMessage,
  type Identity,
} from './identity.ts';
import { LIMITS } from './limits.ts';

/** Random bytes that name an epoch. */
export const EPOCH_BYTES = 8;
const TEXT_MAX = 256;
const U48_MAX = 2 ** 48 - 1;
const VERSION_MAX = 255;
const VITAL_NAME = /^[a-zA-Z][a-zA-Z0-9]{0,31}$/;
/** Checksums that WELCOME tells of one epoch. */
const MARK_CRCS_MAX = 64;

/** Whether signatures cover the TLS session (RFC 9266) or it ends at a proxy. */
export type ChannelBinding = 'exporter' | 'none';

/** First message of a connection, from the collector. */
export interface Challenge {
  /** Versions that the collector speaks. */
  readonly versionMin: number;
  readonly versionMax: number;
  /** 32 random bytes. */
  readonly nonce: Buffer;
  readonly binding: ChannelBinding;
  /** Fingerprints of the collector's identity keys. */
  readonly keys: readonly string[];
  /** What a HELLO may speak of that not every collector of this version reads. @default none */
  readonly features?: readonly string[];
}

/** One run of record numbers within one boot of the agent's operating system. */
export interface EpochState {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** Names the boot; all of an epoch's records are from it. */
  readonly bootId: string;
  /** Oldest number held; `next` when none is. */
  readonly first: number;
  /** Number that the next record gets. */
  readonly next: number;
  /** Highest acknowledgement received, 0 for none. */
  readonly acked: number;
}

/**
 * Newest readings, so that a host with a backlog can be judged at once; never stored as samples. Names
 * (`[a-zA-Z][a-zA-Z0-9]{0,31}`, at most 16) to finite numbers; `fullestMountpoint` alone is a text.
 */
export type Vitals = Readonly<Record<string, number | string>>;

/** The agent's operating system, in the words of Node.js and of the system itself. */
export interface OsFacts {
  readonly platform: string;
  readonly name: string;
  readonly kernel: string;
  readonly arch: string;
}

/** The agent's answer to CHALLENGE. */
export interface Hello {
  /** Version that the agent chose. */
  readonly version: number;
  /** Optional abilities that it has. */
  readonly features: readonly string[];
  /** 16 bytes. */
  readonly agentId: Buffer;
  /** 32 random bytes. */
  readonly nonce: Buffer;
  /** Last one stored; a lower one than the collector knows means that the key exists twice. */
  readonly generation: number;
  /** The store that the agent last spoke to, '' before the first time. */
  readonly storeId: string;
  /** Oldest first; the last one is current. */
  readonly epochs: readonly EpochState[];
  /** Bytes of records held. */
  readonly bytesHeld: number;
  /** False while the spool is in memory. */
  readonly isDurable: boolean;
  readonly hostName: string;
  readonly bootId: string;
  /** Milliseconds since the machine booted. */
  readonly upMs: number;
  /** The agent's wall clock, UTC milliseconds. */
  readonly wallMs: number;
  readonly agentVersion: string;
  readonly os: OsFacts;
  readonly vitals: Vitals | null;
  /** Of the settings of the collector that are in force, 0 for none; only for a collector whose CHALLENGE names `config`. */
  readonly configVersion?: number;
}

/** What the collector has of an epoch. */
export interface EpochMark {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** Everything up to here is accounted for; 0 for nothing. */
  readonly watermark: number;
  /** Numbers and checksums of records that the collector holds, newest first. */
  readonly crcs: readonly { readonly seq: number; readonly crc: number }[];
}

/** The collector's answer to HELLO; records may follow. */
export interface Welcome {
  readonly version: number;
  /** Those of HELLO that the collector has too. */
  readonly features: readonly string[];
  readonly storeId: string;
  /** The collector's wall clock, UTC milliseconds. */
  readonly wallMs: number;
  /** One per epoch of HELLO. */
  readonly marks: readonly EpochMark[];
  /** Total bytes of BATCH bodies that may be sent in this session. */
  readonly creditLimit: number;
  /** Offered; the agent stores it, then says so with GEN_ACK. */
  readonly generation: number;
  /** The agent has to begin a new epoch before it sends. */
  readonly mustRotateEpoch: boolean;
  /** Silence after which the agent pings. */
  readonly heartbeatMs: number;
}

/** Body of a CHALLENGE. */
export function encodeChallenge(challenge: Challenge): Buffer {
  return jsonBytes({
    v: [challenge.versionMin, challenge.versionMax],
    nonce: challenge.nonce.toString('base64url'),
    binding: challenge.binding,
    keys: challenge.keys,
    ...(challenge.features === undefined ? {} : { features: challenge.features }),
  });
}

/**
 * Reads the body of a CHALLENGE; unknown fields are ignored.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeChallenge(body: Uint8Array): Challenge {
  const reader = new JsonReader(parseJsonObject(body), 'CHALLENGE');
  const [versionMin = 0, versionMax = 0] = reader.integerList('v', 2, 1, VERSION_MAX);
  const binding = reader.text('binding', 16);
  if (binding !== 'exporter' && binding !== 'none') {
    throw new AppError('PROTOCOL_ERROR', 'CHALLENGE.binding must be "exporter" or "none"');
  }
  return {
    versionMin,
    versionMax,
    nonce: reader.bytes('nonce', NONCE_BYTES),
    binding,
    keys: reader.textList('keys', LIMITS.identityKeys, 64),
    ...(reader.isNull('features') ? {} : { features: reader.textList('features', 64, 32) }),
  };
}

/**
 * Signature and JSON of a HELLO, as its body. Vitals that are not finite are left out.
 * @param signing.channelBinding see `HandshakeParts`
 */
export function encodeHello(
  hello: Hello,
  signing: { readonly identity: Identity; readonly collectorNonce: Buffer; readonly channelBinding: Buffer },
): Buffer {
  const json = jsonBytes({
    v: hello.version,
    features: hello.features,
    agentId: hello.agentId.toString('base64url'),
    nonce: hello.nonce.toString('base64url'),
    gen: hello.generation,
    storeId: hello.storeId,
    epochs: hello.epochs.map(({ id, bootId, first, next, acked }) => ({ id, bootId, first, next, acked })),
    bytesHeld: hello.bytesHeld,
    durable: hello.isDurable,
    hostName: hello.hostName,
    bootId: hello.bootId,
    upMs: hello.upMs,
    wallMs: hello.wallMs,
    agent: hello.agentVersion,
    os: {
      platform: hello.os.platform,
      name: hello.os.name,
      kernel: hello.os.kernel,
      arch: hello.os.arch,
    },
    vitals: hello.vitals === null ? null : finiteVitals(hello.vitals),
    ...(hello.configVersion === undefined ? {} : { configVersion: hello.configVersion }),
  });
  const signature = signBytes(
    signing.identity,
    helloMessage({
      collectorNonce: signing.collectorNonce,
      agentNonce: hello.nonce,
      agentId: hello.agentId,
      channelBinding: signing.channelBinding,
      json,
    }),
  );
  return Buffer.concat([signature, json]);
}

/** A body that begins with a signature, taken apart; nothing is verified yet. */
export interface SignedBody<T> {
  readonly signature: Buffer;
  /** As it was signed; a view into the body. */
  readonly json: Buffer;
  readonly content: T;
}

/**
 * Takes a HELLO apart; the caller verifies the signature over `helloMessage`.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeHello(body: Buffer): SignedBody<Hello> {
  const { signature, json } = splitSigned(body);
  const reader = new JsonReader(parseJsonObject(json), 'HELLO');
  const epochs = reader.objectList('epochs', LIMITS.epochsPerAgent).map(readEpoch);
  if (epochs.length === 0 || new Set(epochs.map(({ id }) => id)).size < epochs.length) {
    throw new AppError('PROTOCOL_ERROR', 'HELLO.epochs must have one or more entries with different ids');
  }
  const os = reader.object('os');
  const content: Hello = {
    version: reader.integer('v', 1, VERSION_MAX),
    features: reader.textList('features', 16, 32),
    agentId: reader.bytes('agentId', AGENT_ID_BYTES),
    nonce: reader.bytes('nonce', NONCE_BYTES),
    generation: reader.integer('gen', 0),
    storeId: reader.text('storeId', 64),
    epochs,
    bytesHeld: reader.integer('bytesHeld', 0),
    isDurable: reader.boolean('durable'),
    hostName: reader.text('hostName', TEXT_MAX),
    bootId: reader.text('bootId', 64),
    upMs: reader.integer('upMs', 0),
    wallMs: reader.integer('wallMs', 0, U48_MAX),
    agentVersion: reader.text('agent', 64),
    os: {
      platform: os.text('platform', 32),
      name: os.text('name', TEXT_MAX),
      kernel: os.text('kernel', TEXT_MAX),
      arch: os.text('arch', 32),
    },
    vitals: reader.isNull('vitals') ? null : readVitals(reader.object('vitals')),
    ...(reader.isNull('configVersion') ? {} : { configVersion: reader.integer('configVersion', 0, U48_MAX) }),
  };
  os.finish();
  reader.finish();
  return { signature, json, content };
}

/** Signature and JSON of a WELCOME, as its body. */
export function encodeWelcome(
  welcome: Welcome,
  signing: {
    readonly identity: Identity;
    readonly collectorNonce: Buffer;
    readonly agentNonce: Buffer;
    readonly agentId: Buffer;
    readonly channelBinding: Buffer;
  },
): Buffer {
  const json = jsonBytes({
    v: welcome.version,
    features: welcome.features,
    storeId: welcome.storeId,
    wallMs: welcome.wallMs,
    marks: welcome.marks.map(({ id, watermark, crcs }) => ({
      id,
      w: watermark,
      crcs: crcs.map(({ seq, crc }) => ({ seq, crc })),
    })),
    limit: welcome.creditLimit,
    gen: welcome.generation,
    rotateEpoch: welcome.mustRotateEpoch,
    heartbeatMs: welcome.heartbeatMs,
  });
  const signature = signBytes(signing.identity, welcomeMessage({ ...signing, json }));
  return Buffer.concat([signature, json]);
}

/**
 * Takes a WELCOME apart; the caller verifies the signature over `welcomeMessage`. Unknown fields are ignored, so that
 * a newer collector can say more.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeWelcome(body: Buffer): SignedBody<Welcome> {
  const { signature, json } = splitSigned(body);
  const reader = new JsonReader(parseJsonObject(json), 'WELCOME');
  const content: Welcome = {
    version: reader.integer('v', 1, VERSION_MAX),
    features: reader.textList('features', 64, 32),
    storeId: reader.text('storeId', 64),
    wallMs: reader.integer('wallMs', 0, U48_MAX),
    marks: reader.objectList('marks', LIMITS.epochsPerAgent).map(readMark),
    creditLimit: reader.integer('limit', 0),
    generation: reader.integer('gen', 0),
    mustRotateEpoch: reader.boolean('rotateEpoch'),
    heartbeatMs: reader.integer('heartbeatMs', 1_000, 600_000),
  };
  return { signature, json, content };
}

/** The vitals that can travel: what is not a number is left out, never replaced. */
export function finiteVitals(vitals: Vitals): Vitals {
  return Object.fromEntries(
    Object.entries(vitals).filter(([, value]) => typeof value === 'string' || Number.isFinite(value)),
  );
}

/**
 * Reads the body of a VITALS.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeVitals(body: Uint8Array): Vitals {
  return readVitals(new JsonReader(parseJsonObject(body), 'VITALS'));
}

function splitSigned(body: Buffer): { signature: Buffer; json: Buffer } {
  if (body.length <= SIGNATURE_BYTES) {
    throw new AppError('PROTOCOL_ERROR', `signed body of ${body.length} bytes is too short`);
  }
  return { signature: body.subarray(0, SIGNATURE_BYTES), json: body.subarray(SIGNATURE_BYTES) };
}

function readEpoch(reader: JsonReader): EpochState {
  const next = reader.integer('next', 1, U48_MAX);
  const epoch = {
    id: readEpochId(reader),
    bootId: reader.text('bootId', 64),
    first: reader.integer('first', 1, next),
    next,
    acked: reader.integer('acked', 0, U48_MAX),
  };
  reader.finish();
  return epoch;
}

function readMark(reader: JsonReader): EpochMark {
  return {
    id: readEpochId(reader),
    watermark: reader.integer('w', 0, U48_MAX),
    crcs: reader
      .objectList('crcs', MARK_CRCS_MAX)
      .map((pair) => ({ seq: pair.integer('seq', 0, U48_MAX), crc: pair.integer('crc', 0, 2 ** 32 - 1) })),
  };
}

function readEpochId(reader: JsonReader): string {
  const id = reader.text('id', 2 * EPOCH_BYTES);
  if (!/^[0-9a-f]{16}$/.test(id)) {
    throw new AppError('PROTOCOL_ERROR', 'epoch id must be 16 hexadecimal digits');
  }
  return id;
}

function readVitals(reader: JsonReader): Vitals {
  const keys = reader.keys();
  if (keys.length > LIMITS.vitalsCount) {
    throw new AppError('LIMIT_EXCEEDED', `${keys.length} vitals, at most ${LIMITS.vitalsCount}`);
  }
  const vitals: Record<string, number | string> = {};
  for (const key of keys) {
    if (!VITAL_NAME.test(key)) throw new AppError('PROTOCOL_ERROR', 'name of a vital is not allowed');
    vitals[key] = key === 'fullestMountpoint' ? reader.text(key, TEXT_MAX) : reader.number(key);
  }
  return vitals;
}
