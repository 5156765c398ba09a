/** Enrolment: `POST /agent/v1/enroll`, JSON both ways. */
import { AppError } from '../lib/errors.ts';
import { JsonReader, jsonBytes, parseJsonObject } from './json.ts';
import { AGENT_ID_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './identity.ts';
import { LIMITS } from './limits.ts';

/**
 * Tokens look like `rce1_<16 characters id>_<43 characters secret>_<8 characters check>`: visible prefix so that leaked
 * ones can be scanned for, a public id to find the row, 256 secret bits, and a checksum against typing errors.
 */
export const TOKEN_PATTERN = /^rce1_([0-9A-Za-z]{16})_([0-9A-Za-z_-]{43})_([0-9a-f]{8})$/;
/** Prefix of every enrolment token. */
export const TOKEN_PREFIX = 'rce1_';

/** What a new agent says about itself. */
export interface EnrollRequest {
  /** As the administrator handed it out; see TOKEN_PATTERN. */
  readonly token: string;
  /** Raw key that the agent made for itself. */
  readonly publicKey: Buffer;
  /** Signature over `enrollMessage` with the key being enrolled. */
  readonly proof: Buffer;
  readonly hostName: string;
  /** What tells machines apart: the OS machine id, '' when unknown. */
  readonly machineId: string;
  readonly agentVersion: string;
  /** As Node.js names it: `linux`, `darwin`, `win32`. */
  readonly platform: string;
}

/** What an agent needs to know to connect from now on. */
export interface EnrollAnswer {
  /** 16 bytes. */
  readonly agentId: Buffer;
  /** Identity of the collector's database, 32 hexadecimal digits. */
  readonly storeId: string;
  /** The collector's identity keys, raw; the agent pins them. */
  readonly identityKeys: readonly Buffer[];
}

/** Body of the request. */
export function encodeEnrollRequest(request: EnrollRequest): Buffer {
  return jsonBytes({
    token: request.token,
    publicKey: request.publicKey.toString('base64url'),
    proof: request.proof.toString('base64url'),
    hostName: request.hostName,
    machineId: request.machineId,
    agent: request.agentVersion,
    platform: request.platform,
  });
}

/**
 * Reads the body of a request; neither token nor proof is verified yet.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeEnrollRequest(body: Uint8Array): EnrollRequest {
  const reader = new JsonReader(parseJsonObject(body, LIMITS.enrollBytes), 'enrolment');
  const request = {
    token: reader.text('token', 128),
    publicKey: reader.bytes('publicKey', PUBLIC_KEY_BYTES),
    proof: reader.bytes('proof', SIGNATURE_BYTES),
    hostName: reader.text('hostName', 256),
    machineId: reader.text('machineId', 128),
    agentVersion: reader.text('agent', 64),
    platform: reader.text('platform', 32),
  };
  reader.finish();
  return request;
}

/**
 * JSON of the answer and its signature, as one JSON body.
 * @param signed the signature over `enrolledMessage` of the JSON it is given
 */
export function encodeEnrollAnswer(answer: EnrollAnswer, signed: (json: Buffer) => Buffer): Buffer {
  const content = jsonBytes({
    agentId: answer.agentId.toString('base64url'),
    storeId: answer.storeId,
    identityKeys: answer.identityKeys.map((key) => key.toString('base64url')),
  });
  return jsonBytes({
    content: content.toString('base64url'),
    signature: signed(content).toString('base64url'),
  });
}

/**
 * Reads the body of an answer; unknown fields are ignored.
 * @returns the answer, the signature and the bytes that it covers (see `enrolledMessage`); nothing is verified yet
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeEnrollAnswer(body: Uint8Array): {
  readonly answer: EnrollAnswer;
  readonly json: Buffer;
  readonly signature: Buffer;
} {
  const outer = new JsonReader(parseJsonObject(body), 'enrolment answer');
  const json = Buffer.from(outer.text('content', LIMITS.enrollBytes), 'base64url');
  const signature = outer.bytes('signature', SIGNATURE_BYTES);
  const reader = new JsonReader(parseJsonObject(json), 'enrolment answer');
  const identityKeys = reader.bytesList('identityKeys', LIMITS.identityKeys, PUBLIC_KEY_BYTES);
  if (identityKeys.length === 0) {
    throw new AppError('PROTOCOL_ERROR', 'enrolment answer.identityKeys must be one or more Ed25519 keys');
  }
  return {
    answer: {
      agentId: reader.bytes('agentId', AGENT_ID_BYTES),
      storeId: reader.text('storeId', 64),
      identityKeys,
    },
    json,
    signature,
  };
}
