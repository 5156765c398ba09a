/** How a connection ended, and when and how the agent comes back. The delays are those of docs/protocol.md. */
import { backoffDelayMs } from '@rollcall/shared/lib/backoff.ts';
import { GAP_REASON_NAMES, GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { CLOSE_CODE } from '@rollcall/shared/protocol/messages.ts';
import type {
  Connection,
  DelayWindow,
  Effect,
  Memory,
  Moment,
  SessionEvent,
  SessionState,
  Step,
} from './session-types.ts';

const BACKOFF = { baseMs: 1_000, factor: 2, maxMs: 60_000 };
/** An agent that nobody knows asks ever more rarely. */
const UNKNOWN_AGENT_MS_MAX = 3_600_000;
/** Longest delay after a session in which records were acknowledged: a link that flaps still makes progress. */
const PROGRESS_DELAY_MS_MAX = 5_000;
/** A session that lived so long was a success: the next failure counts as the first. */
const SUCCESS_MS_MIN = 60_000;
const CERTIFICATE_DELAY_MS_MIN = 60_000;
const SUPERSEDED_DELAY_MS_MIN = 30_000;
const DORMANT_MS = 3_600_000;
const DORMANT_SPREAD_RATIO = 0.2;
/** Reconnects without delay in a row; more would be a loop between the two ends. */
const HASTY_RECONNECTS_MAX = 3;
/** Sessions that must end at the same record before it is given up, and the time between two of these. */
const STUCK_SESSIONS_MAX = 5;
const GIVE_UP_INTERVAL_MS = 3_600_000;
/** Spread on top of what a collector asked for. */
const RETRY_AFTER_SPREAD_MS = 1_000;
const NORMAL_CLOSE = 1000;

export interface Ending {
  /** For people. */
  readonly reason: string;
  /** `hasty` is without any delay, as far as that does not become a loop. */
  readonly next: 'backoff' | 'hasty' | 'dormant';
  /** A person must act. */
  readonly isAlarm: boolean;
  readonly delayMsMin: number;
  readonly backoffMsMax: number;
  /** Replaces the back-off. */
  readonly window: DelayWindow | undefined;
  /** What the collector complained about may be the record that comes next. */
  readonly isRecordFault: boolean;
  /** Two records carry one number. */
  readonly isConflict: boolean;
}

/** An ordinary end: back after a back-off. */
export function endedBy(reason: string): Ending {
  return {
    reason,
    next: 'backoff',
    isAlarm: false,
    delayMsMin: 0,
    backoffMsMax: BACKOFF.maxMs,
    window: undefined,
    isRecordFault: false,
    isConflict: false,
  };
}

export function afterRefusal(event: Extract<SessionEvent, { kind: 'refused' }>): Ending {
  const { statusCode, retryAfterMs } = event;
  if (statusCode === 426) {
    const reason =
      'the collector speaks no version of the protocol that this agent knows; upgrade the older one';
    return { ...endedBy(reason), next: 'dormant', isAlarm: true };
  }
  const window =
    retryAfterMs === undefined
      ? undefined
      : { minMs: retryAfterMs, maxMs: retryAfterMs + RETRY_AFTER_SPREAD_MS };
  return { ...endedBy(`the collector answered with HTTP ${statusCode}`), window };
}

export function afterFailure(event: Extract<SessionEvent, { kind: 'failed' }>): Ending {
  const { isCertificate, text } = event;
  if (!isCertificate) return endedBy(text);
  return { ...endedBy(text), isAlarm: true, delayMsMin: CERTIFICATE_DELAY_MS_MIN };
}

export function afterViolation(event: Extract<SessionEvent, { kind: 'violation' }>): Ending {
  switch (event.code) {
    case 'PROTOCOL_ERROR':
      return endedBy(event.text);
    case 'COLLECTOR_UNTRUSTED':
      return { ...endedBy(event.text), isAlarm: true };
    case 'UPGRADE_NEEDED':
      return { ...endedBy(event.text), isAlarm: true, next: 'dormant' };
  }
}

/** The code with which the agent closes after a violation. */
export function closeCodeAfter(event: Extract<SessionEvent, { kind: 'violation' }>): number {
  switch (event.code) {
    case 'PROTOCOL_ERROR':
      return CLOSE_CODE.PROTOCOL_ERROR;
    case 'COLLECTOR_UNTRUSTED':
      return CLOSE_CODE.AUTH_FAILED;
    case 'UPGRADE_NEEDED':
      return CLOSE_CODE.UPGRADE_NEEDED;
  }
}

/** What a close of the collector means to the agent. */
export function afterClose({
  code,
  hasOtherKey,
  isKeyUnderWay = false,
}: Extract<SessionEvent, { kind: 'closed' }>): Ending {
  if (hasOtherKey === true) {
    return {
      ...endedBy('the collector does not know this key of the agent; trying another one'),
      next: 'hasty',
    };
  }
  switch (code) {
    case CLOSE_CODE.PROTOCOL_ERROR:
    case CLOSE_CODE.LIMIT_EXCEEDED:
      // Keys are offered rarely, so a record that is at fault is met again without one.
      return { ...endedBy('the collector found a protocol error'), isRecordFault: !isKeyUnderWay };
    case CLOSE_CODE.AUTH_FAILED: {
      const reason = 'the collector does not know this agent; enrol it again if this does not end';
      return { ...endedBy(reason), isAlarm: true, backoffMsMax: UNKNOWN_AGENT_MS_MAX };
    }
    case CLOSE_CODE.REVOKED:
      return { ...endedBy('this agent was revoked at the collector'), isAlarm: true, next: 'dormant' };
    case CLOSE_CODE.IDENTITY_CONFLICT: {
      const reason = 'the key of this agent is in use on two machines; enrol one of them again';
      return { ...endedBy(reason), isAlarm: true, next: 'dormant' };
    }
    case CLOSE_CODE.SEQ_CONFLICT:
      return { ...endedBy('two records carry one number'), next: 'hasty', isConflict: true };
    case CLOSE_CODE.SUPERSEDED:
      return {
        ...endedBy('a newer session of this agent took over'),
        delayMsMin: SUPERSEDED_DELAY_MS_MIN,
      };
    case CLOSE_CODE.UPGRADE_NEEDED:
      return { ...endedBy('this agent is too old for the collector'), isAlarm: true, next: 'dormant' };
    case CLOSE_CODE.TOO_SLOW:
      return endedBy('too slow for the collector');
    case CLOSE_CODE.SLOW_DOWN:
      return endedBy('the collector wants less at a time');
    case CLOSE_CODE.UNAVAILABLE:
      return endedBy('the collector is not available at the moment');
    default:
      return endedBy(`connection closed with code ${code}`);
  }
}

/** The session is over; `state` may be of any phase with a socket. An agent that was about to stop has stopped. */
export function end(state: SessionState, at: Moment, ending: Ending, effects: readonly Effect[]): Step {
  if (state.phase === 'DRAINING' && state.isStopping) return stopped(state, effects);
  const connection = connectionOf(state);
  const hasSucceeded = connection !== undefined && at.monoMs - connection.liveSinceMs >= SUCCESS_MS_MIN;
  const before = { ...memoryOf(state), attempt: hasSucceeded ? 0 : state.attempt };
  const { memory, effects: remedies } = withRemedy(before, { connection, ending, at });
  const isHasty = ending.next === 'hasty' && memory.hastyReconnects < HASTY_RECONNECTS_MAX;
  if (isHasty) {
    const next = { ...memory, hastyReconnects: memory.hastyReconnects + 1 };
    const report = reportOf(ending, 0);
    return {
      state: { ...next, phase: 'IDLE', wakeAtMs: at.monoMs },
      effects: [...effects, ...remedies, report],
    };
  }
  const isDormant = ending.next === 'dormant';
  const delayMs = isDormant
    ? DORMANT_MS * (1 + DORMANT_SPREAD_RATIO * (2 * at.random - 1))
    : delayMsOf(memory.attempt, { ending, at, hasProgress: connection?.hasProgress ?? false });
  return {
    state: {
      ...memory,
      // Whoever was told when to come back did nothing wrong; the next failure counts as if it had not been there.
      attempt: ending.window === undefined ? memory.attempt + 1 : memory.attempt,
      phase: isDormant ? 'DORMANT' : 'BACKOFF',
      wakeAtMs: at.monoMs + delayMs,
    },
    effects: [...effects, ...remedies, reportOf(ending, delayMs)],
  };
}

/** Ends the session because its list of epochs, or the key that it was opened with, is out of date; the next one begins at once. */
export function reopen(
  state: SessionState,
  at: Moment,
  why: { readonly reason: 'epoch' | 'key'; readonly effects: readonly Effect[] },
): Step {
  const { reason, effects } = why;
  return end(state, at, { ...endedBy(`a new ${reason} begins`), next: 'hasty' }, [
    ...effects,
    { kind: 'sendBye', reason },
    { kind: 'close', code: NORMAL_CLOSE },
  ]);
}

/** The agent stops; nothing follows. */
export function stopped(state: SessionState, effects: readonly Effect[]): Step {
  return { state: { ...memoryOf(state), phase: 'STOPPED' }, effects };
}

/** The collector said something that does not belong here. */
export function outOfState(state: SessionState, at: Moment, what: string): Step {
  return end(state, at, endedBy(`the collector sent ${what}`), [
    { kind: 'close', code: CLOSE_CODE.PROTOCOL_ERROR },
  ]);
}

/** The part of a state that outlives the connection. */
export function memoryOf(state: SessionState): Memory {
  const { attempt, hastyReconnects, clockOffsetMs, stuckAt, gaveUpAtMs, conflictEpochId } = state;
  return { attempt, hastyReconnects, clockOffsetMs, stuckAt, gaveUpAtMs, conflictEpochId };
}

function connectionOf(state: SessionState): Connection | undefined {
  return state.phase === 'LIVE' || state.phase === 'DRAINING' ? state.connection : undefined;
}

function delayMsOf(
  attempt: number,
  options: { readonly ending: Ending; readonly at: Moment; readonly hasProgress: boolean },
): number {
  const { ending, at, hasProgress } = options;
  const { window } = ending;
  if (window !== undefined) return window.minMs + at.random * (window.maxMs - window.minMs);
  const maxMs = hasProgress ? PROGRESS_DELAY_MS_MAX : ending.backoffMsMax;
  return ending.delayMsMin + backoffDelayMs({ ...BACKOFF, maxMs }, attempt, () => at.random);
}

/** Remembers what the next session must know, and gives up a record that no session gets past. */
function withRemedy(
  memory: Memory,
  {
    connection,
    ending,
    at,
  }: { readonly connection: Connection | undefined; readonly ending: Ending; readonly at: Moment },
): { readonly memory: Memory; readonly effects: readonly Effect[] } {
  const lane = connection?.lanes.find(({ nextSeq, watermark }) => nextSeq > watermark + 1);
  if (lane === undefined) return { memory, effects: [] };
  const { epochId, watermark } = lane;
  if (ending.isConflict) return { memory: { ...memory, conflictEpochId: epochId }, effects: [] };
  if (!ending.isRecordFault) return { memory, effects: [] };
  const { stuckAt } = memory;
  const isSame = stuckAt?.epochId === epochId && stuckAt.watermark === watermark;
  const count = isSame ? stuckAt.count + 1 : 1;
  const mayGiveUp = memory.gaveUpAtMs === null || at.monoMs - memory.gaveUpAtMs >= GIVE_UP_INTERVAL_MS;
  if (count < STUCK_SESSIONS_MAX || !mayGiveUp) {
    return { memory: { ...memory, stuckAt: { epochId, watermark, count } }, effects: [] };
  }
  const seq = watermark + 1;
  const fields = { epochId, seq, reason: GAP_REASON_NAMES[GAP_REASON.POISON] };
  return {
    memory: { ...memory, stuckAt: null, gaveUpAtMs: at.monoMs },
    effects: [
      { kind: 'giveUp', epochId, seq },
      { kind: 'report', level: 'error', message: 'a record was given up', fields },
    ],
  };
}

/** What is reported with a `reason` whenever there is no connection any more, or could not be made. */
export const CONNECTION_ENDED = 'connection to the collector ended';

function reportOf(ending: Ending, delayMs: number): Effect {
  const fields = { reason: ending.reason, retryInMs: Math.round(delayMs) };
  const level = ending.isAlarm ? 'error' : 'warn';
  return { kind: 'report', level, message: CONNECTION_ENDED, fields };
}
