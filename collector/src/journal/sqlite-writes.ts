/** The statements that change the journal's database. All of them run inside a transaction of the caller. */
import type { StatementSync } from 'node:sqlite';
import type { Database } from '../state/database.ts';
import { encodeBootTimes } from './boot-time.ts';
import { countOf, numberOf } from './columns.ts';
import { JOURNAL_LIMITS } from './limits.ts';
import type { CommitBatch, Deleted, GapRow, LaneMark, RecordRow, RejectRow } from './store.ts';

export interface Writes {
  write(batch: CommitBatch): void;
  /** Deletes at most `rows` records older than the time, of one lane, none after position `keptAfterPos`. */
  prune(olderThanMs: number, rows: number, keptAfterPos: number): Deleted;
  /** A write that changes nothing that matters, to see whether writing works. */
  probe(): void;
}

/** What a commit adds to the rows of a lane. */
interface Added {
  rows: number;
  bytes: number;
  samples: number;
  oldestMs: number | undefined;
}

export function prepareWrites({ connection }: Database): Writes {
  const lane = connection.prepare(LANE_SQL);
  const close = connection.prepare(`UPDATE lanes SET is_closed = 1 WHERE id = ?`);
  const bootTimes = connection.prepare(`UPDATE lanes SET boot_times = ? WHERE id = ?`);
  const record = connection.prepare(`INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const gap = connection.prepare(`INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const reject = connection.prepare(
    `INSERT INTO rejects (lane, seq, code, message, samples, received_ms, head) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const quarantine = connection.prepare(
    `UPDATE rejects SET head = NULL WHERE id <= (SELECT max(id) FROM rejects) - ? AND head IS NOT NULL`,
  );
  const schema = connection.prepare(`INSERT INTO schemas (hash, bytes) VALUES (?, ?)`);
  const schemaId = connection.prepare(`SELECT id FROM schemas WHERE hash = ?`);
  const number = connection.prepare(
    `INSERT INTO schema_numbers (lane, number, schema, sampler, declared_seq, first_ms, last_ms)
     VALUES (?, ?, (SELECT id FROM schemas WHERE hash = ?), ?, ?, ?, ?)
     ON CONFLICT (lane, number) DO UPDATE SET
       declared_seq = excluded.declared_seq, first_ms = excluded.first_ms, last_ms = excluded.last_ms`,
  );
  const probe = connection.prepare(
    `INSERT INTO meta (key, value) VALUES ('probes', '1')
     ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1`,
  );
  const prune = preparePrune(connection.prepare.bind(connection));
  return {
    write(batch) {
      for (const entry of batch.schemas) {
        const hash = Buffer.from(entry.schema.hash, 'hex');
        // A fleet declares the same few again and again; their bytes have to be made first.
        if (schemaId.get(hash) === undefined) {
          const { bytes } = entry.schema;
          if (bytes === undefined) throw new TypeError(`schema ${entry.schema.hash} came without its bytes`);
          schema.run(hash, bytes);
        }
        number.run(
          entry.laneId,
          entry.number,
          hash,
          entry.schema.sampler,
          entry.declaredSeq,
          entry.firstMs ?? null,
          entry.lastMs ?? null,
        );
      }
      const added = new Map<number, Added>();
      for (const row of batch.records) insertRecord(record, row, added);
      for (const row of batch.gaps) insertGap(gap, row);
      for (const row of batch.rejects) insertReject(reject, row);
      if (batch.rejects.length > 0) quarantine.run(JOURNAL_LIMITS.quarantineRecords);
      for (const mark of batch.marks) upsertLane(lane, mark, added.get(mark.id));
      // Apart from the marks, which are written with every tick.
      const measured = new Set(batch.measuredLanes);
      for (const mark of batch.marks)
        if (measured.has(mark.id)) bootTimes.run(encodeBootTimes(mark.bootTimes), mark.id);
      for (const laneId of batch.closedLanes) close.run(laneId);
    },
    prune,
    probe: () => void probe.run(),
  };
}

const LANE_SQL = `
  INSERT INTO lanes (id, agent, epoch, boot, watermark, crc, ticks, samples, is_estimated, applied, rejected, gapped,
    refused_blocks, first_ms, last_ms, offset_ms_max, is_closed, row_count, row_bytes, row_samples, oldest_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET
    watermark = excluded.watermark, crc = excluded.crc, ticks = excluded.ticks, samples = excluded.samples,
    is_estimated = excluded.is_estimated, applied = excluded.applied, rejected = excluded.rejected,
    gapped = excluded.gapped, refused_blocks = excluded.refused_blocks, first_ms = excluded.first_ms,
    last_ms = excluded.last_ms, offset_ms_max = excluded.offset_ms_max, is_closed = 0,
    row_count = row_count + excluded.row_count, row_bytes = row_bytes + excluded.row_bytes,
    row_samples = row_samples + excluded.row_samples,
    oldest_ms = min(coalesce(oldest_ms, excluded.oldest_ms), coalesce(excluded.oldest_ms, oldest_ms))`;

function upsertLane(statement: StatementSync, mark: LaneMark, added: Added | undefined): void {
  statement.run(
    mark.id,
    mark.agentId,
    mark.epochId,
    mark.bootId,
    mark.watermark,
    mark.crc ?? null,
    mark.ticks,
    mark.samples,
    mark.isEstimated ? 1 : 0,
    mark.applied,
    mark.rejected,
    mark.gapped,
    mark.refusedBlocks,
    mark.firstMs ?? null,
    mark.lastMs ?? null,
    mark.offsetMsMax,
    added?.rows ?? 0,
    added?.bytes ?? 0,
    added?.samples ?? 0,
    added?.oldestMs ?? null,
  );
}

function insertRecord(statement: StatementSync, row: RecordRow, added: Map<number, Added>): void {
  statement.run(
    row.pos,
    row.laneId,
    row.seq,
    row.timeMs,
    row.receivedMs,
    row.kind,
    row.crc,
    row.samples,
    row.bytes,
  );
  let sum = added.get(row.laneId);
  if (sum === undefined) {
    sum = { rows: 0, bytes: 0, samples: 0, oldestMs: undefined };
    added.set(row.laneId, sum);
  }
  sum.rows++;
  sum.bytes += row.bytes.length;
  sum.samples += row.samples;
  sum.oldestMs = Math.min(sum.oldestMs ?? row.timeMs, row.timeMs);
}

function insertGap(statement: StatementSync, row: GapRow): void {
  statement.run(
    row.laneId,
    row.from,
    row.to,
    row.reason,
    row.isEstimated ? 1 : 0,
    row.ticks,
    row.samples,
    row.firstMs,
    row.lastMs,
    row.receivedMs,
  );
}

function insertReject(statement: StatementSync, row: RejectRow): void {
  statement.run(row.laneId, row.seq, row.code, row.text, row.samples, row.receivedMs, row.head);
}

function preparePrune(prepare: (sql: string) => StatementSync): Writes['prune'] {
  const lane = prepare(
    `SELECT id FROM lanes l WHERE oldest_ms < ?1
       AND EXISTS (SELECT 1 FROM records WHERE lane = l.id AND time_ms < ?1 AND pos <= ?2) LIMIT 1`,
  );
  const remove = prepare(
    `DELETE FROM records WHERE pos IN (SELECT pos FROM records WHERE lane = ? AND time_ms < ? AND pos <= ? ORDER BY time_ms LIMIT ?)
     RETURNING length(bytes) AS row_bytes, samples`,
  );
  const oldest = prepare(`SELECT min(time_ms) AS oldest_ms FROM records WHERE lane = ?`);
  const update = prepare(
    `UPDATE lanes SET row_count = row_count - ?, row_bytes = row_bytes - ?, row_samples = row_samples - ?,
       oldest_ms = ? WHERE id = ?`,
  );
  const clean = prepareClean(prepare);
  return (olderThanMs, rows, keptAfterPos) => {
    const lastPos = Math.min(keptAfterPos, Number.MAX_SAFE_INTEGER);
    const next = lane.get(olderThanMs, lastPos);
    if (next === undefined) return { rows: 0, bytes: 0, samples: 0, isDone: clean(olderThanMs, rows) === 0 };
    const laneId = countOf(next, 'id');
    const removed = remove.all(laneId, olderThanMs, lastPos, rows);
    let bytes = 0;
    let samples = 0;
    for (const row of removed) {
      bytes += countOf(row, 'row_bytes');
      samples += countOf(row, 'samples');
    }
    const oldestMs = numberOf(oldest.get(laneId) ?? {}, 'oldest_ms');
    update.run(removed.length, bytes, samples, oldestMs ?? null, laneId);
    return { rows: removed.length, bytes, samples, isDone: false };
  };
}

/** Deletes what refers to nothing any more; the result is how much of it was found. */
function prepareClean(
  prepare: (sql: string) => StatementSync,
): (olderThanMs: number, rows: number) => number {
  const rejects = prepare(
    `DELETE FROM rejects WHERE received_ms < ? AND id IN (SELECT id FROM rejects ORDER BY id LIMIT ?)`,
  );
  // Sealing empties lanes early; one that its agent opens again soon still needs its schemas.
  const lane = prepare(
    `SELECT id FROM lanes l WHERE is_closed = 1 AND row_count = 0 AND coalesce(last_ms, 0) < ?
       AND EXISTS (SELECT 1 FROM schema_numbers WHERE lane = l.id) LIMIT 1`,
  );
  const numbers = prepare(
    `DELETE FROM schema_numbers WHERE lane = ?1 AND number IN
       (SELECT number FROM schema_numbers WHERE lane = ?1 LIMIT ?2) RETURNING schema`,
  );
  const schema = prepare(
    `DELETE FROM schemas WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM schema_numbers WHERE schema = ?1)
       AND NOT EXISTS (SELECT 1 FROM block_schemas WHERE schema = ?1)`,
  );
  return (olderThanMs, rows) => {
    const { changes } = rejects.run(olderThanMs, rows);
    const closed = lane.get(olderThanMs);
    if (closed === undefined) return Number(changes);
    const removed = numbers.all(countOf(closed, 'id'), rows);
    for (const row of removed) schema.run(countOf(row, 'schema'));
    return Number(changes) + removed.length;
  };
}
