/** What the spool tells the collector about the agent's own life, so that a gap in the readings can be explained. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { decodeEvent, encodeEvent, type AgentEvent } from '@rollcall/shared/protocol/event.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import type { FoundAtStart } from './durable.ts';
import { NO_COUNTS } from './span.ts';
import type { Spool } from './spool.ts';

/** Notes that the agent has started, and how the one before it ended. */
export function noteStart(spool: Spool, clock: Clock, found: FoundAtStart): void {
  const { last, isOtherBoot, isDamaged } = found;
  const isClean = last?.kind === RECORD_KIND.EVENT && isStop(last.body);
  noteEvent(spool, clock, { kind: 'start', isClean, lastMs: last?.wallMs ?? null, isOtherBoot, isDamaged });
}

/** Notes that the agent stops because it was asked to; nothing may follow. */
export function noteStop(spool: Spool, clock: Clock): void {
  noteEvent(spool, clock, { kind: 'stop' });
}

/** Notes what has happened just now. @throws AppError when the spool cannot keep it */
export function noteEvent(spool: Spool, clock: Clock, event: AgentEvent): void {
  const wallMs = Math.max(0, Math.round(clock.wallMs()));
  const bootMs = Math.max(0, Math.round(clock.bootMs()));
  spool.append({ kind: RECORD_KIND.EVENT, flags: 0, wallMs, bootMs, body: encodeEvent(event) }, NO_COUNTS);
}

function isStop(body: Buffer): boolean {
  try {
    return decodeEvent(body)?.kind === 'stop';
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}
