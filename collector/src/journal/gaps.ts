/** What agents declared as lost, read back. The table is small: a gap stands for up to ten million records, and stays. */
import type { DatabaseSync } from 'node:sqlite';
import { GAP_REASON_NAMES } from '@rollcall/shared/protocol/gap.ts';
import { countOf, textOf } from './columns.ts';

/** Readings that an agent dropped and told of. */
export interface DeclaredGap {
  readonly agentId: string;
  /** Why, one of GAP_REASON_NAMES, or `other` for the reason of a newer agent. */
  readonly reason: string;
  /** Wall clock of the agent at the first and the last record that was lost; null when it could not be read any more. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly ticks: number;
  readonly samples: number;
  /** The counts are a guess, because what was lost could not be read. */
  readonly isEstimated: boolean;
  /** When the collector was told. */
  readonly receivedMs: number;
}

export interface GapsRequest {
  /** Undefined for all agents. */
  readonly agentId: string | undefined;
  /** Gaps that touch this span, both ends inclusive; one without times counts as of when it was told. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
}

const SQL = `SELECT l.agent, g.reason, g.first_ms, g.last_ms, g.ticks, g.samples, g.is_estimated, g.received_ms
  FROM lanes l JOIN gaps g ON g.lane = l.id WHERE (?1 IS NULL OR l.agent = ?1)
  AND iif(g.last_ms = 0, g.received_ms, g.last_ms) >= ?2 AND iif(g.first_ms = 0, g.received_ms, g.first_ms) <= ?3
  ORDER BY g.received_ms DESC, g.lane DESC, g.from_seq DESC LIMIT ?4`;

/** A read of one connection: the gaps that were told last, newest first. */
export function prepareGapRead(connection: DatabaseSync): (request: GapsRequest) => readonly DeclaredGap[] {
  const statement = connection.prepare(SQL);
  return ({ agentId, fromMs, toMs, limit }) =>
    statement.all(agentId ?? null, fromMs, toMs, limit).map((row) => ({
      agentId: textOf(row, 'agent'),
      reason: GAP_REASON_NAMES[countOf(row, 'reason')] ?? 'other',
      fromMs: countOf(row, 'first_ms') || null,
      toMs: countOf(row, 'last_ms') || null,
      ticks: countOf(row, 'ticks'),
      samples: countOf(row, 'samples'),
      isEstimated: countOf(row, 'is_estimated') === 1,
      receivedMs: countOf(row, 'received_ms'),
    }));
}
