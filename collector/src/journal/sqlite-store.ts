/** The journal's database on node:sqlite. Statements are prepared once; a commit is one synchronous transaction. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { decodeSchema, type HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { openDatabase, type Database } from '../state/database.ts';
import { decodeBootTimes } from './boot-time.ts';
import { prepareBlockWrites, type BlockChange, type BlockWrites, type DeletedAgent } from './blocks.ts';
import { JOURNAL_LIMITS } from './limits.ts';
import { JOURNAL_MIGRATIONS } from './migrations.ts';
import type { JournalChanges } from './changes.ts';
import { blobOf, countOf, numberOf, textOf } from './columns.ts';
import type { SchemaCache } from './schema-cache.ts';
import { prepareWrites, type Writes } from './sqlite-writes.ts';
import type {
  CommitBatch,
  Deleted,
  OwnStore,
  PruneStep,
  RecordRow,
  SchemaNumber,
  StoredLane,
  StoreTotals,
} from './store.ts';

/** Pages in the write-ahead log before they move into the database: 16 MiB, so that hot pages move once. */
const CHECKPOINT_PAGES = 4_096;

type Row = Readonly<Record<string, SQLOutputValue>>;

interface Reads {
  readonly lanes: StatementSync;
  readonly crc: StatementSync;
  readonly inForce: StatementSync;
  readonly number: StatementSync;
  readonly schemaBytes: StatementSync;
  readonly lost: StatementSync;
  readonly samplesAfter: StatementSync;
}

interface SqliteStoreOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly newStoreId: string;
  readonly schemas: SchemaCache;
  readonly changes?: JournalChanges | undefined;
}

/**
 * Opens or creates the database.
 * @param path a file, or `:memory:` where nobody else reads it
 * @param newStoreId 32 hexadecimal digits, used when the database is new
 * @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW
 */
export function openSqliteStore(options: SqliteStoreOptions): OwnStore {
  return new SqliteStore(options);
}

class SqliteStore implements OwnStore {
  readonly storeId: string;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #schemas: SchemaCache;
  readonly #changes: JournalChanges | undefined;
  #database: Database;
  /** By which it reads: that of the database, or one of its own after `reopenToRead`. */
  #connection: DatabaseSync;
  #reads: Reads;
  #writes: Writes;
  #blocks: BlockWrites;

  constructor(options: SqliteStoreOptions) {
    this.#path = options.path;
    this.#clock = options.clock;
    this.#changes = options.changes;
    this.#schemas = options.schemas;
    this.#database = openJournalDatabase(this.#path);
    const { connection } = this.#database;
    this.#connection = connection;
    connection
      .prepare(`INSERT INTO meta (key, value) VALUES ('store_id', ?) ON CONFLICT (key) DO NOTHING`)
      .run(options.newStoreId);
    this.storeId = textOf(
      connection.prepare(`SELECT value FROM meta WHERE key = 'store_id'`).get() ?? {},
      'value',
    );
    this.#reads = prepareReads(connection);
    this.#writes = prepareWrites(this.#database);
    this.#blocks = prepareBlockWrites(connection);
  }

  totals(): StoreTotals {
    const connection = this.#connection;
    const lanes = connection
      .prepare(
        `SELECT coalesce(sum(row_count), 0) AS row_count, coalesce(sum(row_bytes), 0) AS row_bytes,
          coalesce(sum(row_samples), 0) AS row_samples, coalesce(max(id), 0) AS last_lane FROM lanes`,
      )
      .get();
    const pos = connection.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'records'`).get();
    const newest = connection.prepare(`SELECT received_ms FROM records ORDER BY pos DESC LIMIT 1`).get();
    return {
      rows: countOf(lanes, 'row_count'),
      bytes: countOf(lanes, 'row_bytes'),
      samples: countOf(lanes, 'row_samples'),
      lastLaneId: countOf(lanes, 'last_lane'),
      lastPos: countOf(pos, 'seq'),
      newestReceivedMs: countOf(newest, 'received_ms'),
    };
  }

  lanesOf(agentId: string): readonly StoredLane[] {
    return this.#reads.lanes.all(agentId).map(toLane);
  }

  crcOf(laneId: number, seq: number): number | undefined {
    const row = this.#reads.crc.get(laneId, seq);
    return row === undefined ? undefined : countOf(row, 'crc');
  }

  schemasInForce(laneId: number): readonly SchemaNumber[] {
    return this.#reads.inForce.all(laneId).map((row) => this.#toSchemaNumber(row));
  }

  schemaNumber(laneId: number, number: number): SchemaNumber | undefined {
    const row = this.#reads.number.get(laneId, number);
    return row === undefined ? undefined : this.#toSchemaNumber(row);
  }

  lostSamples(agentId: string): ReadonlyMap<number, number> {
    const rows = this.#reads.lost.all(agentId);
    return new Map(rows.map((row) => [countOf(row, 'reason'), countOf(row, 'samples')]));
  }

  commit(batch: CommitBatch): Promise<void> {
    return this.#change(() => this.#writes.write(batch));
  }

  samplesAfter(pos: number): ReturnType<OwnStore['samplesAfter']> {
    return this.#reads.samplesAfter.all(pos).map((row) => ({
      ...toRecord(row),
      agentId: textOf(row, 'agent'),
      epochId: textOf(row, 'epoch'),
    }));
  }

  prune(olderThanMs: number, rows: number, keptAfterPos: number): Promise<PruneStep> {
    return this.#delete(() => this.#writes.prune(olderThanMs, rows, keptAfterPos));
  }

  changeBlocks(change: BlockChange): Promise<void> {
    return this.#change(() => this.#blocks.change(change));
  }

  deleteAgent(agent: DeletedAgent): Promise<void> {
    return this.#change(() => this.#blocks.deleteAgent(agent));
  }

  deleteSealed(rows: number, keptAfterPos: number): Promise<PruneStep> {
    return this.#delete(() => this.#blocks.deleteSealed(rows, keptAfterPos));
  }

  // oxlint-disable-next-line typescript/require-await -- asynchronous at the border; see store.ts
  async reopen(): Promise<void> {
    this.#close();
    try {
      this.#database = openJournalDatabase(this.#path);
      this.#connection = this.#database.connection;
      this.#reads = prepareReads(this.#connection);
      this.#writes = prepareWrites(this.#database);
      this.#blocks = prepareBlockWrites(this.#connection);
      this.#transaction(() => this.#writes.probe());
    } catch (error) {
      throw new AppError('STORAGE_UNAVAILABLE', `write to ${this.#path}: ${describeError(error)}`, {
        cause: error,
        isRetryable: true,
      });
    }
  }

  // oxlint-disable-next-line typescript/require-await -- asynchronous at the border; see store.ts
  async close(): Promise<void> {
    this.#close();
  }

  probe(): Promise<void> {
    return this.#change(() => this.#writes.probe());
  }

  reopenToRead(): void {
    const connection = new DatabaseSync(this.#path, { readOnly: true, timeout: 5_000 });
    try {
      this.#reads = prepareReads(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#close();
    this.#connection = connection;
  }

  #close(): void {
    if (this.#connection.isOpen) this.#connection.close();
    this.#database.close();
  }

  /** A deletion, with the time that it took. */
  async #delete(work: () => Deleted): Promise<PruneStep> {
    const startMs = this.#clock.monoMs();
    const deleted = await this.#change(work);
    return { ...deleted, tookMs: this.#clock.monoMs() - startMs };
  }

  // oxlint-disable-next-line typescript/require-await -- what fails rejects
  async #change<T>(work: () => T): Promise<T> {
    return this.#transaction(work);
  }

  #transaction<T>(work: () => T): T {
    try {
      return this.#database.transaction(work);
    } finally {
      this.#changes?.add();
    }
  }

  #toSchemaNumber(row: Row): SchemaNumber {
    const hash = blobOf(row, 'hash').toString('hex');
    return {
      number: countOf(row, 'number'),
      schema: this.#schemas.get(hash) ?? this.#readSchema(countOf(row, 'schema')),
      declaredSeq: countOf(row, 'declared_seq'),
      firstMs: numberOf(row, 'first_ms'),
      lastMs: numberOf(row, 'last_ms'),
    };
  }

  /** The bytes are asked for by themselves: a whole fleet that logs in has the same schemas, kilobytes each. */
  #readSchema(schemaId: number): HashedSchema {
    const bytes = blobOf(this.#reads.schemaBytes.get(schemaId) ?? {}, 'bytes');
    // The permissive rules: the schema was judged by its origin's rules when it came.
    return this.#schemas.intern(decodeSchema(bytes, 'collector'));
  }
}

function openJournalDatabase(path: string): Database {
  const database = openDatabase(path, JOURNAL_MIGRATIONS);
  database.connection.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  return database;
}

function prepareReads(connection: DatabaseSync): Reads {
  const schemaColumns = `n.number, n.schema, n.declared_seq, n.first_ms, n.last_ms, s.hash`;
  return {
    lanes: connection.prepare(`SELECT * FROM lanes WHERE agent = ? ORDER BY id`),
    crc: connection.prepare(`SELECT crc FROM records WHERE lane = ? AND seq = ?`),
    // SQLite takes the other columns of a group with max() from the row of the maximum.
    inForce: connection.prepare(
      `SELECT ${schemaColumns}, max(n.declared_seq) FROM schema_numbers n JOIN schemas s ON s.id = n.schema
       WHERE n.lane = ? GROUP BY n.sampler ORDER BY n.declared_seq`,
    ),
    number: connection.prepare(
      `SELECT ${schemaColumns} FROM schema_numbers n JOIN schemas s ON s.id = n.schema
       WHERE n.lane = ? AND n.number = ?`,
    ),
    schemaBytes: connection.prepare(`SELECT bytes FROM schemas WHERE id = ?`),
    lost: connection.prepare(
      `SELECT g.reason, sum(g.samples) AS samples FROM gaps g JOIN lanes l ON l.id = g.lane
       WHERE l.agent = ? GROUP BY g.reason`,
    ),
    samplesAfter: connection.prepare(
      `SELECT r.*, l.agent, l.epoch FROM records r JOIN lanes l ON l.id = r.lane
       WHERE r.pos > ? AND r.kind = 1 ORDER BY r.pos LIMIT ${JOURNAL_LIMITS.groupRecords * 20}`,
    ),
  };
}

function toLane(row: Row): StoredLane {
  return {
    id: countOf(row, 'id'),
    agentId: textOf(row, 'agent'),
    epochId: textOf(row, 'epoch'),
    bootId: textOf(row, 'boot'),
    watermark: countOf(row, 'watermark'),
    crc: numberOf(row, 'crc'),
    ticks: countOf(row, 'ticks'),
    samples: countOf(row, 'samples'),
    isEstimated: row['is_estimated'] === 1,
    applied: countOf(row, 'applied'),
    rejected: countOf(row, 'rejected'),
    gapped: countOf(row, 'gapped'),
    refusedBlocks: countOf(row, 'refused_blocks'),
    firstMs: numberOf(row, 'first_ms'),
    lastMs: numberOf(row, 'last_ms'),
    offsetMsMax: countOf(row, 'offset_ms_max'),
    bootTimes: decodeBootTimes(row['boot_times']),
    isClosed: row['is_closed'] === 1,
  };
}

function toRecord(row: Row): RecordRow {
  return {
    pos: countOf(row, 'pos'),
    laneId: countOf(row, 'lane'),
    seq: countOf(row, 'seq'),
    timeMs: countOf(row, 'time_ms'),
    receivedMs: countOf(row, 'received_ms'),
    kind: countOf(row, 'kind'),
    crc: countOf(row, 'crc'),
    samples: countOf(row, 'samples'),
    bytes: blobOf(row, 'bytes'),
  };
}
