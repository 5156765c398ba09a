/**
 * The collector's side of an agent session as a pure state machine, total over every pair of state and event. It holds
 * nothing that the database does not: a session may be lost at any point.
 *
 *   ACCEPTED ─ HELLO is good ─► AUTHED ─ older session ended ─► FENCING ─ journal opened ─► GREETED ─ first message ─►
 *   LIVE ⇄ THROTTLED (no credit left)          any ─ error, farewell, newer session ─► CLOSING
 */
import { AppError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { decodeConfigAck, type ConfigAnswer } from '@rollcall/shared/protocol/agent-config.ts';
import { FRAME_FLAG_PACKED, MESSAGE, type Frame } from '@rollcall/shared/protocol/frame.ts';
import {
  decodeVitals,
  EPOCH_BYTES,
  type EpochMark,
  type Vitals,
} from '@rollcall/shared/protocol/handshake.ts';
import { SIGNATURE_BYTES } from '@rollcall/shared/protocol/identity.ts';
import { decodeKeyNext, type KeyOffer } from '@rollcall/shared/protocol/key-rotation.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import {
  decodeBatch,
  decodeBye,
  decodeGenerationAck,
  decodeInventoryChunk,
  decodeInventoryHave,
  type Ack,
  type ByeReason,
  type InventoryChunk,
  type SectionHashes,
} from '@rollcall/shared/protocol/messages.ts';
import type { WireRecord } from '@rollcall/shared/protocol/record.ts';
import {
  afterBatch,
  afterCommit,
  isExhausted,
  isOverCredit,
  openCredit,
  withWindow,
  type Credit,
} from './credit.ts';

/** A peer that is silent for so long is asked for a sign of life. */
const PING_AFTER_MS = 20_000;

export type Session =
  /** Nothing is known of the peer yet. */
  | { readonly kind: 'accepted'; readonly openedMs: number }
  /** The peer has proved who it is; an older session of it may still be there. */
  | { readonly kind: 'authed'; readonly openedMs: number; readonly offeredGeneration: number }
  /** It is the only one; what it already delivered is being settled. */
  | { readonly kind: 'fencing'; readonly openedMs: number; readonly offeredGeneration: number }
  | OpenSession
  /** Nothing counts any more. */
  | { readonly kind: 'closing' };

/** WELCOME was sent. */
interface OpenSession {
  readonly kind: 'greeted' | 'live' | 'throttled';
  readonly offeredGeneration: number;
  /** The agent has offered its next key, which it does once in a session. */
  readonly hasKeyOffer: boolean;
  readonly credit: Credit;
  /** What is stored of each epoch of the session; the last one is the agent's current epoch. */
  readonly watermarks: readonly { readonly id: string; readonly watermark: number }[];
}

export type SessionEvent =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'helloAccepted'; readonly offeredGeneration: number }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'journalOpened'; readonly marks: readonly EpochMark[]; readonly windowBytes: number }
  /** The records of a batch were judged. */
  | {
      readonly kind: 'applied';
      readonly epochId: string;
      readonly bodyBytes: number;
      /** Highest number that waits for a commit; undefined when none does. */
      readonly waitsSeq: number | undefined;
      readonly hasDuplicates: boolean;
      readonly windowBytes: number;
    }
  | {
      readonly kind: 'committed';
      readonly epochId: string;
      readonly watermark: number;
      readonly windowBytes: number;
    }
  /** Time passed; comes about once a second. */
  | {
      readonly kind: 'tick';
      /** Since anything came. */
      readonly silentMs: number;
      /** Since the beginning of a message that is still unfinished, 0 when there is none. */
      readonly unfinishedMs: number;
      readonly windowBytes: number;
    }
  /** The collector is about to stop. */
  | { readonly kind: 'goaway' }
  /** Anything outside that ends the session: a refused HELLO or record, a newer session, a revocation. */
  | { readonly kind: 'end'; readonly code: ErrorCode; readonly text: string }
  | { readonly kind: 'socketClosed' };

export type SessionEffect =
  /** Judge a HELLO; answer with `helloAccepted` or `end`. */
  | { readonly kind: 'judgeHello'; readonly body: Buffer }
  /** End the older session of this agent; answer with `fenced`. */
  | { readonly kind: 'fence' }
  /** Open the journal's session; answer with `journalOpened` or `end`. */
  | { readonly kind: 'openJournal' }
  | { readonly kind: 'welcome'; readonly marks: readonly EpochMark[]; readonly creditLimit: number }
  /** Judge records one by one until one is refused; answer with `applied`, and with `end` for a refusal. */
  | {
      readonly kind: 'apply';
      readonly epochId: string;
      readonly records: readonly WireRecord[];
      readonly bodyBytes: number;
    }
  | { readonly kind: 'ack'; readonly ack: Ack }
  | { readonly kind: 'confirmGeneration'; readonly generation: number }
  /** Verify the agent's next key and store it, then say so; answer with `end` when it cannot be had. */
  | { readonly kind: 'keyNext'; readonly offer: KeyOffer }
  /** What became of settings that were offered. */
  | { readonly kind: 'configAnswer'; readonly answer: ConfigAnswer }
  | { readonly kind: 'vitals'; readonly vitals: Vitals }
  | { readonly kind: 'inventoryHave'; readonly hashes: SectionHashes }
  | { readonly kind: 'inventoryChunk'; readonly chunk: InventoryChunk }
  | { readonly kind: 'ping' }
  | { readonly kind: 'goaway' }
  /** The agent said why it goes: close without an error. */
  | { readonly kind: 'farewell'; readonly reason: ByeReason }
  /** Say why, then close with the code that goes with it. */
  | { readonly kind: 'end'; readonly code: ErrorCode; readonly text: string }
  /** The socket is gone: give back what the session held. */
  | { readonly kind: 'release' };

export interface SessionStep {
  readonly session: Session;
  readonly effects: readonly SessionEffect[];
}

const CLOSING: Session = { kind: 'closing' };
const NO_EFFECTS: readonly SessionEffect[] = [];

/** A session whose CHALLENGE was just sent. @param nowMs monotonic, as in `step` */
export function openSession(nowMs: number): Session {
  return { kind: 'accepted', openedMs: nowMs };
}

/** What `event` makes of `session`, and what is to be done about it, in order. Never throws on bad input. */
export function step(session: Session, event: SessionEvent, nowMs: number): SessionStep {
  if (event.kind === 'socketClosed') return { session: CLOSING, effects: [{ kind: 'release' }] };
  switch (session.kind) {
    case 'accepted':
    case 'authed':
    case 'fencing':
      return stepHandshake(session, event, nowMs);
    case 'greeted':
    case 'live':
    case 'throttled':
      return stepOpen(session, event);
    case 'closing':
      return stay(session);
  }
}

/**
 * Whether a tick would change nothing: a session with credit left, of a peer that was heard of lately. So it is with nearly all
 * of ten thousand, each second.
 * @param silentMs since anything came; nothing of a message is unfinished
 */
export function isAtRest(session: Session, silentMs: number): boolean {
  return 'credit' in session && silentMs < PING_AFTER_MS && !isExhausted(session.credit);
}

function stepHandshake(
  session: Exclude<Session, OpenSession | { kind: 'closing' }>,
  event: Exclude<SessionEvent, { kind: 'socketClosed' }>,
  nowMs: number,
): SessionStep {
  switch (event.kind) {
    case 'frame':
      return session.kind === 'accepted'
        ? afterFirstFrame(session, event.frame)
        : end('PROTOCOL_ERROR', `message of type ${event.frame.type} before WELCOME`);
    case 'helloAccepted': {
      if (session.kind !== 'accepted') return stay(session);
      const { openedMs } = session;
      return {
        session: { kind: 'authed', openedMs, offeredGeneration: event.offeredGeneration },
        effects: [{ kind: 'fence' }],
      };
    }
    case 'fenced':
      return session.kind === 'authed'
        ? { session: { ...session, kind: 'fencing' }, effects: [{ kind: 'openJournal' }] }
        : stay(session);
    case 'journalOpened':
      return session.kind === 'fencing'
        ? afterJournalOpened(session.offeredGeneration, event)
        : stay(session);
    case 'tick':
      return nowMs - session.openedMs >= LIMITS.handshakeMs
        ? end('TOO_SLOW', `no session after ${LIMITS.handshakeMs / 1000} seconds`)
        : stay(session);
    case 'goaway':
      return end('DRAINING', 'the collector is about to stop');
    case 'end':
      return end(event.code, event.text);
    case 'applied':
    case 'committed':
      return stay(session);
  }
}

function stepOpen(session: OpenSession, event: Exclude<SessionEvent, { kind: 'socketClosed' }>): SessionStep {
  switch (event.kind) {
    case 'frame':
      return afterFrame(session, event.frame);
    case 'applied': {
      const waits =
        event.waitsSeq === undefined ? undefined : { epochId: event.epochId, seq: event.waitsSeq };
      const credit = withWindow(afterBatch(session.credit, event.bodyBytes, waits), event.windowBytes);
      const next = withCredit(session, credit);
      // Nothing of a duplicate waits for a commit, so nothing else would tell the agent.
      return { session: next, effects: event.hasDuplicates ? [ackOf(next, event.epochId)] : NO_EFFECTS };
    }
    case 'committed': {
      const credit = withWindow(
        afterCommit(session.credit, event.epochId, event.watermark),
        event.windowBytes,
      );
      const watermarks = session.watermarks.map((mark) =>
        mark.id === event.epochId ? { id: mark.id, watermark: event.watermark } : mark,
      );
      const next = withCredit({ ...session, watermarks }, credit);
      return { session: next, effects: [ackOf(next, event.epochId)] };
    }
    case 'tick':
      return afterTick(session, event);
    case 'goaway':
      return { session, effects: [{ kind: 'goaway' }] };
    case 'end':
      return end(event.code, event.text);
    case 'helloAccepted':
    case 'fenced':
    case 'journalOpened':
      return stay(session);
  }
}

function afterFirstFrame(session: Session, frame: Frame): SessionStep {
  if (frame.type !== MESSAGE.HELLO) {
    return end('PROTOCOL_ERROR', `first message is of type ${frame.type}, expected HELLO`);
  }
  const lengthMax = SIGNATURE_BYTES + LIMITS.jsonBytes;
  if (frame.body.length > lengthMax) {
    return end('LIMIT_EXCEEDED', `HELLO of ${frame.body.length} bytes, at most ${lengthMax}`);
  }
  return { session, effects: [{ kind: 'judgeHello', body: frame.body }] };
}

function afterJournalOpened(
  offeredGeneration: number,
  event: { readonly marks: readonly EpochMark[]; readonly windowBytes: number },
): SessionStep {
  const { marks } = event;
  const credit = openCredit(event.windowBytes);
  const watermarks = marks.map(({ id, watermark }) => ({ id, watermark }));
  return {
    session: { kind: 'greeted', offeredGeneration, hasKeyOffer: false, credit, watermarks },
    effects: [{ kind: 'welcome', marks, creditLimit: credit.limitBytes }],
  };
}

function afterFrame(session: OpenSession, frame: Frame): SessionStep {
  try {
    return effectsOf(withCredit({ ...session, kind: 'live' }, session.credit), frame);
  } catch (error) {
    if (error instanceof AppError) return end(error.code, error.message);
    throw error;
  }
}

/** @throws AppError whatever the body's decoder throws */
function effectsOf(session: OpenSession, frame: Frame): SessionStep {
  const { type, body } = frame;
  const only = (effect: SessionEffect): SessionStep => ({ session, effects: [effect] });
  switch (type) {
    case MESSAGE.BATCH:
      return afterBatchFrame(session, frame);
    case MESSAGE.VITALS:
      return only({ kind: 'vitals', vitals: decodeVitals(body) });
    case MESSAGE.INV_HAVE:
      return only({ kind: 'inventoryHave', hashes: decodeInventoryHave(body) });
    case MESSAGE.INV_FULL:
      return only({ kind: 'inventoryChunk', chunk: decodeInventoryChunk(body) });
    case MESSAGE.CONFIG_ACK:
      return only({ kind: 'configAnswer', answer: decodeConfigAck(body) });
    case MESSAGE.GEN_ACK: {
      const generation = decodeGenerationAck(body);
      return generation === session.offeredGeneration
        ? only({ kind: 'confirmGeneration', generation })
        : end('PROTOCOL_ERROR', `generation ${generation} was not offered`);
    }
    case MESSAGE.KEY_NEXT: {
      if (session.hasKeyOffer) return end('PROTOCOL_ERROR', 'a second new key in one session');
      const offer = decodeKeyNext(body);
      return { session: { ...session, hasKeyOffer: true }, effects: [{ kind: 'keyNext', offer }] };
    }
    case MESSAGE.BYE:
      return { session: CLOSING, effects: [{ kind: 'farewell', reason: decodeBye(body) }] };
    // HELLO comes once; the others are ours to send.
    case MESSAGE.HELLO:
    case MESSAGE.CHALLENGE:
    case MESSAGE.WELCOME:
    case MESSAGE.ACK:
    case MESSAGE.REJECT:
    case MESSAGE.INV_NEED:
    case MESSAGE.CONFIG:
    case MESSAGE.KEY_OK:
    case MESSAGE.GOAWAY:
    case MESSAGE.ERROR:
      return end('PROTOCOL_ERROR', `message of type ${type} is not expected now`);
  }
}

function afterBatchFrame(session: OpenSession, frame: Frame): SessionStep {
  const { epochId, records } = decodeBatch(frame);
  const bodyBytes = frame.body.length;
  // A packed batch goes out whole, or not at all.
  const isPacked = (frame.flags & FRAME_FLAG_PACKED) !== 0;
  const lastRecordBytes = isPacked ? bodyBytes - EPOCH_BYTES : (records.at(-1)?.bytes.length ?? 0);
  if (isOverCredit(session.credit, bodyBytes, lastRecordBytes, EPOCH_BYTES)) {
    return end('CREDIT_EXCEEDED', `batch goes beyond the ${session.credit.limitBytes} bytes granted`);
  }
  return { session, effects: [{ kind: 'apply', epochId, records, bodyBytes }] };
}

function afterTick(session: OpenSession, event: Extract<SessionEvent, { kind: 'tick' }>): SessionStep {
  if (event.unfinishedMs >= LIMITS.slowMessageMs) {
    return end('TOO_SLOW', `message is unfinished after ${LIMITS.slowMessageMs / 1000} seconds`);
  }
  if (event.silentMs >= LIMITS.idleMs) return end('TOO_SLOW', `silent for ${LIMITS.idleMs / 1000} seconds`);
  const effects: SessionEffect[] = event.silentMs >= PING_AFTER_MS ? [{ kind: 'ping' }] : [];
  const credit = withWindow(session.credit, event.windowBytes);
  const epochId = session.watermarks.at(-1)?.id;
  // While credit is left, the next commit brings the new limit along.
  if (!isExhausted(session.credit) || credit === session.credit || epochId === undefined)
    return { session, effects };
  const next = withCredit(session, credit);
  return { session: next, effects: [...effects, ackOf(next, epochId)] };
}

/** A session that has not heard anything yet stays GREETED. */
function withCredit(session: OpenSession, credit: Credit): OpenSession {
  if (session.kind === 'greeted') return { ...session, credit };
  return { ...session, credit, kind: isExhausted(credit) ? 'throttled' : 'live' };
}

function ackOf(session: OpenSession, epochId: string): SessionEffect {
  const watermark = session.watermarks.find((mark) => mark.id === epochId)?.watermark ?? 0;
  return { kind: 'ack', ack: { epochId, watermark, creditLimit: session.credit.limitBytes } };
}

function end(code: ErrorCode, text: string): SessionStep {
  return { session: CLOSING, effects: [{ kind: 'end', code, text }] };
}

function stay(session: Session): SessionStep {
  return { session, effects: NO_EFFECTS };
}
