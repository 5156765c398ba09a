/**
 * One example of every message and record of the protocol, made from fixed keys, nonces and times. They are the golden
 * files of `protocol/testdata`, and what the fuzzer starts from. Long because it is a list.
 */
import { AppError } from '../lib/errors.ts';
import {
  decodeConfigAck,
  encodeConfig,
  encodeConfigAck,
  openConfig,
  signConfig,
  type ConfigAnswer,
  type ConfigDocument,
} from '../protocol/agent-config.ts';
import {
  decodeEnrollAnswer,
  decodeEnrollRequest,
  encodeEnrollAnswer,
  encodeEnrollRequest,
} from '../protocol/enroll.ts';
import {
  decodeFrame,
  encodeFrame,
  FRAME_FLAG_JSON,
  MESSAGE,
  type Frame,
  type MessageType,
} from '../protocol/frame.ts';
import { decodeGap, encodeGap, GAP_REASON } from '../protocol/gap.ts';
import {
  decodeChallenge,
  decodeHello,
  decodeVitals,
  decodeWelcome,
  encodeChallenge,
  encodeHello,
  encodeWelcome,
  type Hello,
  type Welcome,
} from '../protocol/handshake.ts';
import {
  enrolledMessage,
  enrollMessage,
  fingerprint,
  importIdentity,
  rotateMessage,
  signBytes,
  type Identity,
} from '../protocol/identity.ts';
import { fromColumns, toColumns } from '../protocol/columns.ts';
import { parseJsonObject } from '../protocol/json.ts';
import { decodeKeyNext, decodeKeyOk, encodeKeyNext, encodeKeyOk } from '../protocol/key-rotation.ts';
import { SchemaLayouts } from '../protocol/layouts.ts';
import * as messages from '../protocol/messages.ts';
import {
  CODEC,
  decodeRecord,
  encodeRecord,
  inflateRecord,
  RECORD_FLAG,
  RECORD_KIND,
  recordBody,
  type RecordDraft,
} from '../protocol/record.ts';
import { decodeSamples, encodeSamples, SAMPLE_ERROR, type ValuesBlock } from '../protocol/samples.ts';
import { createSchema, decodeSchemaBody, encodeSchemaBody } from '../protocol/schema.ts';
import { ByteWriter } from '../lib/varint.ts';

/** Something that travels. */
export interface WireExample {
  /** File name in testdata, without extension. */
  readonly name: string;
  readonly bytes: Buffer;
  /** What `decode` makes of the bytes. */
  readonly value: unknown;
  /** Reads such bytes; throws AppError for what is not allowed. */
  readonly decode: (bytes: Buffer) => unknown;
  /** False where zlib decides about the bytes, which may differ from version to version. */
  readonly isByteStable: boolean;
}

const WALL_MS = Date.UTC(2026, 0, 1);
const EPOCH_ID = '0102030405060708';
const BOOT_ID = '5ec1c3a2-8f0b-4f43-9a3e-0d6a4c1f2b10';
const HASH = 'ab'.repeat(32);

/** The key pair whose private half is `byte` 32 times (PKCS #8 of RFC 8410). */
function fixedIdentity(byte: number): Identity {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, byte)]);
  return importIdentity(
    `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`,
  );
}

/** What both ends know in the example of a handshake. */
export const HANDSHAKE = {
  agent: fixedIdentity(1),
  collector: fixedIdentity(2),
  agentId: Buffer.alloc(16, 0xa1),
  agentNonce: Buffer.alloc(32, 0xa2),
  collectorNonce: Buffer.alloc(32, 0xc1),
  channelBinding: Buffer.alloc(32, 0xcb),
} as const;

/** What the agent wants to be known by. */
const NEXT_KEYS = fixedIdentity(3);
const ROTATION = rotateMessage({ agentId: HANDSHAKE.agentId, publicKey: NEXT_KEYS.publicKey });

const HELLO: Hello = {
  version: 1,
  features: [],
  agentId: HANDSHAKE.agentId,
  nonce: HANDSHAKE.agentNonce,
  generation: 7,
  storeId: '00112233445566778899aabbccddeeff',
  epochs: [
    { id: '0000000000000001', bootId: 'older boot', first: 90, next: 100, acked: 89 },
    { id: EPOCH_ID, bootId: BOOT_ID, first: 1, next: 12, acked: 0 },
  ],
  bytesHeld: 4_321,
  isDurable: true,
  hostName: 'db-1.example',
  bootId: BOOT_ID,
  upMs: 360_000,
  wallMs: WALL_MS,
  agentVersion: '0.1.0',
  os: { platform: 'linux', name: 'Debian GNU/Linux 13 (trixie)', kernel: '6.12.48', arch: 'x64' },
  vitals: { timeMs: WALL_MS - 10_000, cpuBusyRatio: 0.25, fullestMountpoint: '/srv/größe' },
};

const WELCOME: Welcome = {
  version: 1,
  features: [],
  storeId: '00112233445566778899aabbccddeeff',
  wallMs: WALL_MS + 250,
  marks: [
    { id: '0000000000000001', watermark: 95, crcs: [{ seq: 95, crc: 0xdeadbeef }] },
    { id: EPOCH_ID, watermark: 0, crcs: [] },
  ],
  creditLimit: 262_144,
  generation: 8,
  mustRotateEpoch: false,
  heartbeatMs: 10_000,
};

const HELLO_BODY = encodeHello(HELLO, {
  identity: HANDSHAKE.agent,
  collectorNonce: HANDSHAKE.collectorNonce,
  channelBinding: HANDSHAKE.channelBinding,
});
const WELCOME_BODY = encodeWelcome(WELCOME, {
  identity: HANDSHAKE.collector,
  collectorNonce: HANDSHAKE.collectorNonce,
  agentNonce: HANDSHAKE.agentNonce,
  agentId: HANDSHAKE.agentId,
  channelBinding: HANDSHAKE.channelBinding,
});
const CHALLENGE = {
  versionMin: 1,
  versionMax: 1,
  nonce: HANDSHAKE.collectorNonce,
  binding: 'exporter',
  keys: [HASH],
} as const;

/** A small sampler with both encodings, a negative zero on the way, and two label sets. */
export const EXAMPLE_SCHEMA = createSchema({
  sampler: 'network',
  intervalMs: 10_000,
  metrics: [
    {
      name: 'node_network_receive_bytes_total',
      unit: 'bytes',
      type: 'counter',
      encoding: 'integer',
      scale: 0,
      labelNames: ['device'],
      series: [['eth0'], ['größe']],
    },
    {
      name: 'node_load1',
      unit: '',
      type: 'gauge',
      encoding: 'integer',
      scale: 2,
      labelNames: [],
      series: [[]],
    },
    {
      name: 'node_hwmon_temp_celsius',
      unit: 'celsius',
      type: 'gauge',
      encoding: 'float64',
      scale: 0,
      labelNames: ['chip', 'sensor'],
      series: [
        ['acpi', 'temp1'],
        ['acpi', 'temp2'],
      ],
    },
  ],
});

const VALUES: ValuesBlock = {
  kind: 'values',
  schemaNumber: 1,
  schema: EXAMPLE_SCHEMA,
  offsetMs: -3,
  // In schema order: two temperatures, load, bytes of eth0; bytes of the last device are absent.
  values: Float64Array.of(-0, 27.8, 1.25, 4_503_599_627_370_495, 0),
  present: Uint8Array.of(1, 1, 1, 1, 0),
  errors: [{ index: 4, code: SAMPLE_ERROR.VANISHED }],
};
const FAILED = { kind: 'failed', schemaNumber: 2, offsetMs: 5_000, code: SAMPLE_ERROR.TIMEOUT } as const;
const ALL_PRESENT: ValuesBlock = {
  ...VALUES,
  schemaNumber: 3,
  offsetMs: 0,
  values: Float64Array.of(21.5, 21.5, 0, 1, 2),
  present: undefined,
  errors: [],
};
/** Wide enough to be compressed. */
const WIDE_SCHEMA = createSchema({
  sampler: 'filesystem',
  intervalMs: 10_000,
  metrics: [
    {
      name: 'node_filesystem_files',
      unit: '',
      type: 'gauge',
      encoding: 'integer',
      scale: 0,
      labelNames: ['mountpoint'],
      series: Array.from({ length: 200 }, (_unused, index) => [`/srv/${index + 100}`]),
    },
  ],
});
const WIDE: ValuesBlock = {
  kind: 'values',
  schemaNumber: 4,
  schema: WIDE_SCHEMA,
  offsetMs: 0,
  values: Float64Array.from({ length: 200 }, (_unused, index) => 6_553_600 - (index % 4) * 1_024),
  present: undefined,
  errors: [],
};

const CONFIG: ConfigDocument = {
  agentId: HANDSHAKE.agentId,
  version: WALL_MS,
  settings: { intervalMs: 30_000, disabledSamplers: ['arp', 'cpu'], logLevel: 'debug' },
};
const CONFIG_REJECTED: ConfigAnswer = {
  outcome: 'rejected',
  version: WALL_MS,
  reason: 'health',
  text: '9 of 60 readings were missed',
};

const GAP = {
  to: 1_000_000,
  reason: GAP_REASON.DISK_FULL,
  isEstimated: true,
  ticksThrough: 999_000,
  samplesThrough: 199_800_000,
  firstWallMs: WALL_MS - 9_990_000,
  lastWallMs: WALL_MS - 10_000,
};
const EVENT = { event: 'start', isClean: false, lastWallMs: WALL_MS - 60_000 };

const SAMPLES_RECORD = encodeRecord(
  draft(RECORD_KIND.SAMPLES, samplesBody([VALUES, FAILED, ALL_PRESENT])),
  2,
);
const SCHEMA_RECORD = encodeRecord(draft(RECORD_KIND.SCHEMA, encodeSchemaBody(1, EXAMPLE_SCHEMA)), 1);

/** Enough alike that packing them pays. */
const PACKABLE_RECORDS = [2, 3, 4].map((seq) =>
  encodeRecord(draft(RECORD_KIND.SAMPLES, samplesBody([WIDE])), seq),
);

/** Every form of a column and every kind of block: absent, failed, of a schema that is not known. */
const COLUMN_RECORDS = [
  SCHEMA_RECORD,
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((tick) => {
    // Steady, of floating point, with a bend, up and down.
    const values = Float64Array.of(-0, tick / 3, 1.25 * tick * tick, 4_096 * ((tick * 5) % 7), 7);
    const fourth = { ...ALL_PRESENT, schemaNumber: 1, values: Float64Array.of(27.8, tick / 8, 0, 1, 2) };
    const first = tick === 4 ? VALUES : tick === 6 ? fourth : { ...ALL_PRESENT, schemaNumber: 1, values };
    const body = samplesBody(tick % 3 === 1 ? [first, FAILED, ALL_PRESENT] : [first]);
    const times = { wallMs: WALL_MS + tick * 10_000, bootMs: 360_000 + tick * 10_001 };
    return encodeRecord({ ...draft(RECORD_KIND.SAMPLES, body), ...times }, tick + 2);
  }),
];
const COLUMN_LAYOUTS = new SchemaLayouts();
COLUMN_LAYOUTS.learn(EPOCH_ID, [SCHEMA_RECORD]);
const INFLATED_RECORDS = COLUMN_RECORDS.map((bytes) => inflateRecord(bytes) ?? Buffer.alloc(0));

const crcOf = (record: Buffer): number => decodeRecord(record, 0).crc;
const bodyOf = (record: Buffer): Buffer => recordBody(decodeRecord(record, 0));

/** All of them. */
export const WIRE_EXAMPLES: readonly WireExample[] = [
  message('challenge', MESSAGE.CHALLENGE, encodeChallenge(CHALLENGE), CHALLENGE, decodeChallenge),
  message('hello', MESSAGE.HELLO, HELLO_BODY, HELLO, (body) => decodeHello(body).content),
  message('welcome', MESSAGE.WELCOME, WELCOME_BODY, WELCOME, (body) => decodeWelcome(body).content),
  ofFrame(
    'batch',
    messages.encodeBatch(EPOCH_ID, [SCHEMA_RECORD, SAMPLES_RECORD]),
    { epochId: EPOCH_ID, records: [SCHEMA_RECORD, SAMPLES_RECORD] },
    (frame) => {
      const { epochId, records } = messages.decodeBatch(frame);
      return { epochId, records: records.map(({ bytes }) => bytes) };
    },
  ),
  ofFrame(
    'batch-packed',
    messages.encodePackedBatch(EPOCH_ID, PACKABLE_RECORDS) ??
      messages.encodeBatch(EPOCH_ID, PACKABLE_RECORDS),
    { epochId: EPOCH_ID, records: PACKABLE_RECORDS.map((bytes) => [crcOf(bytes), bodyOf(bytes)]) },
    (frame) => {
      const { epochId, records } = messages.decodeBatch(frame);
      return { epochId, records: records.map(({ crc, bytes }) => [crc, bodyOf(bytes)]) };
    },
  ),
  ofFrame(
    'batch-columns',
    messages.encodePackedBatch(EPOCH_ID, COLUMN_RECORDS, COLUMN_LAYOUTS) ?? Buffer.alloc(0),
    { epochId: EPOCH_ID, records: COLUMN_RECORDS.map((bytes) => [crcOf(bytes), bodyOf(bytes)]) },
    (frame) => {
      const { epochId, records } = messages.decodeBatch(frame);
      return { epochId, records: records.map(({ crc, bytes }) => [crc, bodyOf(bytes)]) };
    },
  ),
  {
    name: 'columns',
    bytes: toColumns(INFLATED_RECORDS, (schemaNumber) => COLUMN_LAYOUTS.of(schemaNumber)) ?? Buffer.alloc(0),
    value: Buffer.concat(INFLATED_RECORDS),
    decode: (bytes) => fromColumns(bytes, INFLATED_RECORDS.length),
    isByteStable: true,
  },
  ofBody('vitals', messages.encodeVitals(HELLO.vitals ?? {}), HELLO.vitals, decodeVitals),
  ofBody(
    'inventory-have',
    messages.encodeInventoryHave(new Map([['os', HASH]])),
    new Map([['os', HASH]]),
    messages.decodeInventoryHave,
  ),
  ofBody('inventory-need', messages.encodeInventoryNeed(['os']), ['os'], messages.decodeInventoryNeed),
  ofBody(
    'inventory-chunk',
    messages.encodeInventoryChunk({
      name: 'os',
      hash: HASH,
      totalBytes: 9,
      offset: 2,
      bytes: Buffer.from('"a":1}'),
    }),
    { name: 'os', hash: HASH, totalBytes: 9, offset: 2, bytes: Buffer.from('"a":1}') },
    messages.decodeInventoryChunk,
  ),
  ofBody('generation-ack', messages.encodeGenerationAck(8), 8, messages.decodeGenerationAck),
  ofBody(
    'key-next',
    encodeKeyNext({ agentId: HANDSHAKE.agentId, old: HANDSHAKE.agent, next: NEXT_KEYS }),
    {
      publicKey: NEXT_KEYS.publicKey,
      signatureOfOld: signBytes(HANDSHAKE.agent, ROTATION),
      signatureOfNew: signBytes(NEXT_KEYS, ROTATION),
    },
    decodeKeyNext,
  ),
  ofBody('key-ok', encodeKeyOk(NEXT_KEYS.publicKey), fingerprint(NEXT_KEYS.publicKey), decodeKeyOk),
  ofBody(
    'config',
    encodeConfig(signConfig(CONFIG, HANDSHAKE.collector)),
    { kind: 'document', document: CONFIG },
    (body) =>
      openConfig(body, { agentId: HANDSHAKE.agentId, collectorKeys: [HANDSHAKE.collector.publicKey] }),
  ),
  ofBody('config-ack', encodeConfigAck(CONFIG_REJECTED), CONFIG_REJECTED, decodeConfigAck),
  ofBody('bye', messages.encodeBye('reboot'), 'reboot', messages.decodeBye),
  ofBody(
    'ack',
    messages.encodeAck({ epochId: EPOCH_ID, watermark: 281_474_976_710_655, creditLimit: 300_000 }),
    { epochId: EPOCH_ID, watermark: 281_474_976_710_655, creditLimit: 300_000 },
    messages.decodeAck,
  ),
  ofBody(
    'reject',
    messages.encodeReject({ epochId: EPOCH_ID, seq: 3, code: 'UNKNOWN_KIND', samples: 0, text: 'kind 9' }),
    { epochId: EPOCH_ID, seq: 3, code: 'UNKNOWN_KIND', samples: 0, text: 'kind 9' },
    messages.decodeReject,
  ),
  ofBody(
    'goaway',
    messages.encodeGoaway('restart', { minMs: 1_000, maxMs: 40_000 }),
    { reason: 'restart', minMs: 1_000, maxMs: 40_000 },
    messages.decodeGoaway,
  ),
  ofBody(
    'error',
    messages.encodeError('SEQ_HOLE', 'record 9 came after 7'),
    { code: 'SEQ_HOLE', text: 'record 9 came after 7' },
    messages.decodeError,
  ),
  record('record-schema', SCHEMA_RECORD, { number: 1, schema: EXAMPLE_SCHEMA }, decodeSchemaBody),
  record('record-samples', SAMPLES_RECORD, [VALUES, FAILED, ALL_PRESENT], decodeExampleSamples),
  record(
    'record-samples-deflated',
    encodeRecord(draft(RECORD_KIND.SAMPLES, samplesBody([WIDE])), 3),
    [WIDE],
    (body) => decodeSamples(body, () => WIDE_SCHEMA),
  ),
  record('record-gap', encodeRecord(draft(RECORD_KIND.GAP, encodeGap(GAP)), 4), GAP, decodeGap),
  record(
    'record-event',
    encodeRecord(draft(RECORD_KIND.EVENT, Buffer.from(JSON.stringify(EVENT))), 5),
    EVENT,
    parseJsonObject,
  ),
  enrollRequest(),
  enrollAnswer(),
];

function draft(kind: number, body: Uint8Array): RecordDraft {
  return {
    kind,
    flags: RECORD_FLAG.FIRST_AFTER_START | RECORD_FLAG.MEMORY_MODE,
    wallMs: WALL_MS,
    bootMs: 360_000,
    body,
  };
}

function samplesBody(blocks: Parameters<typeof encodeSamples>[1]): Buffer {
  const writer = new ByteWriter();
  encodeSamples(writer, blocks);
  return writer.copy();
}

function decodeExampleSamples(body: Buffer): unknown {
  return decodeSamples(body, () => EXAMPLE_SCHEMA);
}

function message(
  name: string,
  type: MessageType,
  body: Buffer,
  value: unknown,
  decode: (body: Buffer) => unknown,
): WireExample {
  return ofBody(name, encodeFrame({ type, flags: FRAME_FLAG_JSON, body: [body] }), value, decode);
}

function ofBody(name: string, bytes: Buffer, value: unknown, decode: (body: Buffer) => unknown): WireExample {
  return ofFrame(name, bytes, value, ({ body }) => decode(body));
}

function ofFrame(
  name: string,
  bytes: Buffer,
  value: unknown,
  decode: (frame: Frame) => unknown,
): WireExample {
  const { type } = decodeFrame(bytes);
  const decodeBytes = (input: Buffer): unknown => {
    const frame = decodeFrame(input);
    if (frame.type !== type) throw new AppError('PROTOCOL_ERROR', `message of type ${frame.type}`);
    return decode(frame);
  };
  return { name, bytes, value, decode: decodeBytes, isByteStable: !name.startsWith('batch') };
}

function record(name: string, bytes: Buffer, value: unknown, decode: (body: Buffer) => unknown): WireExample {
  const { codec } = decodeRecord(bytes, 0);
  return {
    name,
    bytes,
    value,
    decode: (input) => decode(recordBody(decodeRecord(input, 0))),
    isByteStable: codec === CODEC.NONE,
  };
}

function enrollRequest(): WireExample {
  const { agent, channelBinding } = HANDSHAKE;
  const { publicKey } = agent;
  const token = `rce1_${'T'.repeat(16)}_${'s'.repeat(43)}_01234567`;
  const request = {
    token,
    publicKey,
    proof: signBytes(agent, enrollMessage({ token, publicKey, channelBinding })),
    hostName: 'db-1.example',
    machineId: '0f1e2d3c4b5a69788796a5b4c3d2e1f0',
    agentVersion: '0.1.0',
    platform: 'linux',
  };
  return {
    name: 'enroll-request',
    bytes: encodeEnrollRequest(request),
    value: request,
    decode: decodeEnrollRequest,
    isByteStable: true,
  };
}

function enrollAnswer(): WireExample {
  const { agent, collector } = HANDSHAKE;
  const answer = {
    agentId: HANDSHAKE.agentId,
    storeId: '00112233445566778899aabbccddeeff',
    identityKeys: [collector.publicKey],
  };
  return {
    name: 'enroll-answer',
    bytes: encodeEnrollAnswer(answer, (json) =>
      signBytes(collector, enrolledMessage({ publicKey: agent.publicKey, json })),
    ),
    value: answer,
    decode: (bytes) => decodeEnrollAnswer(bytes).answer,
    isByteStable: true,
  };
}
