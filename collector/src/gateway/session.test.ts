import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, MESSAGE, type Frame } from '@rollcall/shared/protocol/frame.ts';
import {
  encodeBatch,
  encodeBye,
  encodeGenerationAck,
  encodePackedBatch,
  encodeVitals,
} from '@rollcall/shared/protocol/messages.ts';
import {
  isAtRest,
  openSession,
  step,
  type Session,
  type SessionEffect,
  type SessionEvent,
} from './session.ts';
import { EPOCH_ID, recordOf } from './testing/test-agent.ts';

const WINDOW = 1_000;
const marks = [{ id: EPOCH_ID, watermark: 4, crcs: [] }];
const frame = (bytes: Buffer): SessionEvent => ({ kind: 'frame', frame: decodeFrame(bytes) });
const rawFrame = (type: Frame['type'], body: Buffer): SessionEvent => ({
  kind: 'frame',
  frame: { type, flags: 0, count: 0, body },
});
const batch = (seq: number, bodyBytes: number) => encodeBatch(EPOCH_ID, [recordOf(seq, { bodyBytes })]);
/** Ten records from number 6 on. */
const packedBatch = () =>
  encodePackedBatch(
    EPOCH_ID,
    Array.from({ length: 10 }, (_, i) => recordOf(6 + i, { bodyBytes: 100 })),
  ) ?? Buffer.alloc(0);
const HELLO = rawFrame(MESSAGE.HELLO, Buffer.alloc(100));
const NEW_KEY = rawFrame(MESSAGE.KEY_NEXT, Buffer.alloc(160));
const TICK: SessionEvent = { kind: 'tick', silentMs: 0, unfinishedMs: 0, windowBytes: WINDOW };
const HANDSHAKE: readonly SessionEvent[] = [
  HELLO,
  { kind: 'helloAccepted', offeredGeneration: 3 },
  { kind: 'fenced' },
  { kind: 'journalOpened', marks, windowBytes: WINDOW },
];

/** Feeds events; the kinds of states and effects after each. */
function play(events: readonly SessionEvent[], nowMs = 0) {
  let session = openSession(0);
  const story: string[] = [];
  let last: readonly SessionEffect[] = [];
  for (const event of events) {
    const next = step(session, event, nowMs);
    session = next.session;
    last = next.effects;
    story.push([session.kind, ...last.map((effect) => effect.kind)].join(' '));
  }
  return { session, story, effects: last };
}
const afterHandshake = (...events: readonly SessionEvent[]) => {
  const { session, story, effects } = play([...HANDSHAKE, ...events]);
  return { session, story: story.slice(HANDSHAKE.length), effects };
};
const applied = (seq: number, bodyBytes: number): SessionEvent => ({
  kind: 'applied',
  epochId: EPOCH_ID,
  bodyBytes,
  waitsSeq: seq,
  hasDuplicates: false,
  windowBytes: WINDOW,
});
const committed = (watermark: number): SessionEvent => ({
  kind: 'committed',
  epochId: EPOCH_ID,
  watermark,
  windowBytes: WINDOW,
});

describe('the session machine', () => {
  it('goes through the handshake in order', () => {
    expect(play(HANDSHAKE).story).toEqual([
      'accepted judgeHello',
      'authed fence',
      'fencing openJournal',
      'greeted welcome',
    ]);
  });

  it('is live with the first message, throttled without credit, and live again with the commit', () => {
    const bytes = batch(5, 990);
    const { story, effects } = afterHandshake(
      frame(encodeVitals({ load1: 1 })),
      frame(bytes),
      applied(5, bytes.length - 8),
      TICK,
      committed(5),
    );
    expect(story).toEqual(['live vitals', 'live apply', 'throttled', 'throttled', 'live ack']);
    const ack = { epochId: EPOCH_ID, watermark: 5, creditLimit: WINDOW + bytes.length - 8 };
    expect(effects).toEqual([{ kind: 'ack', ack }]);
  });

  it('refuses what is sent without credit', () => {
    const { story, effects } = afterHandshake(frame(batch(5, 2_000)), applied(5, 2_042), frame(batch(6, 1)));
    expect(story).toEqual(['live apply', 'throttled', 'closing end']);
    expect(effects).toMatchObject([{ code: 'CREDIT_EXCEEDED' }]);
  });

  it.each([
    ['begins with the last byte of credit', WINDOW - 1, 'live apply'],
    ['begins without credit', WINDOW, 'closing end'],
  ])('judges a packed batch, which is sent whole, by where it %s', (_where, sentBytes, last) => {
    const { story } = afterHandshake(frame(batch(5, 1)), applied(5, sentBytes), frame(packedBatch()));
    expect(story.at(-1)).toBe(last);
  });

  it.each([
    ['a generation that was offered', [frame(encodeGenerationAck(3))], 'live confirmGeneration'],
    ['another generation', [frame(encodeGenerationAck(4))], 'closing end'],
    ['a new key', [NEW_KEY], 'live keyNext'],
    ['a second new key', [NEW_KEY, NEW_KEY], 'closing end'],
    ['a new key that is too short', [rawFrame(MESSAGE.KEY_NEXT, Buffer.alloc(159))], 'closing end'],
    ['a farewell', [frame(encodeBye('reboot'))], 'closing farewell'],
    ['anything after a farewell', [frame(encodeBye('reboot')), frame(encodeVitals({ load1: 1 }))], 'closing'],
    ['a body that cannot be read', [rawFrame(MESSAGE.VITALS, Buffer.from('{'))], 'closing end'],
    ['a planned stop', [{ kind: 'goaway' }], 'greeted goaway'],
    ['20 silent seconds', [{ ...TICK, silentMs: 20_000 }], 'greeted ping'],
    ['60 silent seconds', [{ ...TICK, silentMs: 60_000 }], 'closing end'],
    ['an unfinished message', [{ ...TICK, unfinishedMs: 30_000 }], 'closing end'],
    ['the end of the socket', [{ kind: 'socketClosed' }], 'closing release'],
    ['a commit after the end', [{ kind: 'end', code: 'SUPERSEDED', text: '' }, committed(9)], 'closing'],
  ] satisfies [string, SessionEvent[], string][])('answers %s', (_name, events, last) => {
    expect(afterHandshake(...events).story.at(-1)).toBe(last);
  });

  it('ends a handshake that takes 10 seconds, in each of its states', () => {
    for (let done = 0; done < HANDSHAKE.length; done++) {
      const { session } = play(HANDSHAKE.slice(0, done));
      expect(step(session, TICK, 9_999).effects).toEqual([]);
      expect(step(session, TICK, 10_000).effects).toMatchObject([{ kind: 'end', code: 'TOO_SLOW' }]);
    }
  });

  it('hands a HELLO of any length over or refuses it, and stores nothing before WELCOME', () => {
    expect(play([rawFrame(MESSAGE.HELLO, Buffer.alloc(70_000))]).effects).toMatchObject([
      { code: 'LIMIT_EXCEEDED' },
    ]);
    for (let done = 0; done < HANDSHAKE.length; done++) {
      expect(play([...HANDSHAKE.slice(0, done), frame(batch(1, 1))]).effects).toMatchObject([
        { code: 'PROTOCOL_ERROR' },
      ]);
    }
  });

  it('is at rest while it has credit and hears of its peer', () => {
    const { session } = afterHandshake(frame(encodeVitals({ load1: 1 })));
    expect(isAtRest(session, 19_999)).toBe(true);
    expect(isAtRest(session, 20_000)).toBe(false);
    expect(isAtRest(afterHandshake(applied(5, WINDOW)).session, 0)).toBe(false);
    for (let done = 0; done < HANDSHAKE.length; done++)
      expect(isAtRest(play(HANDSHAKE.slice(0, done)).session, 0)).toBe(false);
  });

  it('is defined for every state and event', () => {
    const event: fc.Arbitrary<SessionEvent> = fc.oneof(
      fc.constantFrom<SessionEvent>(
        ...HANDSHAKE,
        TICK,
        { ...TICK, windowBytes: 0 },
        { ...TICK, silentMs: 60_000 },
        { kind: 'goaway' },
        { kind: 'socketClosed' },
        { kind: 'end', code: 'SUPERSEDED', text: '' },
        frame(encodeVitals({ load1: 1 })),
        frame(encodeBye('stop')),
        frame(encodeGenerationAck(3)),
        frame(batch(5, 100)),
        applied(5, 100),
        committed(5),
      ),
      fc
        .tuple(fc.constantFrom(...Object.values(MESSAGE)), fc.uint8Array({ maxLength: 40 }), fc.nat(3))
        .map(([type, bytes, count]) => ({
          kind: 'frame' as const,
          frame: { type, flags: 0, count, body: Buffer.from(bytes) },
        })),
    );
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2, 3, 4), fc.array(event, { maxLength: 30 }), (done, events) => {
        let session = play(HANDSHAKE.slice(0, done)).session;
        for (const next of events) {
          const result = step(session, next, 1_000);
          expect(violations(session, next, result.session, result.effects)).toEqual([]);
          session = result.session;
        }
      }),
    );
  });
});

const RANK = { accepted: 0, authed: 1, fencing: 2, greeted: 3, live: 4, throttled: 4, closing: 5 } as const;
const NEEDS_WELCOME: readonly string[] = ['apply', 'ack', 'vitals', 'inventoryHave', 'inventoryChunk'];

/** What must hold for every step whatever came before. */
function violations(
  before: Session,
  event: SessionEvent,
  after: Session,
  effects: readonly SessionEffect[],
): string[] {
  const kinds = effects.map((effect) => effect.kind);
  const found: string[] = [];
  const isPlainTick = event.kind === 'tick' && event.unfinishedMs === 0;
  if (isPlainTick && isAtRest(before, event.silentMs) && (after !== before || effects.length > 0))
    found.push('did something at rest');
  if (RANK[after.kind] < RANK[before.kind]) found.push(`went back from ${before.kind} to ${after.kind}`);
  if (before.kind === 'closing' && event.kind !== 'socketClosed' && kinds.length > 0)
    found.push('acted after the end');
  if (RANK[before.kind] < RANK.greeted && kinds.some((kind) => NEEDS_WELCOME.includes(kind))) {
    found.push('served a peer that was not greeted');
  }
  if (kinds.includes('welcome') && before.kind !== 'fencing') found.push('greeted without fencing');
  if (kinds.includes('fence') && event.kind !== 'helloAccepted') found.push('fenced without a good HELLO');
  if (event.kind === 'socketClosed' && !kinds.includes('release')) found.push('kept what a session held');
  const hasEnd = kinds.includes('end') || kinds.includes('farewell') || kinds.includes('release');
  if (before.kind !== 'closing' && hasEnd !== (after.kind === 'closing'))
    found.push('closed without saying so');
  return found;
}
