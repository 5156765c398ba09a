/**
 * The agent's side of a session as a pure state machine: `step(state, event, moment)` gives the next state and what has
 * to be done. Every phase says what it does with every event; the compiler and a test check that none is forgotten.
 * The file is long because it is one table, read best in one piece: phases in the order of a connection's life.
 */
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { CLOSE_CODE } from '@rollcall/shared/protocol/messages.ts';
import {
  afterClose,
  afterFailure,
  afterRefusal,
  afterViolation,
  closeCodeAfter,
  end,
  endedBy,
  memoryOf,
  outOfState,
  reopen,
  stopped,
} from './ending.ts';
import type {
  Connection,
  DelayWindow,
  Effect,
  Lane,
  Moment,
  SessionEvent,
  SessionState,
  Step,
} from './session-types.ts';

/** First connect after a start, and after a suspend, so that a fleet does not come at once. */
const START_JITTER_MS = 5_000;
const DIAL_MS_MAX = 30_000;
/** How long acks are waited for when one of the ends stops. */
const DRAIN_MS_MAX = 5_000;
const SUSPEND_MS_MIN = 30_000;
/**
 * How long a silent collector is waited for, at the least. Presence calls a host down 60 s after it was heard last, so the
 * agent must have noticed a dead connection and be back before.
 */
const SILENCE_MS_MIN = 30_000;
const SILENT_HEARTBEATS_MAX = 2;
const NORMAL_CLOSE = 1000;
const NO_DELAY = { minMs: 0, maxMs: 0 };

const RECEIVED: ReadonlySet<SessionEvent['kind']> = new Set([
  'ack',
  'goaway',
  'heard',
  'inventoryNeeded',
  'keyStored',
]);
const UNSENT_ACK = 'an acknowledgement of records that were not sent';

type Ack = Extract<SessionEvent, { readonly kind: 'ack' }>;
type In<P extends SessionState['phase']> = Extract<SessionState, { readonly phase: P }>;

/** The state of a session that has not dialled yet; it wakes within 5 s. */
export function initialState(at: Moment): SessionState {
  return {
    phase: 'IDLE',
    wakeAtMs: at.monoMs + at.random * START_JITTER_MS,
    attempt: 0,
    hastyReconnects: 0,
    clockOffsetMs: at.bootMs - at.monoMs,
    stuckAt: null,
    gaveUpAtMs: null,
    conflictEpochId: null,
  };
}

/** Monotonic time at which the session wants the event `wake`; undefined for never. */
export function wakeAtMs(state: SessionState): number | undefined {
  switch (state.phase) {
    case 'IDLE':
    case 'DIAL':
    case 'AUTH':
    case 'BACKOFF':
    case 'DORMANT':
      return state.wakeAtMs;
    case 'RECONCILE':
    case 'STOPPED':
      return undefined;
    case 'LIVE':
      return heartbeatAtMs(state.connection);
    case 'DRAINING':
      return Math.min(state.untilMs, heartbeatAtMs(state.connection));
  }
}

/** What happens in `state` when `event` comes in. Total: every pair is defined and none throws. */
export function step(state: SessionState, event: SessionEvent, at: Moment): Step {
  const offsetMs = at.bootMs - at.monoMs;
  const hasSlept = offsetMs - state.clockOffsetMs > SUSPEND_MS_MIN;
  const awake = { ...state, clockOffsetMs: offsetMs };
  if (hasSlept && event.kind !== 'stop') return wakeFromSuspend(awake, at);
  switch (awake.phase) {
    case 'IDLE':
    case 'BACKOFF':
    case 'DORMANT':
      return waiting(awake, event, at);
    case 'DIAL':
      return dialling(awake, event, at);
    case 'AUTH':
      return authenticating(awake, event, at);
    case 'RECONCILE':
      return reconciling(awake, event, at);
    case 'LIVE':
      return live(withReceipt(awake, event, at), event, at);
    case 'DRAINING':
      return draining(withReceipt(awake, event, at), event, at);
    case 'STOPPED':
      return stay(awake);
  }
}

/** The connection has most likely died in the sleep, and the peer has long forgotten it. */
function wakeFromSuspend(state: SessionState, at: Moment): Step {
  if (state.phase === 'DORMANT' || state.phase === 'STOPPED') return stay(state);
  if (state.phase === 'DRAINING' && state.isStopping) return stopped(state, [{ kind: 'terminate' }]);
  const hasSocket = state.phase !== 'IDLE' && state.phase !== 'BACKOFF';
  return {
    state: { ...memoryOf(state), phase: 'IDLE', wakeAtMs: at.monoMs + at.random * START_JITTER_MS },
    effects: hasSocket ? [{ kind: 'terminate' }] : [],
  };
}

function waiting(state: In<'IDLE' | 'BACKOFF' | 'DORMANT'>, event: SessionEvent, at: Moment): Step {
  switch (event.kind) {
    case 'wake':
      if (at.monoMs < state.wakeAtMs) return stay(state);
      return {
        state: { ...state, phase: 'DIAL', wakeAtMs: at.monoMs + DIAL_MS_MAX },
        effects: [{ kind: 'dial' }],
      };
    case 'stop':
      return stopped(state, []);
    // There is no socket: whatever seems to come from one is left over from the last.
    case 'opened':
    case 'refused':
    case 'failed':
    case 'closed':
    case 'challenge':
    case 'welcome':
    case 'violation':
    case 'generationStored':
    case 'ack':
    case 'goaway':
    case 'heard':
    case 'inventoryNeeded':
    case 'inventoryChanged':
    case 'keyStored':
    case 'appended':
    case 'sent':
    case 'laneEmpty':
    case 'blocked':
    case 'writable':
      return stay(state);
  }
}

function dialling(state: In<'DIAL'>, event: SessionEvent, at: Moment): Step {
  switch (event.kind) {
    case 'wake':
      if (at.monoMs < state.wakeAtMs) return stay(state);
      return end(state, at, endedBy('no answer from the collector in time'), [{ kind: 'terminate' }]);
    case 'stop':
      return stopped(state, [{ kind: 'terminate' }]);
    case 'opened':
      return {
        state: { ...state, phase: 'AUTH', awaits: 'challenge', wakeAtMs: at.monoMs + LIMITS.handshakeMs },
        effects: [],
      };
    case 'refused':
      return end(state, at, afterRefusal(event), []);
    case 'failed':
      return end(state, at, afterFailure(event), []);
    case 'closed':
      return end(state, at, afterClose(event), []);
    case 'violation':
      return end(state, at, afterViolation(event), [{ kind: 'terminate' }]);
    // Nothing of a session can come before the socket is open.
    case 'challenge':
    case 'welcome':
    case 'generationStored':
    case 'ack':
    case 'goaway':
    case 'heard':
    case 'inventoryNeeded':
    case 'inventoryChanged':
    case 'keyStored':
    case 'appended':
    case 'sent':
    case 'laneEmpty':
    case 'blocked':
    case 'writable':
      return stay(state);
  }
}

function authenticating(state: In<'AUTH'>, event: SessionEvent, at: Moment): Step {
  switch (event.kind) {
    case 'wake':
      if (at.monoMs < state.wakeAtMs) return stay(state);
      return end(state, at, endedBy('the collector did not finish the handshake in time'), [
        { kind: 'close', code: CLOSE_CODE.TOO_SLOW },
      ]);
    case 'stop':
      return stopped(state, [{ kind: 'close', code: NORMAL_CLOSE }]);
    case 'challenge':
      if (state.awaits !== 'challenge') return outOfState(state, at, 'a second CHALLENGE');
      return {
        state: { ...state, awaits: 'welcome' },
        effects: [{ kind: 'sendHello', challenge: event.challenge }],
      };
    case 'welcome':
      if (state.awaits !== 'welcome') return outOfState(state, at, 'WELCOME before CHALLENGE');
      return welcome(state, event, at);
    case 'goaway':
      return end(state, at, { ...endedBy('the collector is stopping'), window: event.window }, [
        { kind: 'terminate' },
      ]);
    case 'ack':
    case 'inventoryNeeded':
      return outOfState(state, at, 'a message before WELCOME');
    case 'violation':
      return end(state, at, afterViolation(event), [{ kind: 'close', code: closeCodeAfter(event) }]);
    case 'closed':
      return end(state, at, afterClose(event), []);
    case 'refused':
    case 'failed':
      return end(state, at, endedBy('the connection was lost'), []);
    case 'opened':
    case 'generationStored':
    case 'heard':
    case 'inventoryChanged':
    case 'keyStored':
    case 'appended':
    case 'sent':
    case 'laneEmpty':
    case 'blocked':
    case 'writable':
      return stay(state);
  }
}

function welcome(state: In<'AUTH'>, event: Extract<SessionEvent, { kind: 'welcome' }>, at: Moment): Step {
  const { marks, rotations, rolledBack } = event.reconciliation;
  // The collector met two records with one number, and its checksums do not show where: begin afresh behind its mark.
  const conflict = marks.find(({ epochId }) => epochId === state.conflictEpochId);
  const allRotations =
    rotations.length === 0 && conflict !== undefined
      ? [{ epochId: conflict.epochId, rehomeAfter: conflict.watermark }]
      : rotations;
  const connection: Connection = {
    liveSinceMs: at.monoMs,
    lanes: marks.map(({ epochId, watermark }) => ({
      epochId,
      watermark,
      nextSeq: watermark + 1,
      isEmpty: false,
    })),
    heartbeatMs: event.heartbeatMs,
    creditLimit: event.creditLimit,
    sentBytes: 0,
    isBlocked: false,
    lastSentMs: at.monoMs,
    lastReceivedMs: at.monoMs,
    lastPingMs: at.monoMs,
    hasProgress: false,
  };
  const mustReopen = allRotations.length > 0;
  const memory = { ...memoryOf(state), conflictEpochId: null };
  return {
    state: { ...memory, phase: 'RECONCILE', connection, mustReopen },
    effects: [
      ...rolledBack.map((epochId): Effect => rolledBackReport(epochId)),
      ...marks
        .filter(({ epochId }) => !allRotations.some((rotation) => rotation.epochId === epochId))
        .map((mark): Effect => ({ kind: 'acknowledge', ...mark })),
      ...allRotations.map((rotation): Effect => ({ kind: 'rotateEpoch', ...rotation })),
      { kind: 'storeGeneration', generation: event.generation, storeId: event.storeId },
    ],
  };
}

function reconciling(state: In<'RECONCILE'>, event: SessionEvent, at: Moment): Step {
  switch (event.kind) {
    case 'generationStored': {
      const confirmation: Effect[] = event.isStored
        ? [{ kind: 'sendGenerationAck', generation: event.generation }]
        : [];
      if (state.mustReopen) return reopen(state, at, { reason: 'epoch', effects: confirmation });
      const next: In<'LIVE'> = { ...memoryOf(state), phase: 'LIVE', connection: state.connection };
      return pump(next, [...confirmation, { kind: 'sendInventoryHave' }]);
    }
    case 'stop':
      return stopped(state, [
        { kind: 'sendBye', reason: 'stop' },
        { kind: 'close', code: NORMAL_CLOSE },
      ]);
    case 'goaway':
      return end(state, at, { ...endedBy('the collector is stopping'), window: event.window }, [
        { kind: 'terminate' },
      ]);
    case 'challenge':
    case 'welcome':
      return outOfState(state, at, 'a second handshake');
    case 'violation':
      return end(state, at, afterViolation(event), [{ kind: 'close', code: closeCodeAfter(event) }]);
    case 'closed':
      return end(state, at, afterClose(event), []);
    case 'refused':
    case 'failed':
      return end(state, at, endedBy('the connection was lost'), []);
    // Credit granted or inventory asked for this early is granted or asked for again.
    case 'wake':
    case 'opened':
    case 'ack':
    case 'heard':
    case 'inventoryNeeded':
    case 'inventoryChanged':
    case 'keyStored':
    case 'appended':
    case 'sent':
    case 'laneEmpty':
    case 'blocked':
    case 'writable':
      return stay(state);
  }
}

function live(state: In<'LIVE'>, event: SessionEvent, at: Moment): Step {
  switch (event.kind) {
    case 'wake':
      return heartbeat(state, at);
    case 'stop':
      return beginDrain(state, at, { isStopping: true, window: NO_DELAY });
    case 'goaway':
      return beginDrain(state, at, { isStopping: false, window: event.window });
    case 'ack': {
      if (!isPlausible(state.connection, event)) return outOfState(state, at, UNSENT_ACK);
      const { state: next, effects } = acknowledged(state, event);
      return pump(next, effects);
    }
    case 'appended': {
      const isKnown = state.connection.lanes.at(-1)?.epochId === event.epochId;
      if (!isKnown) return reopen(state, at, { reason: 'epoch', effects: [] });
      return pump(withLane(state, event.epochId, { isEmpty: false }), []);
    }
    case 'sent':
    case 'laneEmpty':
    case 'blocked':
    case 'writable':
      return pump(afterSend(state, event, at), []);
    case 'inventoryNeeded':
      return { state, effects: [{ kind: 'sendInventory', names: event.names }] };
    case 'inventoryChanged':
      return { state, effects: [{ kind: 'sendInventoryHave' }] };
    case 'keyStored':
      return reopen(state, at, { reason: 'key', effects: [] });
    case 'challenge':
    case 'welcome':
      return outOfState(state, at, 'a second handshake');
    case 'violation':
      return end(state, at, afterViolation(event), [{ kind: 'close', code: closeCodeAfter(event) }]);
    case 'closed':
      return end(state, at, afterClose(event), []);
    case 'refused':
    case 'failed':
      return end(state, at, endedBy('the connection was lost'), []);
    case 'opened':
    case 'generationStored':
    case 'heard':
      return stay(state);
  }
}

function draining(state: In<'DRAINING'>, event: SessionEvent, at: Moment): Step {
  switch (event.kind) {
    case 'wake':
      return at.monoMs < state.untilMs ? heartbeat(state, at) : finish(state, at, []);
    case 'stop':
      return drain(withLastRead({ ...state, isStopping: true }), at, []);
    case 'ack': {
      if (!isPlausible(state.connection, event)) return outOfState(state, at, UNSENT_ACK);
      const { state: next, effects } = acknowledged(state, event);
      return drain(next, at, effects);
    }
    case 'appended':
      return drain(withLane(state, event.epochId, { isEmpty: false }), at, []);
    case 'sent':
    case 'laneEmpty':
    case 'blocked':
    case 'writable':
      return drain(afterSend(state, event, at), at, []);
    case 'challenge':
    case 'welcome':
      return outOfState(state, at, 'a second handshake');
    case 'violation':
      return end(state, at, afterViolation(event), [{ kind: 'close', code: closeCodeAfter(event) }]);
    case 'closed':
    case 'refused':
    case 'failed':
      return end(state, at, { ...endedBy('the collector is stopping'), window: state.window }, []);
    case 'opened':
    case 'generationStored':
    case 'goaway':
    case 'heard':
    case 'inventoryNeeded':
    case 'inventoryChanged':
    case 'keyStored':
      return stay(state);
  }
}

/** Looks into the spool once more: what was appended a moment ago may not have been told yet. */
function withLastRead(state: In<'DRAINING'>): In<'DRAINING'> {
  const current = state.connection.lanes.at(-1);
  return current === undefined ? state : withLane(state, current.epochId, { isEmpty: false });
}

function beginDrain(
  state: In<'LIVE'>,
  at: Moment,
  why: { readonly isStopping: boolean; readonly window: DelayWindow },
): Step {
  const draining: In<'DRAINING'> = {
    ...state,
    ...why,
    phase: 'DRAINING',
    untilMs: at.monoMs + DRAIN_MS_MAX,
  };
  return drain(why.isStopping ? withLastRead(draining) : draining, at, []);
}

/** Sends on when it is the agent that stops; ends when nothing is under way any more. */
function drain(state: In<'DRAINING'>, at: Moment, effects: readonly Effect[]): Step {
  const { lanes } = state.connection;
  const isUnderWay = lanes.some((lane) => lane.watermark < lane.nextSeq - 1);
  const hasMore = state.isStopping && lanes.some((lane) => !lane.isEmpty);
  if (!isUnderWay && !hasMore) return finish(state, at, effects);
  return state.isStopping ? pump(state, effects) : { state, effects };
}

function finish(state: In<'DRAINING'>, at: Moment, effects: readonly Effect[]): Step {
  const close: Effect = { kind: 'close', code: NORMAL_CLOSE };
  if (state.isStopping) return stopped(state, [...effects, { kind: 'sendBye', reason: 'stop' }, close]);
  const ending = { ...endedBy('the collector is stopping'), window: state.window };
  return end(state, at, ending, [...effects, close]);
}

function heartbeat(state: In<'LIVE'> | In<'DRAINING'>, at: Moment): Step {
  const { connection } = state;
  if (at.monoMs >= connection.lastReceivedMs + silenceMsMax(connection)) {
    return end(state, at, endedBy('nothing heard from the collector'), [{ kind: 'terminate' }]);
  }
  if (at.monoMs < heartbeatAtMs(connection)) return stay(state);
  const pinged = { ...connection, lastPingMs: at.monoMs, lastSentMs: at.monoMs };
  return { state: { ...state, connection: pinged }, effects: [{ kind: 'ping' }] };
}

/** Whether the acknowledgement speaks of records that were sent; a wrong one would free what nobody has. */
function isPlausible(connection: Connection, ack: Ack): boolean {
  const lane = connection.lanes.find(({ epochId }) => epochId === ack.epochId);
  return lane !== undefined && ack.watermark < lane.nextSeq;
}

function acknowledged<S extends In<'LIVE'> | In<'DRAINING'>>(
  state: S,
  { epochId, watermark, creditLimit: granted }: Ack,
): { readonly state: S; readonly effects: readonly Effect[] } {
  const { connection } = state;
  const creditLimit = Math.max(connection.creditLimit, granted);
  const lane = connection.lanes.find((candidate) => candidate.epochId === epochId);
  if (lane === undefined || watermark <= lane.watermark) {
    return { state: { ...state, connection: { ...connection, creditLimit } }, effects: [] };
  }
  const moved = withLane(state, epochId, { watermark });
  return {
    state: {
      ...moved,
      hastyReconnects: 0,
      stuckAt: null,
      connection: { ...moved.connection, creditLimit, hasProgress: true },
    },
    effects: [{ kind: 'acknowledge', epochId, watermark }],
  };
}

/** Asks for the next batch when there may be one, the credit allows it and the socket takes it. */
function pump(state: In<'LIVE'> | In<'DRAINING'>, effects: readonly Effect[]): Step {
  const { connection } = state;
  const credit = connection.creditLimit - connection.sentBytes;
  const lane = connection.lanes.find(({ isEmpty }) => !isEmpty);
  if (lane === undefined || credit <= 0 || connection.isBlocked) return { state, effects };
  const maxBytes = Math.min(LIMITS.batchTargetBytes, credit);
  const batch: Effect = { kind: 'sendBatch', epochId: lane.epochId, fromSeq: lane.nextSeq, maxBytes };
  return { state, effects: [...effects, batch] };
}

function afterSend<S extends In<'LIVE'> | In<'DRAINING'>>(
  state: S,
  event: Extract<SessionEvent, { kind: 'sent' | 'laneEmpty' | 'blocked' | 'writable' }>,
  at: Moment,
): S {
  switch (event.kind) {
    case 'sent': {
      const moved = withLane(state, event.epochId, { nextSeq: event.nextSeq, isEmpty: event.isEnd });
      const sentBytes = moved.connection.sentBytes + event.bytes;
      return { ...moved, connection: { ...moved.connection, sentBytes, lastSentMs: at.monoMs } };
    }
    case 'laneEmpty':
      return withLane(state, event.epochId, { isEmpty: true });
    case 'blocked':
      return { ...state, connection: { ...state.connection, isBlocked: true } };
    case 'writable':
      return { ...state, connection: { ...state.connection, isBlocked: false } };
  }
}

function withLane<S extends In<'LIVE'> | In<'DRAINING'>>(
  state: S,
  epochId: string,
  change: Partial<Lane>,
): S {
  const { connection } = state;
  const lanes = connection.lanes.map((lane) => (lane.epochId === epochId ? { ...lane, ...change } : lane));
  return { ...state, connection: { ...connection, lanes } };
}

/** Notes that the collector was heard, whatever it said. */
function withReceipt<S extends In<'LIVE'> | In<'DRAINING'>>(state: S, event: SessionEvent, at: Moment): S {
  if (!RECEIVED.has(event.kind)) return state;
  return { ...state, connection: { ...state.connection, lastReceivedMs: at.monoMs } };
}

function heartbeatAtMs(connection: Connection): number {
  const quietSinceMs = Math.min(connection.lastSentMs, connection.lastReceivedMs);
  const pingAtMs = Math.max(quietSinceMs, connection.lastPingMs) + connection.heartbeatMs;
  return Math.min(pingAtMs, connection.lastReceivedMs + silenceMsMax(connection));
}

function silenceMsMax(connection: Connection): number {
  return Math.max(SILENCE_MS_MIN, SILENT_HEARTBEATS_MAX * connection.heartbeatMs);
}

function rolledBackReport(epochId: string): Effect {
  const message = 'the store of the collector is older than its agents; sending again what is held';
  return { kind: 'report', level: 'warn', message, fields: { epochId } };
}

function stay(state: SessionState): Step {
  return { state, effects: [] };
}
