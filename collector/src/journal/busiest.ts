/** What kept a host busy, read back: event records stay where they were written until they are too old. */
import type { DatabaseSync } from 'node:sqlite';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { decodeEvent, type AgentEvent } from '@rollcall/shared/protocol/event.ts';
import type { ProcessSnapshot } from '@rollcall/shared/protocol/processes.ts';
import { decodeRecord, RECORD_KIND, recordBody } from '@rollcall/shared/protocol/record.ts';
import { blobOf, countOf } from './columns.ts';

/** The busiest programs, and the wall clock of the agent at the end of their span. */
export interface ToldProcesses extends ProcessSnapshot {
  readonly atMs: number;
}

export interface BusiestRequest {
  readonly agentId: string;
  /** Both ends inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Events that are looked at for one answer; an agent tells one a minute. */
const LOOKED_AT_MAX = 100;

const SQL = `SELECT r.time_ms, r.bytes FROM lanes l JOIN records r ON r.lane = l.id
  WHERE l.agent = ? AND r.time_ms BETWEEN ? AND ? AND r.kind = ${RECORD_KIND.EVENT}
  ORDER BY r.time_ms DESC, r.pos DESC LIMIT ${LOOKED_AT_MAX}`;

/** A read of one connection: the newest that was told in a span, undefined when there is none. */
export function prepareBusiestRead(
  connection: DatabaseSync,
): (request: BusiestRequest) => ToldProcesses | undefined {
  const statement = connection.prepare(SQL);
  return ({ agentId, fromMs, toMs }) => {
    for (const row of statement.all(agentId, fromMs, toMs)) {
      const event = eventOf(blobOf(row, 'bytes'));
      if (event?.kind !== 'processes') continue;
      const { spanMs, programs } = event;
      return { atMs: countOf(row, 'time_ms'), spanMs, programs };
    }
    return undefined;
  };
}

/** Whatever was accepted is JSON; whether it is an event that we know was not asked then. */
function eventOf(record: Buffer): AgentEvent | undefined {
  try {
    return decodeEvent(recordBody(decodeRecord(record, 0)));
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
