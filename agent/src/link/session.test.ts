import { describe, expect, it } from 'vitest';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { CLOSE_CODE } from '@rollcall/shared/protocol/messages.ts';
import { initialState, step, wakeAtMs } from './session.ts';
import type { Effect, Moment, Phase, SessionEvent, SessionState } from './session-types.ts';

const OLD = 'aaaaaaaaaaaaaaaa';
const NOW = 'bbbbbbbbbbbbbbbb';

function at(monoMs: number, random = 0.5, sleptMs = 0): Moment {
  return { monoMs, bootMs: monoMs + 60_000 + sleptMs, random };
}

const challenge: SessionEvent = {
  kind: 'challenge',
  challenge: { versionMin: 1, versionMax: 1, nonce: Buffer.alloc(32), binding: 'none', keys: [] },
};

function welcome(options: {
  readonly creditLimit?: number;
  readonly watermark?: number;
  readonly rotations?: readonly { readonly epochId: string; readonly rehomeAfter: number }[];
  readonly isNewOnly?: boolean;
}): SessionEvent {
  const { watermark = 0, rotations = [], isNewOnly = true } = options;
  const rotated = new Set(rotations.map(({ epochId }) => epochId));
  const marks = [OLD, NOW]
    .filter((epochId) => !rotated.has(epochId) && (epochId === NOW || !isNewOnly))
    .map((epochId) => ({ epochId, watermark }));
  return {
    kind: 'welcome',
    reconciliation: { rotations, marks, rolledBack: [] },
    creditLimit: options.creditLimit ?? 100_000,
    heartbeatMs: 10_000,
    generation: 7,
    storeId: 'store',
    features: [],
  };
}

const stored: SessionEvent = { kind: 'generationStored', generation: 7, isStored: true };
const window = { minMs: 2_000, maxMs: 4_000 };

/** One event of each kind. */
const EVENTS: readonly SessionEvent[] = [
  { kind: 'wake' },
  { kind: 'stop' },
  { kind: 'opened' },
  { kind: 'refused', statusCode: 503, retryAfterMs: 2_000 },
  { kind: 'failed', isCertificate: false, text: 'no' },
  { kind: 'closed', code: 1006 },
  challenge,
  welcome({}),
  { kind: 'violation', code: 'PROTOCOL_ERROR', text: 'bad' },
  stored,
  { kind: 'ack', epochId: NOW, watermark: 0, creditLimit: 1 },
  { kind: 'goaway', window },
  { kind: 'heard' },
  { kind: 'inventoryNeeded', names: ['os'] },
  { kind: 'inventoryChanged' },
  { kind: 'keyStored' },
  { kind: 'appended', epochId: NOW },
  { kind: 'sent', epochId: NOW, nextSeq: 2, bytes: 100, isEnd: false },
  { kind: 'laneEmpty', epochId: NOW },
  { kind: 'blocked' },
  { kind: 'writable' },
];

/** Runs the events one second apart, starting with a machine that has just started. */
function run(
  events: readonly SessionEvent[],
  from?: SessionState,
): { readonly state: SessionState; readonly effects: readonly Effect[]; readonly nowMs: number } {
  let state = from ?? initialState(at(0));
  let nowMs = from === undefined ? 10_000 : Math.max(20_000, from.phase === 'IDLE' ? from.wakeAtMs : 0);
  const effects: Effect[] = [];
  for (const event of events) {
    nowMs += 1_000;
    const result = step(state, event, at(nowMs));
    state = result.state;
    effects.push(...result.effects);
  }
  return { state, effects, nowMs };
}

const DIALLING: readonly SessionEvent[] = [{ kind: 'wake' }];
const AUTHENTICATING: readonly SessionEvent[] = [...DIALLING, { kind: 'opened' }];
const GREETED: readonly SessionEvent[] = [...AUTHENTICATING, challenge, welcome({})];
const LIVE: readonly SessionEvent[] = [...GREETED, stored];
const SENT: readonly SessionEvent[] = [
  ...LIVE,
  { kind: 'sent', epochId: NOW, nextSeq: 4, bytes: 900, isEnd: false },
];

const STATES: Readonly<Record<Phase, SessionState>> = {
  IDLE: initialState(at(0)),
  DIAL: run(DIALLING).state,
  AUTH: run(AUTHENTICATING).state,
  RECONCILE: run(GREETED).state,
  LIVE: run(SENT).state,
  DRAINING: run([...SENT, { kind: 'goaway', window }]).state,
  BACKOFF: run([...DIALLING, { kind: 'failed', isCertificate: false, text: 'no' }]).state,
  DORMANT: run([...AUTHENTICATING, { kind: 'closed', code: CLOSE_CODE.REVOKED }]).state,
  STOPPED: run([{ kind: 'stop' }]).state,
};

function kinds(effects: readonly Effect[]): string[] {
  return effects.map(({ kind }) => kind);
}

/** Milliseconds from `nowMs` to the next attempt. */
function delayMs(result: ReturnType<typeof run>): number {
  return (wakeAtMs(result.state) ?? Number.NaN) - result.nowMs;
}

describe('every pair of phase and event', () => {
  for (const [phase, state] of Object.entries(STATES)) {
    it(`is defined in ${phase}`, () => {
      expect(state.phase).toBe(phase);
      for (const event of EVENTS) {
        const { state: next } = step(state, event, at(30_000));
        expect(Object.keys(STATES)).toContain(next.phase);
        // A session that is not over always has a next moment, except while the disk is written.
        const isWaiting = next.phase === 'STOPPED' || next.phase === 'RECONCILE';
        expect(wakeAtMs(next) === undefined).toBe(isWaiting);
      }
    });
  }

  it('leads out of every phase to STOPPED when the agent stops', () => {
    for (const state of Object.values(STATES)) {
      const stopping = step(state, { kind: 'stop' }, at(30_000)).state;
      const late = step(stopping, { kind: 'wake' }, at(40_000)).state;
      expect(late.phase).toBe('STOPPED');
    }
  });

  it('ignores a wake that is early', () => {
    for (const phase of ['IDLE', 'DIAL', 'AUTH', 'BACKOFF', 'DORMANT'] as const) {
      const early = step(STATES[phase], { kind: 'wake' }, at(1));
      expect(early).toMatchObject({ state: { phase }, effects: [] });
    }
  });
});

describe('connecting', () => {
  it('waits up to five seconds, so that a fleet does not come at once', () => {
    expect(wakeAtMs(initialState(at(100, 0)))).toBe(100);
    expect(wakeAtMs(initialState(at(100, 0.999)))).toBeCloseTo(5_095);
  });

  it('goes from the dial to the first batch', () => {
    const { state, effects } = run(LIVE);
    expect(state.phase).toBe('LIVE');
    expect(kinds(effects)).toEqual([
      'dial',
      'sendHello',
      'acknowledge',
      'storeGeneration',
      'sendGenerationAck',
      'sendInventoryHave',
      'sendBatch',
    ]);
  });

  it('does not confirm a generation that it could not store', () => {
    const { effects } = run([...GREETED, { kind: 'generationStored', generation: 7, isStored: false }]);
    expect(kinds(effects)).not.toContain('sendGenerationAck');
  });

  it('gives up a handshake that takes longer than ten seconds', () => {
    const { state } = run(AUTHENTICATING);
    const { state: next, effects } = step(state, { kind: 'wake' }, at(12_000 + LIMITS.handshakeMs));
    expect(next.phase).toBe('BACKOFF');
    expect(effects[0]).toEqual({ kind: 'close', code: CLOSE_CODE.TOO_SLOW });
  });

  it.each([
    ['an ack before WELCOME', [{ kind: 'ack', epochId: NOW, watermark: 0, creditLimit: 1 }]],
    ['WELCOME before CHALLENGE', [welcome({})]],
    ['a second CHALLENGE', [challenge, challenge]],
  ] as const)('refuses %s', (_what, events) => {
    const { state, effects } = run([...AUTHENTICATING, ...events]);
    expect(state.phase).toBe('BACKOFF');
    expect(effects).toContainEqual({ kind: 'close', code: CLOSE_CODE.PROTOCOL_ERROR });
  });
});

describe('sending', () => {
  it('drains the older epoch first', () => {
    const greeted = [...AUTHENTICATING, challenge, welcome({ isNewOnly: false, watermark: 4 }), stored];
    const first = run(greeted);
    expect(first.effects.at(-1)).toMatchObject({ kind: 'sendBatch', epochId: OLD, fromSeq: 5 });
    const second = run([{ kind: 'laneEmpty', epochId: OLD }], first.state);
    expect(second.effects.at(-1)).toMatchObject({ kind: 'sendBatch', epochId: NOW, fromSeq: 5 });
  });

  it('asks for the next batch behind the last one until the epoch is empty', () => {
    const { state, effects } = run([...SENT]);
    expect(effects.at(-1)).toMatchObject({ kind: 'sendBatch', fromSeq: 4 });
    const empty = run([{ kind: 'laneEmpty', epochId: NOW }], state);
    expect(kinds(empty.effects)).toEqual([]);
    expect(kinds(run([{ kind: 'appended', epochId: NOW }], empty.state).effects)).toEqual(['sendBatch']);
  });

  it('sends nothing without credit and goes on when it is granted', () => {
    const { state, effects } = run([...AUTHENTICATING, challenge, welcome({ creditLimit: 0 }), stored]);
    expect(kinds(effects)).not.toContain('sendBatch');
    const granted = run([{ kind: 'ack', epochId: NOW, watermark: 0, creditLimit: 500 }], state);
    expect(granted.effects).toEqual([{ kind: 'sendBatch', epochId: NOW, fromSeq: 1, maxBytes: 500 }]);
  });

  it('stops when the credit is used up and never lets it shrink', () => {
    const start = run([...AUTHENTICATING, challenge, welcome({ creditLimit: 800 }), stored]).state;
    const used = run([{ kind: 'sent', epochId: NOW, nextSeq: 4, bytes: 900, isEnd: false }], start);
    expect(used.effects).toEqual([]);
    const lowered = run([{ kind: 'ack', epochId: NOW, watermark: 2, creditLimit: 100 }], used.state);
    expect(lowered.state).toMatchObject({ connection: { creditLimit: 800, sentBytes: 900 } });
    expect(kinds(lowered.effects)).toEqual(['acknowledge']);
  });

  it('waits while the socket is full', () => {
    const blocked = run([{ kind: 'blocked' }], run(LIVE).state);
    expect(run([{ kind: 'appended', epochId: NOW }], blocked.state).effects).toEqual([]);
    expect(kinds(run([{ kind: 'writable' }], blocked.state).effects)).toEqual(['sendBatch']);
  });

  it.each([
    ['of numbers that were not sent', NOW, 4],
    ['of an epoch of no session', 'cccccccccccccccc', 0],
  ])('refuses an acknowledgement %s', (_what, epochId, watermark) => {
    const { state, effects } = run([...SENT, { kind: 'ack', epochId, watermark, creditLimit: 1 }]);
    expect(state.phase).toBe('BACKOFF');
    expect(effects.filter(({ kind }) => kind === 'acknowledge')).toHaveLength(1);
  });

  it('ignores an acknowledgement that goes back', () => {
    const acked = run([...SENT, { kind: 'ack', epochId: NOW, watermark: 3, creditLimit: 1 }]).state;
    const back = run([{ kind: 'ack', epochId: NOW, watermark: 1, creditLimit: 1 }], acked);
    expect(back.state).toMatchObject({ connection: { lanes: [{ watermark: 3 }] } });
    expect(kinds(back.effects)).not.toContain('acknowledge');
  });

  it('reconnects at once when the spool has begun another epoch', () => {
    const { state, effects, nowMs } = run([...SENT, { kind: 'appended', epochId: OLD }]);
    expect(effects).toContainEqual({ kind: 'sendBye', reason: 'epoch' });
    expect(state).toMatchObject({ phase: 'IDLE', wakeAtMs: nowMs });
  });
});

describe('histories that differ', () => {
  const rotations = [{ epochId: NOW, rehomeAfter: 3 }];

  it('begins a new epoch and reconnects at once', () => {
    const { state, effects, nowMs } = run([...AUTHENTICATING, challenge, welcome({ rotations }), stored]);
    expect(effects).toContainEqual({ kind: 'rotateEpoch', epochId: NOW, rehomeAfter: 3 });
    expect(kinds(effects).slice(-5, -1)).toEqual([
      'storeGeneration',
      'sendGenerationAck',
      'sendBye',
      'close',
    ]);
    expect(state).toMatchObject({ phase: 'IDLE', wakeAtMs: nowMs });
  });

  it('backs off when that does not end', () => {
    let state: SessionState | undefined;
    for (let i = 0; i < 4; i++) {
      state = run([...AUTHENTICATING, challenge, welcome({ rotations }), stored], state).state;
    }
    expect(state?.phase).toBe('BACKOFF');
  });

  it('gives a conflict a new epoch when the checksums do not show it', () => {
    const conflict = run([...SENT, { kind: 'closed', code: CLOSE_CODE.SEQ_CONFLICT }]);
    expect(conflict.state).toMatchObject({ phase: 'IDLE', wakeAtMs: conflict.nowMs });
    const again = run([...AUTHENTICATING, challenge, welcome({ watermark: 2 }), stored], conflict.state);
    expect(again.effects).toContainEqual({ kind: 'rotateEpoch', epochId: NOW, rehomeAfter: 2 });
    expect(kinds(again.effects)).not.toContain('acknowledge');
  });

  it('says so when the store was set back', () => {
    const event = welcome({});
    const rolled =
      event.kind === 'welcome'
        ? { ...event, reconciliation: { ...event.reconciliation, rolledBack: [NOW] } }
        : event;
    const { effects } = run([...AUTHENTICATING, challenge, rolled]);
    expect(effects).toContainEqual(expect.objectContaining({ kind: 'report', fields: { epochId: NOW } }));
  });
});

describe('liveness', () => {
  it('pings when nothing was sent or heard for the heartbeat', () => {
    const { state, nowMs } = run([...LIVE, { kind: 'laneEmpty', epochId: NOW }]);
    const dueMs = wakeAtMs(state) ?? 0;
    expect(dueMs).toBeLessThanOrEqual(nowMs + 10_000);
    const { state: next, effects } = step(state, { kind: 'wake' }, at(dueMs));
    expect(effects).toEqual([{ kind: 'ping' }]);
    expect(wakeAtMs(next)).toBe(dueMs + 10_000);
  });

  it('gives up a connection on which nothing was heard for 30 s', () => {
    const { state: first, nowMs } = run([...LIVE, { kind: 'laneEmpty', epochId: NOW }]);
    const effects: Effect[] = [];
    let state = first;
    let endMs = nowMs;
    while (state.phase === 'LIVE') {
      endMs = wakeAtMs(state) ?? 0;
      const result = step(state, { kind: 'wake' }, at(endMs));
      state = result.state;
      effects.push(...result.effects);
    }
    expect(kinds(effects)).toEqual(['ping', 'ping', 'terminate', 'report']);
    expect(endMs - nowMs).toBeLessThanOrEqual(30_000);
  });

  it.each(['DIAL', 'AUTH', 'RECONCILE', 'LIVE', 'DRAINING'] as const)(
    'drops the socket after a suspend in %s',
    (phase) => {
      const { state, effects } = step(STATES[phase], { kind: 'heard' }, at(30_000, 0.5, 31_000));
      expect(state).toMatchObject({ phase: 'IDLE', wakeAtMs: 32_500 });
      expect(kinds(effects)).toEqual(['terminate']);
      expect(step(state, { kind: 'heard' }, at(30_000, 0.5, 31_000)).state).toEqual(state);
    },
  );

  it('still stops when the machine sleeps while the last records are under way', () => {
    const stopping = step(STATES.LIVE, { kind: 'stop' }, at(29_000)).state;
    expect(stopping.phase).toBe('DRAINING');
    const { state, effects } = step(stopping, { kind: 'heard' }, at(30_000, 0.5, 31_000));
    expect(state.phase).toBe('STOPPED');
    expect(kinds(effects)).toEqual(['terminate']);
  });

  it('takes a short difference of the clocks for what it is', () => {
    expect(step(STATES.LIVE, { kind: 'heard' }, at(30_000, 0.5, 29_000)).state.phase).toBe('LIVE');
  });
});

describe('coming back', () => {
  it.each([
    [CLOSE_CODE.PROTOCOL_ERROR, 'BACKOFF', 0, 1_000],
    [CLOSE_CODE.AUTH_FAILED, 'BACKOFF', 0, 1_000],
    [CLOSE_CODE.REVOKED, 'DORMANT', 2_880_000, 4_320_000],
    [CLOSE_CODE.TOO_SLOW, 'BACKOFF', 0, 1_000],
    [CLOSE_CODE.IDENTITY_CONFLICT, 'DORMANT', 2_880_000, 4_320_000],
    [CLOSE_CODE.SUPERSEDED, 'BACKOFF', 30_000, 31_000],
    [CLOSE_CODE.LIMIT_EXCEEDED, 'BACKOFF', 0, 1_000],
    [CLOSE_CODE.UPGRADE_NEEDED, 'DORMANT', 2_880_000, 4_320_000],
    [CLOSE_CODE.SLOW_DOWN, 'BACKOFF', 0, 1_000],
    [CLOSE_CODE.UNAVAILABLE, 'BACKOFF', 0, 1_000],
    [1006, 'BACKOFF', 0, 1_000],
  ] as const)('after close code %i goes to %s for %i to %i ms', (code, phase, minMs, maxMs) => {
    for (const random of [0, 0.999_999]) {
      const { state } = step(STATES.AUTH, { kind: 'closed', code }, at(30_000, random));
      expect(state.phase).toBe(phase);
      expect((wakeAtMs(state) ?? 0) - 30_000).toBeGreaterThanOrEqual(minMs);
      expect((wakeAtMs(state) ?? 0) - 30_000).toBeLessThanOrEqual(maxMs);
    }
  });

  it('doubles the delay to a minute, to an hour for an agent that nobody knows', () => {
    const delays = (event: SessionEvent): number[] => {
      let state = STATES.DIAL;
      return Array.from({ length: 14 }, () => {
        const result = step({ ...STATES.AUTH, attempt: state.attempt }, event, at(30_000, 0.5));
        state = result.state;
        return (wakeAtMs(state) ?? 0) - 30_000;
      });
    };
    expect(delays({ kind: 'closed', code: 1006 }).slice(0, 8)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ]);
    expect(delays({ kind: 'closed', code: CLOSE_CODE.AUTH_FAILED }).at(-1)).toBe(1_800_000);
  });

  it('begins anew after a minute of success', () => {
    const state = { ...STATES.LIVE, attempt: 9 };
    const short = step(state, { kind: 'closed', code: 1006 }, at(20_000)).state;
    expect(short.attempt).toBe(10);
    const heard = step(state, { kind: 'heard' }, at(70_000)).state;
    expect(step(heard, { kind: 'closed', code: 1006 }, at(90_000)).state.attempt).toBe(1);
  });

  it('comes back within five seconds after a session with progress', () => {
    const acked = run([...SENT, { kind: 'ack', epochId: NOW, watermark: 1, creditLimit: 1 }]).state;
    const result = run([{ kind: 'closed', code: 1006 }], { ...acked, attempt: 12 });
    expect(delayMs(result)).toBe(2_500);
  });

  it.each([
    ['Retry-After', DIALLING, { kind: 'refused', statusCode: 503, retryAfterMs: 9_000 }, 9_500],
    ['a window of GOAWAY', AUTHENTICATING, { kind: 'goaway', window }, 3_000],
  ] as const)('keeps to %s', (_what, before, event, expected) => {
    expect(delayMs(run([...before, event]))).toBe(expected);
  });

  it('does not back off further because it was told to wait', () => {
    const refused = run([...DIALLING, { kind: 'refused', statusCode: 503, retryAfterMs: 9_000 }]).state;
    expect(refused.attempt).toBe(0);
    const without = run([...DIALLING, { kind: 'refused', statusCode: 503, retryAfterMs: undefined }]).state;
    expect(without.attempt).toBe(1);
  });

  it('waits at least a minute after a certificate that is not trusted', () => {
    const result = run([...DIALLING, { kind: 'failed', isCertificate: true, text: 'no' }]);
    expect(delayMs(result)).toBeGreaterThanOrEqual(60_000);
    expect(result.effects.at(-1)).toMatchObject({ kind: 'report', level: 'error' });
  });

  it('goes dormant when no version is common', () => {
    expect(
      run([...DIALLING, { kind: 'refused', statusCode: 426, retryAfterMs: undefined }]).state.phase,
    ).toBe('DORMANT');
  });
});

describe('a record that no session gets past', () => {
  const refusal: SessionEvent = { kind: 'closed', code: CLOSE_CODE.PROTOCOL_ERROR };

  function refuse(from: SessionState | undefined, times: number, how = refusal): ReturnType<typeof run> {
    let result: ReturnType<typeof run> | undefined;
    for (let i = 0; i < times; i++) {
      const state = run(SENT.slice(1), {
        ...(result?.state ?? from ?? STATES.IDLE),
        phase: 'DIAL',
        wakeAtMs: 1e9,
      });
      result = run([how], state.state);
    }
    if (result === undefined) throw new Error('at least once');
    return result;
  }

  it('is given up after five sessions in a row', () => {
    expect(kinds(refuse(undefined, 4).effects)).not.toContain('giveUp');
    expect(refuse(undefined, 5).effects).toContainEqual({ kind: 'giveUp', epochId: NOW, seq: 1 });
  });

  it('is not blamed for a session in which a new key was offered and not answered', () => {
    const overKey = { ...refusal, isKeyUnderWay: true };
    expect(kinds(refuse(undefined, 10, overKey).effects)).not.toContain('giveUp');
    const afterKeys = refuse(undefined, 4, overKey).state;
    expect(kinds(refuse(afterKeys, 4).effects)).not.toContain('giveUp');
    expect(kinds(refuse(afterKeys, 5).effects)).toContain('giveUp');
  });

  it('is the only one for an hour', () => {
    const first = refuse(undefined, 5).state;
    expect(kinds(refuse(first, 7).effects)).not.toContain('giveUp');
  });
});

describe('stopping', () => {
  it('waits for the acks of what is under way when the collector stops, and sends nothing new', () => {
    const { state } = run([...SENT, { kind: 'goaway', window }]);
    expect(run([{ kind: 'appended', epochId: NOW }], state)).toMatchObject({ effects: [] });
    const done = run([{ kind: 'ack', epochId: NOW, watermark: 3, creditLimit: 9_999 }], state);
    expect(kinds(done.effects)).toEqual(['acknowledge', 'close', 'report']);
    expect(delayMs(done)).toBe(3_000);
  });

  it('does not wait for acks for ever', () => {
    const { state } = run([...SENT, { kind: 'goaway', window }]);
    expect(step(state, { kind: 'wake' }, at(40_000)).state.phase).toBe('BACKOFF');
  });

  it('sends what is left before it says goodbye', () => {
    const stopping = run([...SENT, { kind: 'stop' }]);
    expect(stopping.effects.at(-1)).toMatchObject({ kind: 'sendBatch', fromSeq: 4 });
    const empty = run([{ kind: 'laneEmpty', epochId: NOW }], stopping.state);
    expect(empty.state.phase).toBe('DRAINING');
    const done = run([{ kind: 'ack', epochId: NOW, watermark: 3, creditLimit: 1 }], empty.state);
    expect(done.state.phase).toBe('STOPPED');
    expect(done.effects).toEqual([
      { kind: 'acknowledge', epochId: NOW, watermark: 3 },
      { kind: 'sendBye', reason: 'stop' },
      { kind: 'close', code: 1000 },
    ]);
  });

  it.each(EVENTS.map((event) => [event.kind, event] as const))(
    'never connects again once it is told to stop, also after %s',
    (_kind, event) => {
      const { state } = run([...SENT, { kind: 'stop' }, event]);
      expect(['DRAINING', 'STOPPED']).toContain(state.phase);
      expect(step(state, { kind: 'wake' }, at(1_000_000)).state.phase).toBe('STOPPED');
    },
  );

  it('stops at once when the connection is lost meanwhile', () => {
    const { state } = run([...SENT, { kind: 'stop' }, { kind: 'closed', code: 1006 }]);
    expect(state.phase).toBe('STOPPED');
  });
});
