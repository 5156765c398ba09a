/**
 * CONFIG and CONFIG_ACK: settings of an agent that its collector may change, and what became of them. This file is the
 * allow-list: there is no command, path or address in it, and what is not listed is refused by both ends.
 * docs/protocol.md, "Settings".
 */
import { AppError } from '../lib/errors.ts';
import type { LogLevel } from '../lib/log.ts';
import { encodeFrame, FRAME_FLAG_JSON, MESSAGE } from './frame.ts';
import {
  AGENT_ID_BYTES,
  configMessage,
  SIGNATURE_BYTES,
  signBytes,
  verifyBytes,
  type Identity,
} from './identity.ts';
import { JsonReader, jsonBytes, parseJsonObject } from './json.ts';
import { LIMITS } from './limits.ts';
import { encodeJsonFrame } from './messages.ts';

/** The collector names it in CHALLENGE and WELCOME, the agent in HELLO unless it takes no settings. */
export const CONFIG_FEATURE = 'config';

/** Time between readings. */
export const INTERVAL_MS_MIN = 1_000;
export const INTERVAL_MS_MAX = 3_600_000;
/** Above it a version could not be raised any more. */
export const CONFIG_VERSION_MAX = 2 ** 48 - 1;
const TEXT_LENGTH_MAX = 200;
const SAMPLER_NAME = /^[a-z][a-z0-9_.]{0,31}$/;
const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** What a collector may set; what is absent is left to the agent. */
export interface AgentSettings {
  /** Time between readings, INTERVAL_MS_MIN to INTERVAL_MS_MAX. */
  readonly intervalMs?: number;
  /** Names of samplers that do not run, sorted; one that a machine has not got anyway does no harm. */
  readonly disabledSamplers?: readonly string[];
  readonly logLevel?: LogLevel;
}

/** Settings for one agent. */
export interface ConfigDocument {
  /** 16 bytes: nobody can pass the document on to another agent. */
  readonly agentId: Buffer;
  /** An agent takes none that is not above the one in force; 1 to CONFIG_VERSION_MAX. */
  readonly version: number;
  readonly settings: AgentSettings;
}

/** Whether `text` can be the name of a sampler. */
export function isSamplerName(text: string): boolean {
  return SAMPLER_NAME.test(text);
}

/** The level with this name, undefined when there is none. */
export function logLevelOf(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === text);
}

/** The settings as a JSON object, the same one for the same settings. */
export function settingsFields({ intervalMs, disabledSamplers, logLevel }: AgentSettings): AgentSettings {
  return {
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(disabledSamplers === undefined
      ? {}
      : { disabledSamplers: [...new Set(disabledSamplers)].sort((left, right) => (left < right ? -1 : 1)) }),
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}

/**
 * Reads settings, each of them within its bounds; a field that is not listed is refused.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function readSettings(reader: JsonReader): AgentSettings {
  const intervalMs = reader.isNull('intervalMs')
    ? undefined
    : reader.integer('intervalMs', INTERVAL_MS_MIN, INTERVAL_MS_MAX);
  const disabledSamplers = reader.isNull('disabledSamplers')
    ? undefined
    : reader.textList('disabledSamplers', LIMITS.disabledSamplers, 32);
  if (disabledSamplers?.every(isSamplerName) === false) {
    throw new AppError('PROTOCOL_ERROR', 'settings.disabledSamplers must be names of samplers');
  }
  const levelText = reader.textOrNull('logLevel', 8);
  const logLevel = levelText === null ? undefined : logLevelOf(levelText);
  if (levelText !== null && logLevel === undefined) {
    throw new AppError('PROTOCOL_ERROR', `settings.logLevel must be one of ${LOG_LEVELS.join(', ')}`);
  }
  reader.finish();
  return settingsFields({
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(disabledSamplers === undefined ? {} : { disabledSamplers }),
    ...(logLevel === undefined ? {} : { logLevel }),
  });
}

/** Signature and JSON of a document: the body of CONFIG, and what an agent keeps. */
export function signConfig(document: ConfigDocument, identity: Identity): Buffer {
  const { agentId, version, settings } = document;
  const json = jsonBytes({
    agentId: agentId.toString('base64url'),
    version,
    settings: settingsFields(settings),
  });
  return Buffer.concat([signBytes(identity, configMessage({ agentId, json })), json]);
}

/** CONFIG: a document that was signed. */
export function encodeConfig(signed: Uint8Array): Buffer {
  return encodeFrame({ type: MESSAGE.CONFIG, flags: FRAME_FLAG_JSON, body: [signed] });
}

/** Why a signed document is not taken as it stands. */
export type ConfigFlaw = 'content' | 'signature';

/**
 * Verifies a document before anything in it is believed: it must be signed for this agent by one of the keys.
 * @param body as in CONFIG; of any length and content
 */
export function openConfig(
  body: Buffer,
  trusted: { readonly agentId: Buffer; readonly collectorKeys: readonly Buffer[] },
):
  | { readonly kind: 'document'; readonly document: ConfigDocument }
  | { readonly kind: 'flaw'; readonly flaw: ConfigFlaw; readonly version: number; readonly text: string } {
  const { agentId, collectorKeys } = trusted;
  if (body.length <= SIGNATURE_BYTES || body.length > SIGNATURE_BYTES + LIMITS.configBytes) {
    const text = `a document of ${body.length} bytes, at most ${SIGNATURE_BYTES + LIMITS.configBytes}`;
    return { kind: 'flaw', flaw: 'content', version: 0, text };
  }
  const signature = body.subarray(0, SIGNATURE_BYTES);
  const json = body.subarray(SIGNATURE_BYTES);
  const message = configMessage({ agentId, json });
  if (!collectorKeys.some((key) => verifyBytes(key, message, signature))) {
    const text = 'not signed for this agent by its collector';
    return { kind: 'flaw', flaw: 'signature', version: 0, text };
  }
  let version = 0;
  try {
    const reader = new JsonReader(parseJsonObject(json, LIMITS.configBytes), 'CONFIG');
    version = reader.integer('version', 1, CONFIG_VERSION_MAX);
    if (!reader.bytes('agentId', AGENT_ID_BYTES).equals(agentId)) {
      throw new AppError('PROTOCOL_ERROR', 'CONFIG.agentId is of another agent');
    }
    const settings = readSettings(reader.object('settings'));
    reader.finish();
    return { kind: 'document', document: { agentId, version, settings } };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { kind: 'flaw', flaw: 'content', version, text: error.message };
  }
}

/**
 * Why settings were not taken. signature · content: malformed, unknown or out of bounds · stale: not above the version in
 * force · storage: could not be kept durably · health: readings were missed with them · interrupted: the agent ended
 * again and again while it tried them · forbidden: `remote-config: false`
 */
const CONFIG_REFUSALS = [
  'signature',
  'content',
  'stale',
  'storage',
  'health',
  'interrupted',
  'forbidden',
] as const;
/** One of CONFIG_REFUSALS. */
export type ConfigRefusal = (typeof CONFIG_REFUSALS)[number];

/** What became of a document; `version` is 0 where it could not be read. */
export type ConfigAnswer =
  | { readonly outcome: 'applied'; readonly version: number }
  | {
      readonly outcome: 'rejected';
      readonly version: number;
      readonly reason: ConfigRefusal;
      /** For people; cut to 200 characters. */
      readonly text: string;
    };

/** CONFIG_ACK. */
export function encodeConfigAck(answer: ConfigAnswer): Buffer {
  const { outcome, version } = answer;
  if (outcome === 'applied') return encodeJsonFrame(MESSAGE.CONFIG_ACK, { version, outcome });
  const text = answer.text.slice(0, TEXT_LENGTH_MAX);
  return encodeJsonFrame(MESSAGE.CONFIG_ACK, { version, outcome, reason: answer.reason, text });
}

/**
 * Reads a CONFIG_ACK.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeConfigAck(body: Buffer): ConfigAnswer {
  const reader = new JsonReader(parseJsonObject(body), 'CONFIG_ACK');
  const answer = readConfigAnswer(reader);
  reader.finish();
  return answer;
}

/**
 * The fields of an answer; others are left to the caller.
 * @throws AppError PROTOCOL_ERROR
 */
export function readConfigAnswer(reader: JsonReader): ConfigAnswer {
  const version = reader.integer('version', 0, CONFIG_VERSION_MAX);
  const outcome = reader.text('outcome', 16);
  if (outcome === 'applied') return { outcome, version };
  const reasonText = reader.text('reason', 16);
  const reason = CONFIG_REFUSALS.find((known) => known === reasonText);
  if (outcome !== 'rejected' || reason === undefined) {
    throw new AppError('PROTOCOL_ERROR', 'CONFIG_ACK must say applied, or rejected for a known reason');
  }
  return { outcome, version, reason, text: reader.text('text', TEXT_LENGTH_MAX) };
}
