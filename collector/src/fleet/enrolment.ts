/**
 * Enrolment: an agent shows a token and a key, and gets an identity. Whatever is wrong, the answer is the same and
 * comes equally late, so that it tells nothing about tokens.
 */
import { sleep, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import {
  decodeEnrollRequest,
  encodeEnrollAnswer,
  type EnrollRequest,
} from '@rollcall/shared/protocol/enroll.ts';
import {
  AGENT_ID_BYTES,
  enrolledMessage,
  enrollMessage,
  signBytes,
  verifyBytes,
  type Identity,
} from '@rollcall/shared/protocol/identity.ts';
import { jsonBytes } from '@rollcall/shared/protocol/json.ts';
import type { Database } from '../state/database.ts';
import { addressKey, KeyedBuckets } from './buckets.ts';
import type { Host, Hosts } from './hosts.ts';
import type { EnrolmentTokens } from './tokens.ts';

const REFUSAL_DELAY_MS = 1_000;
/** Refusals that wait for their delay; more than that are told to slow down at once. */
const REFUSALS_WAITING_MAX = 64;
const FAILURES_PER_ADDRESS = { burst: 10, perSecond: 10 / 60 };
const ADDRESSES_MAX = 10_000;

/** What an HTTP server answers. */
export interface EnrolmentReply {
  readonly status: 200 | 403 | 429 | 503;
  /** JSON. */
  readonly body: Buffer;
}

export interface EnrolmentPeer {
  readonly address: string;
  /** See `channelBindingOf`; empty where both ends do not share a TLS session. */
  readonly channelBinding: Buffer;
}

/** How an attempt ended; for a counter. */
export type EnrolmentOutcome = 'enrolled' | 'repeated' | 'refused' | 'slow_down' | 'unavailable';

export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #failures = new KeyedBuckets(FAILURES_PER_ADDRESS, ADDRESSES_MAX);
  #refusalsWaiting = 0;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
  }

  /**
   * Answers one request.
   * @param body as it came, of any length
   * @returns 200 with the signed answer, 403 ENROLL_REFUSED whatever the reason, 429 SLOW_DOWN, 503
   *   STORAGE_UNAVAILABLE; never rejects
   */
  async enrol(body: Uint8Array, peer: EnrolmentPeer): Promise<EnrolmentReply> {
    const { clock, log, counted } = this.#options;
    const key = addressKey(peer.address);
    if (this.#failures.isEmpty(key, clock.monoMs()) || this.#refusalsWaiting >= REFUSALS_WAITING_MAX) {
      counted('slow_down');
      return failure(
        429,
        'SLOW_DOWN',
        'too many refused enrolments from this address; try again in a minute',
      );
    }
    try {
      const request = decodeEnrollRequest(body);
      const { host, outcome } = this.#redeem(request, peer);
      counted(outcome);
      return this.#answer(host, request.publicKey);
    } catch (error) {
      if (!(error instanceof AppError)) {
        counted('unavailable');
        log.error('enrolment failed', { error: describeError(error) });
        return failure(503, 'STORAGE_UNAVAILABLE', 'the collector cannot enrol at the moment');
      }
      this.#failures.take(key, clock.monoMs());
      counted('refused');
      log.warn('enrolment refused', { address: peer.address, reason: error.message });
    }
    this.#refusalsWaiting++;
    await sleep(clock, REFUSAL_DELAY_MS);
    this.#refusalsWaiting--;
    return failure(403, 'ENROLL_REFUSED', 'the enrolment token is wrong, expired or used up');
  }

  /** @throws AppError ENROLL_REFUSED */
  #redeem(
    request: EnrollRequest,
    peer: EnrolmentPeer,
  ): { readonly host: Host; readonly outcome: 'enrolled' | 'repeated' } {
    const { database, tokens, hosts, randomBytes, log } = this.#options;
    const message = enrollMessage({ ...request, channelBinding: peer.channelBinding });
    if (!verifyBytes(request.publicKey, message, request.proof)) throw refused('proof of the key is wrong');
    const { host, outcome } = database.transaction(() => {
      const tokenId = tokens.verify(request.token);
      if (tokenId === undefined) throw refused('token is unknown, revoked or expired');
      const known = hosts.findByKey(request.publicKey);
      // The answer to the first attempt was lost: the agent gets it again, and the token keeps its uses.
      if (known?.tokenId === tokenId && known.host.revokedMs === null) {
        return { host: known.host, outcome: 'repeated' as const };
      }
      if (known !== undefined) throw refused('key belongs to another host');
      if (!tokens.takeUse(tokenId)) throw refused('token is used up');
      const id = randomBytes(AGENT_ID_BYTES).toString('hex');
      return { host: hosts.insert({ ...request, id, tokenId }), outcome: 'enrolled' as const };
    });
    if (outcome === 'repeated') return { host, outcome };
    const lookalikes = hosts.findLookalikes(cleanText(request.machineId, 256));
    hosts.admit(host);
    const { id, name } = host;
    log.info('host enrolled', { id, name, address: peer.address });
    if (lookalikes.length > 0) {
      const like = lookalikes.slice(0, 5).map((other) => other.name);
      log.warn('enrolled host looks like others', { id, name, like });
    }
    return { host, outcome };
  }

  #answer(host: Host, publicKey: Buffer): EnrolmentReply {
    const { identity, storeId } = this.#options;
    const answer = {
      agentId: Buffer.from(host.id, 'hex'),
      storeId,
      identityKeys: [identity.publicKey],
    };
    return {
      status: 200,
      body: encodeEnrollAnswer(answer, (json) => signBytes(identity, enrolledMessage({ publicKey, json }))),
    };
  }
}

export interface EnrolmentOptions {
  readonly database: Database;
  readonly tokens: EnrolmentTokens;
  readonly hosts: Hosts;
  readonly identity: Identity;
  /** Of the journal. */
  readonly storeId: string;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Buffer;
  readonly log: Logger;
  readonly counted: (outcome: EnrolmentOutcome) => void;
}

function refused(reason: string): AppError {
  return new AppError('ENROLL_REFUSED', reason);
}

function failure(status: 403 | 429 | 503, code: string, message: string): EnrolmentReply {
  return { status, body: jsonBytes({ error: { code, message } }) };
}
