/** Turns a message of the collector into an event of the session. Whatever is wrong with it becomes a violation. */
import { AppError, describeError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { decodeFrame, MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { decodeChallenge } from '@rollcall/shared/protocol/handshake.ts';
import { decodeKeyOk } from '@rollcall/shared/protocol/key-rotation.ts';
import {
  decodeAck,
  decodeError,
  decodeGoaway,
  decodeInventoryNeed,
  decodeReject,
} from '@rollcall/shared/protocol/messages.ts';
import type { Spool } from '../spool/spool.ts';
import { acceptChallenge, readWelcome, type Handshake } from './handshake.ts';
import type { IdentityStore } from './identity.ts';
import { reconcile } from './reconcile.ts';
import type { SessionEvent } from './session-types.ts';

export interface IncomingContext {
  readonly spool: Pick<Spool, 'epochs' | 'crcOf'>;
  readonly identity: IdentityStore;
  /** Our HELLO of this connection, undefined before it was sent. */
  readonly handshake: Handshake | undefined;
  readonly isDowngradeAllowed: boolean;
}

/** A message as the session hears of it, and what is in it for people; texts are safe to log. */
export interface Incoming {
  readonly event: SessionEvent;
  readonly reject?: Rejected;
  /** Wall clock of the collector, from WELCOME. */
  readonly collectorMs?: number;
  /** The code and text of an ERROR message. */
  readonly complaint?: string;
  /** Fingerprint of the key that the collector says it has stored. */
  readonly storedKey?: string;
  /** The body of a CONFIG, of which nothing was checked; a view into the message. */
  readonly config?: Buffer;
}

/** What is known of a record that the collector consumed without storing it. */
export interface Rejected {
  readonly reason: ErrorCode;
  readonly samples: number;
  readonly text: string;
}

const TEXT_MAX = 200;

/** Never throws: a message that cannot be read is the event `violation`. */
export function readMessage(bytes: Buffer, context: IncomingContext): Incoming {
  try {
    return decode(bytes, context);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const text = cleanText(describeError(error), TEXT_MAX);
    const isKnown = error.code === 'COLLECTOR_UNTRUSTED' || error.code === 'UPGRADE_NEEDED';
    return { event: { kind: 'violation', code: isKnown ? error.code : 'PROTOCOL_ERROR', text } };
  }
}

function decode(bytes: Buffer, context: IncomingContext): Incoming {
  const { type, body } = decodeFrame(bytes);
  switch (type) {
    case MESSAGE.CHALLENGE: {
      const challenge = decodeChallenge(body);
      const remembered = context.identity.facts().binding;
      acceptChallenge(challenge, { remembered, isDowngradeAllowed: context.isDowngradeAllowed });
      return { event: { kind: 'challenge', challenge } };
    }
    case MESSAGE.WELCOME:
      return readWelcomeEvent(body, context);
    case MESSAGE.ACK:
      return { event: { kind: 'ack', ...decodeAck(body) } };
    case MESSAGE.REJECT: {
      const { code, samples, text } = decodeReject(body);
      return { event: { kind: 'heard' }, reject: { reason: code, samples, text: cleanText(text, TEXT_MAX) } };
    }
    case MESSAGE.GOAWAY: {
      const { minMs, maxMs } = decodeGoaway(body);
      return { event: { kind: 'goaway', window: { minMs, maxMs } } };
    }
    case MESSAGE.INV_NEED:
      return { event: { kind: 'inventoryNeeded', names: decodeInventoryNeed(body) } };
    case MESSAGE.ERROR: {
      const { code, text } = decodeError(body);
      return { event: { kind: 'heard' }, complaint: cleanText(`${code}: ${text}`, TEXT_MAX) };
    }
    case MESSAGE.KEY_OK:
      return { event: { kind: 'heard' }, storedKey: decodeKeyOk(body) };
    case MESSAGE.CONFIG:
      return { event: { kind: 'heard' }, config: body };
    case MESSAGE.HELLO:
    case MESSAGE.BATCH:
    case MESSAGE.VITALS:
    case MESSAGE.INV_HAVE:
    case MESSAGE.INV_FULL:
    case MESSAGE.CONFIG_ACK:
    case MESSAGE.KEY_NEXT:
    case MESSAGE.GEN_ACK:
    case MESSAGE.BYE:
      throw new AppError('PROTOCOL_ERROR', `the collector sent message type ${type}, which only agents send`);
  }
}

function readWelcomeEvent(body: Buffer, { spool, identity, handshake }: IncomingContext): Incoming {
  if (handshake === undefined) throw new AppError('PROTOCOL_ERROR', 'WELCOME came before HELLO');
  const welcome = readWelcome(body, { handshake, identity: identity.identity });
  const reconciliation = reconcile({
    // An epoch that began after HELLO is no part of this session; the next one will have it.
    epochs: spool.epochs().filter(({ id }) => handshake.epochIds.has(id)),
    marks: welcome.marks,
    mustRotateEpoch: welcome.mustRotateEpoch,
    crcOf: (epochId, seq) => spool.crcOf(epochId, seq),
  });
  const { creditLimit, heartbeatMs, generation, storeId, features, wallMs: collectorMs } = welcome;
  const content = { reconciliation, creditLimit, heartbeatMs, generation, storeId, features };
  return { event: { kind: 'welcome', ...content }, collectorMs };
}
