/** Enrolment: trades a token for an identity. Done once per machine, over plain HTTP requests. */
import type { IncomingMessage } from 'node:http';
import { withDeadline, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Secret } from '@rollcall/shared/lib/secret.ts';
import { decodeEnrollAnswer, encodeEnrollRequest } from '@rollcall/shared/protocol/enroll.ts';
import {
  enrolledMessage,
  enrollMessage,
  generateIdentity,
  signBytes,
  verifyBytes,
  type Identity,
} from '@rollcall/shared/protocol/identity.ts';
import type { Endpoint } from '../link/endpoint.ts';
import { channelBindingOf, isCertificateError } from '../link/socket.ts';
import { ringOf } from '../link/key-ring.ts';
import { writeIdentity, type StoredIdentity } from './identity-file.ts';
import { readKeyRing, readRequest, writeKeyRing } from './key-file.ts';
import type { PrivateDir } from './private-dir.ts';

const REQUEST_MS_MAX = 15_000;
const ANSWER_BYTES_MAX = 64 * 1024;

export interface EnrollOptions {
  readonly clock: Clock;
  readonly dir: PrivateDir;
  readonly endpoint: Endpoint;
  readonly token: Secret;
  /** Certificate authorities in PEM form to trust instead of the system's. */
  readonly ca: string | undefined;
  readonly facts: {
    readonly hostName: string;
    readonly machineId: string;
    readonly agentVersion: string;
    readonly platform: string;
  };
  /** Make new keys even if there are some. */
  readonly mustRenewKeys: boolean;
}

/**
 * Enrols and stores the identity. The keys are stored before they are shown to the collector, so that a repeat after a
 * lost answer is recognised there and the token keeps its uses.
 * @throws AppError ENROLL_REFUSED (token), COLLECTOR_UNREACHABLE (also when something else answers), SLOW_DOWN and
 *   STORAGE_UNAVAILABLE (try again later), COLLECTOR_UNTRUSTED, DATA_DIR_UNUSABLE; `isRetryable` says whether trying
 *   again may help
 */
export async function enroll(options: EnrollOptions): Promise<StoredIdentity> {
  const { dir, endpoint, mustRenewKeys } = options;
  const existing = mustRenewKeys ? undefined : readKeyRing(dir)?.current;
  const keys = existing ?? generateIdentity();
  if (existing === undefined) writeKeyRing(dir, ringOf(keys), readRequest(dir));
  let reply = await post(options, { keys, isBound: true });
  // Behind a proxy that ends TLS the collector sees another TLS session than we do, or none.
  if (reply.statusCode === 403 && reply.wasBound) reply = await post(options, { keys, isBound: false });
  const { answer, json, signature } = readAnswer(reply, endpoint);
  const message = enrolledMessage({ publicKey: keys.publicKey, json });
  if (!answer.identityKeys.some((key) => verifyBytes(key, message, signature))) {
    throw new AppError(
      'COLLECTOR_UNTRUSTED',
      `enrol at ${endpoint.shown}: the signature of the answer is wrong`,
    );
  }
  const { agentId, identityKeys, storeId } = answer;
  return writeIdentity(dir, keys, { agentId, collectorKeys: identityKeys, storeId, url: endpoint.address });
}

interface Reply {
  readonly statusCode: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** Whether the proof covered the TLS session. */
  readonly wasBound: boolean;
}

function readAnswer({ statusCode, contentType, body }: Reply, { shown }: Endpoint) {
  if (statusCode === 403) {
    const hint = 'it is wrong, expired or used up; make a new one with "rollcall-collector token create"';
    throw new AppError('ENROLL_REFUSED', `enrol at ${shown}: the token was refused: ${hint}`);
  }
  if (statusCode === 429 || statusCode === 503) {
    const code = statusCode === 429 ? 'SLOW_DOWN' : 'STORAGE_UNAVAILABLE';
    throw new AppError(code, `enrol at ${shown}: the collector asks to come later`, { isRetryable: true });
  }
  try {
    if (statusCode === 200) return decodeEnrollAnswer(body);
  } catch (error) {
    throw notACollector(shown, { statusCode, contentType, cause: error });
  }
  throw notACollector(shown, { statusCode, contentType, cause: undefined });
}

function notACollector(
  shown: string,
  answer: { readonly statusCode: number; readonly contentType: string; readonly cause: unknown },
): AppError {
  const what = `HTTP ${answer.statusCode}, ${answer.contentType.slice(0, 64) || 'no content type'}`;
  return new AppError(
    'COLLECTOR_UNREACHABLE',
    `enrol at ${shown}: what answers there is not a Rollcall collector (${what}); check the URL and its port`,
    answer.cause === undefined ? {} : { cause: answer.cause },
  );
}

function post(
  options: EnrollOptions,
  proof: { readonly keys: Identity; readonly isBound: boolean },
): Promise<Reply> {
  const { clock, endpoint } = options;
  const onTimeout = (): AppError =>
    new AppError(
      'COLLECTOR_UNREACHABLE',
      `enrol at ${endpoint.shown}: no answer in ${REQUEST_MS_MAX / 1_000} s`,
      {
        isRetryable: true,
      },
    );
  return withDeadline(clock, { timeoutMs: REQUEST_MS_MAX, onTimeout }, (signal) =>
    send(options, { ...proof, signal }),
  );
}

function send(
  options: EnrollOptions,
  proof: { readonly keys: Identity; readonly isBound: boolean; readonly signal: AbortSignal },
): Promise<Reply> {
  const { endpoint, ca } = options;
  return new Promise((resolve, reject) => {
    // Loaded here: an agent that is enrolled needs neither (docs/decisions/0082).
    const { request: open } = process.getBuiltinModule(endpoint.isSecure ? 'node:https' : 'node:http');
    const request = open(endpoint.enrollUrl, {
      method: 'POST',
      agent: false,
      signal: proof.signal,
      headers: { 'content-type': 'application/json' },
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    });
    let channelBinding: Buffer = Buffer.alloc(0);
    request.on('response', (response) => {
      const { statusCode = 0, headers } = response;
      const contentType = headers['content-type'] ?? '';
      readBody(response).then(
        (body) => resolve({ statusCode, contentType, body, wasBound: channelBinding.length > 0 }),
        (error: unknown) => reject(unreachable(endpoint, error)),
      );
    });
    request.on('error', (error) => reject(unreachable(endpoint, error)));
    // The proof covers the TLS session, so the body can be written only when that exists.
    request.on('socket', (socket) => {
      socket.once(endpoint.isSecure ? 'secureConnect' : 'connect', () => {
        if (proof.isBound) channelBinding = channelBindingOf(socket) ?? channelBinding;
        const body = requestBody(options, { keys: proof.keys, channelBinding });
        request.setHeader('content-length', body.length);
        request.end(body);
      });
    });
  });
}

function requestBody(
  { token, facts }: EnrollOptions,
  { keys, channelBinding }: { readonly keys: Identity; readonly channelBinding: Buffer },
): Buffer {
  const text = token.reveal();
  const message = enrollMessage({ token: text, publicKey: keys.publicKey, channelBinding });
  return encodeEnrollRequest({
    ...facts,
    token: text,
    publicKey: keys.publicKey,
    proof: signBytes(keys, message),
  });
}

/** The body as far as it could be an answer; what is longer is none, and fails to parse. */
async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    chunks.push(bytes);
    if (length > ANSWER_BYTES_MAX) break;
  }
  return Buffer.concat(chunks);
}

function unreachable({ shown }: Endpoint, cause: unknown): AppError {
  if (isCertificateError(cause)) {
    const hint = 'give the authority that signed it as ca-file';
    return new AppError('COLLECTOR_UNTRUSTED', `enrol at ${shown}: the certificate is not trusted; ${hint}`, {
      cause,
    });
  }
  return new AppError('COLLECTOR_UNREACHABLE', `enrol at ${shown}: no connection`, {
    cause,
    isRetryable: true,
  });
}
