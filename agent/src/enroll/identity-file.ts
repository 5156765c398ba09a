/**
 * The agent's identity on disk: `agent.key` has its private keys (key-file.ts), `agent.json` who the collector says it is,
 * which collector that was, and what the last session left.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { JsonReader, parseJsonObject } from '@rollcall/shared/protocol/json.ts';
import { AGENT_ID_BYTES, PUBLIC_KEY_BYTES, type Identity } from '@rollcall/shared/protocol/identity.ts';
import type { IdentityStore, SessionFacts } from '../link/identity.ts';
import { ringOf, type KeyRing } from '../link/key-ring.ts';
import { readKeyRing, readRequest, writeKeyRing } from './key-file.ts';
import type { PrivateDir } from './private-dir.ts';

const IDENTITY_FILE = 'agent.json';
const FORMAT = 1;
const COLLECTOR_KEYS_MAX = 4;

/** What enrolment yields. */
export interface Enrolled {
  readonly agentId: Buffer;
  readonly collectorKeys: readonly Buffer[];
  readonly storeId: string;
  /** Address of the collector, as in `Endpoint.address`. */
  readonly url: string;
}

/** The identity of an enrolled agent. */
export interface StoredIdentity extends IdentityStore {
  readonly url: string;
}

/**
 * The identity in the folder, undefined when the agent is not enrolled.
 * @throws AppError DATA_DIR_UNUSABLE, also when the files are damaged; AUTH_FAILED when the key is
 */
export function readIdentity(dir: PrivateDir): StoredIdentity | undefined {
  const text = dir.read(IDENTITY_FILE);
  if (text === undefined) return undefined;
  const request = readRequest(dir);
  const ring = readKeyRing(dir);
  if (ring === undefined) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `${dir.path} has ${IDENTITY_FILE} but no agent.key; enrol with --force`,
    );
  }
  try {
    const { enrolled, facts } = parse(text);
    return storeOf(dir, { ring, request, enrolled, facts });
  } catch (error) {
    throw new AppError('DATA_DIR_UNUSABLE', `${dir.path}/${IDENTITY_FILE} is damaged; enrol with --force`, {
      cause: error,
    });
  }
}

/** Stores a fresh identity for the keys that are in the folder. @throws AppError DATA_DIR_UNUSABLE */
export function writeIdentity(dir: PrivateDir, keys: Identity, enrolled: Enrolled): StoredIdentity {
  const facts: SessionFacts = { generation: 0, storeId: enrolled.storeId, binding: 'none' };
  const store = storeOf(dir, { ring: ringOf(keys), request: readRequest(dir), enrolled, facts });
  store.store(facts);
  return store;
}

function storeOf(
  dir: PrivateDir,
  content: {
    readonly ring: KeyRing;
    /** For a new key, as it was found with the ring. */
    readonly request: string;
    readonly enrolled: Enrolled;
    readonly facts: SessionFacts;
  },
): StoredIdentity {
  const { enrolled, request } = content;
  const { agentId, collectorKeys, url } = enrolled;
  let { ring, facts } = content;
  return {
    identity: { agentId, collectorKeys },
    url,
    facts: () => facts,
    store(next) {
      facts = next;
      dir.write(IDENTITY_FILE, format(enrolled, next));
    },
    keys: () => ring,
    storeKeys(next) {
      writeKeyRing(dir, next, request);
      ring = next;
    },
  };
}

function format(enrolled: Enrolled, facts: SessionFacts): string {
  const content = {
    format: FORMAT,
    url: enrolled.url,
    agentId: enrolled.agentId.toString('base64url'),
    collectorKeys: enrolled.collectorKeys.map((key) => key.toString('base64url')),
    storeId: facts.storeId,
    generation: facts.generation,
    binding: facts.binding,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function parse(text: string): { readonly enrolled: Enrolled; readonly facts: SessionFacts } {
  const reader = new JsonReader(parseJsonObject(Buffer.from(text)), IDENTITY_FILE);
  reader.integer('format', FORMAT, FORMAT);
  const collectorKeys = reader
    .textList('collectorKeys', COLLECTOR_KEYS_MAX, 64)
    .map((key) => Buffer.from(key, 'base64url'));
  if (collectorKeys.length === 0 || collectorKeys.some(({ length }) => length !== PUBLIC_KEY_BYTES)) {
    throw new AppError('PROTOCOL_ERROR', `${IDENTITY_FILE}.collectorKeys must be one or more keys`);
  }
  const storeId = reader.text('storeId', 64);
  const binding = reader.text('binding', 16) === 'exporter' ? 'exporter' : 'none';
  return {
    enrolled: {
      agentId: reader.bytes('agentId', AGENT_ID_BYTES),
      collectorKeys,
      storeId,
      url: reader.text('url', 2_048),
    },
    facts: { generation: reader.integer('generation', 0), storeId, binding },
  };
}
