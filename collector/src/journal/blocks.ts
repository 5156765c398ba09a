/**
 * The catalogue of block files. It stands in the journal's database, because a block appears, and the records that it
 * replaces disappear, in one transaction. Deleting hundreds of thousands of rows takes too long for one: so the
 * transaction only declares which records are sealed. From then on nobody reads them, and they are deleted in small
 * steps, also after a restart.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { countOf, numberOf, textOf } from './columns.ts';
import type { Deleted } from './store.ts';

/** Raw samples, or rollups of so much time each. */
export type BlockResolution = 'raw' | '5m' | '1h';

/** A block file in force. */
export interface BlockRow {
  readonly id: number;
  /** Name within the folder of blocks. */
  readonly file: string;
  readonly resolution: BlockResolution;
  /** The window that it was made for, UTC milliseconds; `toMs` is the first time after it. */
  readonly fromMs: number;
  readonly toMs: number;
  /** First and last reading in it; a reading may lie outside of the window of its record. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Position of the newest record in it; of two samples of one time the one from the older block counts. */
  readonly lastPos: number;
  readonly bytes: number;
  readonly samples: number;
  /** Checksum of the file's footer. */
  readonly checksum: number;
  /** When it was made. */
  readonly madeMs: number;
}

export interface NewBlock extends Omit<BlockRow, 'id'> {
  /** Every schema that the file refers to. */
  readonly schemas: readonly { readonly hash: string; readonly bytes: Uint8Array }[];
}

/** Records of samples and schemas with times from `fromMs` up to, not including, `toMs`, and positions up to `lastPos`. */
export interface SealedRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly lastPos: number;
}

/** Records that blocks replace. */
export interface ReplacedRecords extends SealedRange {
  readonly rows: number;
  readonly samples: number;
  /** Position of the first and of the last of them; others may stand in between. */
  readonly foundFromPos: number;
  readonly foundToPos: number;
}

/** An agent whose data is to go. */
export interface DeletedAgent {
  readonly agentId: string;
  readonly deletedMs: number;
}

/** What changes in one transaction. */
export interface BlockChange {
  readonly add: readonly NewBlock[];
  /** Ids of blocks that are not in force any more. */
  readonly remove: readonly number[];
  /** Records that `add` replaces. */
  readonly seal?: ReplacedRecords | undefined;
  /** Files that are about to be made: until `add` names them they are loose, see `BlockReads`. */
  readonly making?: readonly string[];
  /** Loose files that are not there any more. */
  readonly gone?: readonly string[];
}

/** Kinds of records that a block replaces: samples, and schemas, which stand in a table of their own. */
export const SEALED_KINDS = 'kind IN (1, 2)';

/** Share of the positions from the first to the last record of a range from which on it is deleted by position. */
const DENSE_RATIO_MIN = 1 / 8;

/** Whether a block has replaced the record. */
export function isSealed(
  ranges: readonly SealedRange[],
  record: { readonly timeMs: number; readonly pos: number },
): boolean {
  for (const { fromMs, toMs, lastPos } of ranges) {
    if (record.timeMs >= fromMs && record.timeMs < toMs && record.pos <= lastPos) return true;
  }
  return false;
}

/** Why a file belongs to nobody: it was about to be made, and may be there or not, or it is no longer in force. */
export type LooseFile = 'making' | 'replaced';

/** Statements that read the catalogue; each connection has its own. */
export interface BlockReads {
  /** Grows with every change of the catalogue. */
  version(): number;
  /** In order of time. */
  blocks(): readonly BlockRow[];
  /** By their names. They may be removed; one that was being made only where all blocks are there that it would replace. */
  looseFiles(): ReadonlyMap<string, LooseFile>;
  /** Agents that were deleted, in no order. */
  deletedAgents(): readonly DeletedAgent[];
  /** Ranges whose records are not all deleted yet. */
  sealed(): readonly (SealedRange & { readonly samples: number })[];
}

export function prepareBlockReads(connection: DatabaseSync): BlockReads {
  const version = connection.prepare(`SELECT value FROM meta WHERE key = 'blocks_version'`);
  const blocks = connection.prepare(`SELECT * FROM blocks ORDER BY from_ms, last_pos, id`);
  const sealed = connection.prepare(`SELECT from_ms, to_ms, last_pos, samples FROM sealed`);
  const deleted = connection.prepare(`SELECT agent, deleted_ms FROM deleted_agents`);
  const hasLoose = connection.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'loose_files'`);
  return {
    deletedAgents: () =>
      deleted.all().map((row) => ({ agentId: textOf(row, 'agent'), deletedMs: countOf(row, 'deleted_ms') })),
    looseFiles() {
      // Backups of before have no such table, and can be verified.
      if (hasLoose.get() === undefined) return new Map();
      return new Map(
        connection
          .prepare(`SELECT * FROM loose_files`)
          .all()
          .map((row) => [textOf(row, 'file'), row['is_replaced'] === 1 ? 'replaced' : 'making']),
      );
    },
    version: () => Number(version.get()?.['value'] ?? 0),
    blocks: () => blocks.all().map(toBlockRow),
    sealed: () =>
      sealed.all().map((row) => ({
        fromMs: countOf(row, 'from_ms'),
        toMs: countOf(row, 'to_ms'),
        lastPos: countOf(row, 'last_pos'),
        samples: countOf(row, 'samples'),
      })),
  };
}

/** Statements that change the catalogue; all of them run inside a transaction of the caller. */
export interface BlockWrites {
  change(change: BlockChange): void;
  deleteAgent(agent: DeletedAgent): void;
  /** Deletes at most `rows` sealed records, none of a range that goes beyond position `keptAfterPos`. */
  deleteSealed(rows: number, keptAfterPos: number): Deleted;
}

export function prepareBlockWrites(connection: DatabaseSync): BlockWrites {
  const prepare = connection.prepare.bind(connection);
  const add = prepare(
    `INSERT INTO blocks (file, resolution, from_ms, to_ms, first_ms, last_ms, last_pos, bytes, samples, checksum, made_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const schema = prepare(`INSERT INTO schemas (hash, bytes) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING`);
  const use = prepare(`INSERT INTO block_schemas VALUES (?, (SELECT id FROM schemas WHERE hash = ?))`);
  const loosen = prepare(
    `INSERT INTO loose_files (file, is_replaced) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET is_replaced = ?2`,
  );
  const fasten = prepare(`DELETE FROM loose_files WHERE file = ?`);
  const remove = prepare(`DELETE FROM blocks WHERE id = ? RETURNING file`);
  const unuse = prepare(`DELETE FROM block_schemas WHERE block = ? RETURNING schema`);
  const forget = prepare(
    `DELETE FROM schemas WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM schema_numbers WHERE schema = ?1)
       AND NOT EXISTS (SELECT 1 FROM block_schemas WHERE schema = ?1)`,
  );
  const seal = prepare(
    `INSERT INTO sealed (from_ms, to_ms, last_pos, rows, samples, lane, done_pos, end_pos)
     VALUES (?, ?, ?, ?, ?, 0, ?, ?)`,
  );
  const version = prepare(
    `INSERT INTO meta (key, value) VALUES ('blocks_version', '1')
     ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1`,
  );
  const deleteSealed = prepareDeleteSealed(prepare);
  const deleteAgent = prepare(`INSERT INTO deleted_agents VALUES (?, ?) ON CONFLICT DO NOTHING`);
  return {
    change({ add: added, remove: removed, seal: range, making = [], gone = [] }) {
      for (const file of making) loosen.run(file, 0);
      for (const file of gone) fasten.run(file);
      for (const block of added) {
        fasten.run(block.file);
        const blockId = addBlock(add, block);
        for (const { hash, bytes } of block.schemas) {
          const key = Buffer.from(hash, 'hex');
          schema.run(key, bytes);
          use.run(blockId, key);
        }
      }
      for (const id of removed) {
        // Two changes were planned from one picture of the catalogue; the second must not happen.
        const row = remove.get(id);
        if (row === undefined) throw new AppError('STORAGE_UNAVAILABLE', `block ${id} is not in force`);
        loosen.run(textOf(row, 'file'), 1);
        for (const row of unuse.all(id)) forget.run(countOf(row, 'schema'));
      }
      if (range !== undefined && range.rows > 0) declare(seal, range);
      if (added.length + removed.length > 0) version.run();
    },
    deleteSealed,
    deleteAgent: ({ agentId, deletedMs }) => void deleteAgent.run(agentId, deletedMs),
  };
}

function declare(statement: StatementSync, range: ReplacedRecords): void {
  const { fromMs, toMs, lastPos, rows, samples, foundFromPos, foundToPos } = range;
  const isDense = rows >= (foundToPos - foundFromPos + 1) * DENSE_RATIO_MIN;
  const donePos = isDense ? foundFromPos - 1 : foundToPos;
  statement.run(fromMs, toMs, lastPos, rows, samples, donePos, foundToPos);
}

function addBlock(statement: StatementSync, block: NewBlock): number | bigint {
  const { lastInsertRowid } = statement.run(
    block.file,
    block.resolution,
    block.fromMs,
    block.toMs,
    block.firstMs,
    block.lastMs,
    block.lastPos,
    block.bytes,
    block.samples,
    block.checksum,
    block.madeMs,
  );
  return lastInsertRowid;
}

/**
 * Deletes the records of a range. First in the order of their positions, where most of them stand together: whole pages of
 * the table become free, while lane by lane each page would be written once for each lane that has a record in it. Then
 * lane by lane what is left, by the index of times: all of a range whose records are strewn among many others.
 */
function prepareDeleteSealed(prepare: (sql: string) => StatementSync): BlockWrites['deleteSealed'] {
  const next = prepare(`SELECT * FROM sealed WHERE last_pos <= ? ORDER BY id LIMIT 1`);
  const lane = prepare(
    `SELECT id FROM lanes WHERE id > ? AND row_count > 0 AND oldest_ms < ? ORDER BY id LIMIT 1`,
  );
  const remove = prepare(
    `DELETE FROM records WHERE pos IN
       (SELECT pos FROM records WHERE lane = ? AND time_ms >= ? AND time_ms < ? AND pos <= ? AND ${SEALED_KINDS} LIMIT ?)
     RETURNING length(bytes) AS row_bytes, samples`,
  );
  const deletePositions = prepareDeletePositions(prepare);
  const oldest = prepare(`SELECT min(time_ms) AS oldest_ms FROM records WHERE lane = ?`);
  const update = prepare(
    `UPDATE lanes SET row_count = row_count - ?, row_bytes = row_bytes - ?, row_samples = row_samples - ?,
       oldest_ms = ? WHERE id = ?`,
  );
  const count = prepare(
    `UPDATE sealed SET rows = max(0, rows - ?), samples = max(0, samples - ?), lane = ?, done_pos = ? WHERE id = ?`,
  );
  const done = prepare(`DELETE FROM sealed WHERE id = ?`);
  const removeAny = prepare(
    `DELETE FROM records WHERE pos IN (SELECT pos FROM records WHERE lane = ? LIMIT ?)
     RETURNING length(bytes) AS row_bytes, samples`,
  );
  /** Deletes at most so many records of one lane: those of a range, or all. */
  const deleteOfLane = (range: SealedRange | undefined, laneId: number, rows: number) => {
    const removed =
      range === undefined
        ? removeAny.all(laneId, rows)
        : remove.all(laneId, range.fromMs, range.toMs, range.lastPos, rows);
    let bytes = 0;
    let samples = 0;
    for (const row of removed) {
      bytes += countOf(row, 'row_bytes');
      samples += countOf(row, 'samples');
    }
    // Also when nothing is left: deleting by position does not look at the times of lanes.
    const oldestMs = numberOf(oldest.get(laneId) ?? {}, 'oldest_ms');
    update.run(removed.length, bytes, samples, oldestMs ?? null, laneId);
    return { rows: removed.length, bytes, samples };
  };
  const deletedLane = prepare(
    `SELECT l.id FROM deleted_agents d JOIN lanes l ON l.agent = d.agent WHERE l.row_count > 0 LIMIT 1`,
  );
  /** Deletes records of agents that were deleted. */
  const deleteOfAgents = (rows: number): Deleted => {
    const row = deletedLane.get();
    if (row === undefined) return { rows: 0, bytes: 0, samples: 0, isDone: true };
    return { ...deleteOfLane(undefined, countOf(row, 'id'), rows), isDone: false };
  };
  return (rows, keptAfterPos) => {
    const row = next.get(Math.min(keptAfterPos, Number.MAX_SAFE_INTEGER));
    if (row === undefined) return deleteOfAgents(rows);
    const range = toSealedState(row);
    if (range.donePos < range.endPos) {
      const donePos = Math.min(range.donePos + rows, range.endPos);
      const removed = deletePositions(range, donePos);
      count.run(removed.rows, removed.samples, range.lane, donePos, range.id);
      return { ...removed, isDone: false };
    }
    const step = { rows: 0, bytes: 0, samples: 0, isDone: false };
    let doneLane = range.lane;
    // Looking at a lane costs about as much as deleting a record.
    for (let left = rows; left > 0; left--) {
      const found = lane.get(doneLane, range.toMs);
      if (found === undefined) {
        done.run(range.id);
        return step;
      }
      const laneId = countOf(found, 'id');
      const removed = deleteOfLane(range, laneId, left);
      step.rows += removed.rows;
      step.bytes += removed.bytes;
      step.samples += removed.samples;
      if (removed.rows === left) break;
      left -= removed.rows;
      doneLane = laneId;
    }
    count.run(step.rows, step.samples, doneLane, range.donePos, range.id);
    return step;
  };
}

/** Deletes the records of a range behind its `donePos`, up to a position. */
function prepareDeletePositions(
  prepare: (sql: string) => StatementSync,
): (range: SealedState, toPos: number) => Omit<Deleted, 'isDone'> {
  const chosen = `pos > ? AND pos <= ? AND time_ms >= ? AND time_ms < ? AND ${SEALED_KINDS}`;
  const sums = prepare(
    `SELECT count(*) AS rows, coalesce(sum(length(bytes)), 0) AS bytes, coalesce(sum(samples), 0) AS samples
     FROM records WHERE ${chosen}`,
  );
  const update = prepare(
    `UPDATE lanes SET row_count = row_count - gone.rows, row_bytes = row_bytes - gone.bytes,
       row_samples = row_samples - gone.samples
     FROM (SELECT lane, count(*) AS rows, sum(length(bytes)) AS bytes, sum(samples) AS samples
       FROM records WHERE ${chosen} GROUP BY lane) AS gone
     WHERE lanes.id = gone.lane`,
  );
  const remove = prepare(`DELETE FROM records WHERE ${chosen}`);
  return ({ donePos, fromMs, toMs }, toPos) => {
    const found = sums.get(donePos, toPos, fromMs, toMs);
    const rows = countOf(found, 'rows');
    if (rows > 0) {
      update.run(donePos, toPos, fromMs, toMs);
      remove.run(donePos, toPos, fromMs, toMs);
    }
    return { rows, bytes: countOf(found, 'bytes'), samples: countOf(found, 'samples') };
  };
}

/** A range with what is left to do in it. */
interface SealedState extends SealedRange {
  readonly id: number;
  /** Records up to this position are done, and up to this one they are looked for in the order of positions. */
  readonly donePos: number;
  readonly endPos: number;
  /** Then come the lanes, and those up to this one are done. */
  readonly lane: number;
}

function toSealedState(row: Readonly<Record<string, SQLOutputValue>>): SealedState {
  return {
    id: countOf(row, 'id'),
    fromMs: countOf(row, 'from_ms'),
    toMs: countOf(row, 'to_ms'),
    lastPos: countOf(row, 'last_pos'),
    donePos: countOf(row, 'done_pos'),
    endPos: countOf(row, 'end_pos'),
    lane: countOf(row, 'lane'),
  };
}

function toBlockRow(row: Readonly<Record<string, SQLOutputValue>>): BlockRow {
  return {
    id: countOf(row, 'id'),
    file: textOf(row, 'file'),
    resolution: resolutionOf(textOf(row, 'resolution')),
    fromMs: countOf(row, 'from_ms'),
    toMs: countOf(row, 'to_ms'),
    firstMs: countOf(row, 'first_ms'),
    lastMs: countOf(row, 'last_ms'),
    lastPos: countOf(row, 'last_pos'),
    bytes: countOf(row, 'bytes'),
    samples: countOf(row, 'samples'),
    checksum: countOf(row, 'checksum'),
    madeMs: countOf(row, 'made_ms'),
  };
}

function resolutionOf(text: string): BlockResolution {
  if (text === 'raw' || text === '5m' || text === '1h') return text;
  throw new AppError(
    'STORAGE_UNAVAILABLE',
    `the catalogue has a block of resolution ${JSON.stringify(text)}`,
  );
}
