/**
 * The read side of the journal: what storage and feeds see of it. It has read-only connections of its own, so a long
 * read neither waits for commits nor delays them.
 */
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { decodeSchema, type HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import {
  isSealed,
  prepareBlockReads,
  SEALED_KINDS,
  type BlockReads,
  type BlockRow,
  type DeletedAgent,
  type LooseFile,
  type SealedRange,
} from './blocks.ts';
import { prepareBusiestRead, type BusiestRequest, type ToldProcesses } from './busiest.ts';
import type { JournalChanges } from './changes.ts';
import { blobOf, countOf, numberOf, textOf } from './columns.ts';
import { prepareGapRead, type DeclaredGap, type GapsRequest } from './gaps.ts';
import type { SchemaCache } from './schema-cache.ts';

/** One epoch of one agent, as far as it has rows. */
export interface LaneRange {
  readonly laneId: number;
  readonly agentId: string;
  readonly epochId: string;
  /** Times of the oldest and the newest record that is still there. */
  readonly oldestMs: number;
  readonly newestMs: number;
  /** Largest distance of a block's reading from its record's time. */
  readonly offsetMsMax: number;
}

/** A schema in use in a lane. */
export interface SchemaUse {
  readonly laneId: number;
  readonly number: number;
  readonly schema: HashedSchema;
  /** First reading with it, and the newest one rounded up to the hour. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** A tick as it is stored; `bytes` is the whole record. */
export interface StoredTick {
  readonly pos: number;
  readonly timeMs: number;
  readonly bytes: Buffer;
}

/** A record that a block can replace: a tick, or the declaration of a schema, which stands in a table of its own. */
export interface SealableRecord extends StoredTick {
  readonly isTick: boolean;
  readonly samples: number;
}

/** A tick with the lane that it belongs to. */
export interface LaneTick extends StoredTick {
  readonly laneId: number;
  readonly agentId: string;
  readonly epochId: string;
  readonly samples: number;
}

export interface TickRange {
  readonly laneId: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The journal as it was at one moment; later commits and deletions do not change it. One that was asked for as `isLate` throws
 * SnapshotMoved from its methods when the journal has changed since.
 */
export interface JournalSnapshot {
  /** Position of the newest record that was ever stored, 0 when there was none. */
  readonly lastPos: number;
  /** Grows with every change of the catalogue of blocks. */
  readonly blocksVersion: number;
  /** Samples in records that blocks have replaced, but that are not deleted yet. */
  readonly sealedSamples: number;
  /** Block files in force, in order of time; together with the ticks they hold every sample once. */
  blocks(): readonly BlockRow[];
  /** Block files that belong to nobody, by their names; see `BlockReads`. */
  looseFiles(): ReadonlyMap<string, LooseFile>;
  /** Agents that were deleted: their records and blocks go by and by. */
  deletedAgents(): readonly DeletedAgent[];
  /** All lanes that have rows, in order of their ids. */
  lanes(): Iterable<LaneRange>;
  /** All schemas that were ever used in lanes that have rows. */
  schemaUses(): Iterable<SchemaUse>;
  /**
   * Ticks of a lane whose record time is in the range (both ends inclusive) and that no block has replaced, oldest first;
   * those of one time in order of arrival. Read lazily: only one iteration of a snapshot may be under way at a time.
   */
  ticks(range: TickRange): Iterable<StoredTick>;
  /** The same, newest first. */
  ticksBackwards(range: TickRange): Iterable<StoredTick>;
  /** All records of a lane that a block for the range will replace; ordered and read as `ticks`. */
  sealable(range: TickRange): Iterable<SealableRecord>;
  /** Time of the oldest record of a lane from `fromMs` on that a block can replace. */
  oldestSealable(laneId: number, fromMs: number): number | undefined;
  /** What is in the table of records, and what the lanes say is in it. Reads all of it. */
  counts(): {
    readonly rows: number;
    readonly samples: number;
    readonly laneRows: number;
    readonly laneSamples: number;
  };
  /** The schema with a SHA-256 (hexadecimal), undefined when neither a lane nor a block uses it. */
  schemaByHash(hash: string): HashedSchema | undefined;
  /** Records after one position up to another, inclusive, that are still there, of any kind. */
  countAfter(pos: number, toPos: number): number;
  /** Ticks of all lanes after one position up to another, inclusive, in journal order; lazily, as `ticks`. */
  ticksAfter(pos: number, toPos: number): Iterable<LaneTick>;
  /** The schema that a lane has declared under a number, whether a reading used it or not. */
  schemaOf(laneId: number, number: number): HashedSchema | undefined;
  /** Gives the snapshot back. While it is held, the write-ahead log cannot shrink. */
  close(): void;
}

export interface JournalReader {
  /**
   * @param options.isLate asks the database only when something is read from the snapshot, which most queries do not need: what
   *   they look at is in memory. Whoever gets SnapshotMoved then begins anew with a snapshot that is not late
   * @throws AppError STORAGE_UNAVAILABLE
   */
  snapshot(options?: { readonly isLate: boolean }): JournalSnapshot;
  /** Position of the newest record that is durable, 0 before the first; a snapshot costs several times as much. */
  lastPos(): number;
  /** What agents declared as lost, told last first. */
  gaps(request: GapsRequest): readonly DeclaredGap[];
  /** The newest that an agent told of its busiest programs in a span; undefined when it told nothing. */
  busiest(request: BusiestRequest): ToldProcesses | undefined;
  /** Bytes of the database file. */
  fileBytes(): number;
  /** Closes every connection; called once, after the last snapshot was closed. */
  close(): void;
}

/** The journal has changed since the snapshot was taken, and the database was not asked before. */
export class SnapshotMoved extends Error {
  constructor() {
    super('the journal has changed since the snapshot was taken: begin anew');
  }
}

/** Connections kept open between reads. */
const IDLE_CONNECTIONS_MAX = 4;

/** What a snapshot knows before anything else is read from it. */
interface Head {
  readonly lastPos: number;
  readonly blocksVersion: number;
  readonly sealed: readonly (SealedRange & { readonly samples: number })[];
}

/**
 * @param path the file of a journal that is open
 * @param schemas shared with the journal, so that each schema is in memory once
 * @param changes of the journal: as long as they are the same, what was read last is not read again
 * @throws AppError STORAGE_UNAVAILABLE
 */
export function openJournalReader(options: {
  readonly path: string;
  readonly schemas: SchemaCache;
  readonly changes?: JournalChanges;
}): JournalReader {
  const { schemas, changes } = options;
  const idle: Connection[] = [];
  /** With the count of changes from before it was read. */
  let newest: { readonly count: number; readonly head: Head } | undefined;
  const known = (): Head | undefined => (newest?.count === changes?.count ? newest?.head : undefined);
  const acquire = (): Connection => idle.pop() ?? connect(options.path);
  const release = (connection: Connection): void => {
    if (idle.length < IDLE_CONNECTIONS_MAX) idle.push(connection);
    else connection.database.close();
  };
  release(acquire());
  return {
    snapshot({ isLate } = { isLate: false }) {
      const head = isLate ? known() : undefined;
      if (head !== undefined) return new Snapshot({ acquire, release, schemas, head });
      const count = changes?.count;
      const snapshot = new Snapshot({ acquire, release, schemas });
      if (count !== undefined) newest = { count, head: snapshot.head };
      return snapshot;
    },
    lastPos() {
      const head = known();
      if (head !== undefined) return head.lastPos;
      const connection = acquire();
      const row = connection.lastPos.get();
      release(connection);
      return countOf(row, 'pos');
    },
    gaps(request) {
      const connection = acquire();
      const gaps = connection.gaps(request);
      release(connection);
      return gaps;
    },
    busiest(request) {
      const connection = acquire();
      const told = connection.busiest(request);
      release(connection);
      return told;
    },
    fileBytes() {
      const connection = acquire();
      const row = connection.size.get();
      release(connection);
      return countOf(row, 'bytes');
    },
    close() {
      for (const { database } of idle.splice(0)) database.close();
    },
  };
}

interface Connection {
  readonly database: DatabaseSync;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly lastPos: StatementSync;
  readonly lanes: StatementSync;
  readonly schemaUses: StatementSync;
  readonly schema: StatementSync;
  readonly ticks: StatementSync;
  readonly ticksBackwards: StatementSync;
  readonly counts: StatementSync;
  readonly schemaByHash: StatementSync;
  readonly sealable: StatementSync;
  readonly oldestSealable: StatementSync;
  readonly countAfter: StatementSync;
  readonly ticksAfter: StatementSync;
  readonly schemaNumber: StatementSync;
  readonly size: StatementSync;
  readonly blocks: BlockReads;
  readonly gaps: (request: GapsRequest) => readonly DeclaredGap[];
  readonly busiest: (request: BusiestRequest) => ToldProcesses | undefined;
}

const TICKS_SQL = `SELECT pos, time_ms, bytes FROM records WHERE lane = ? AND time_ms BETWEEN ? AND ? AND kind = 1`;

function connect(path: string): Connection {
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    return {
      database,
      begin: database.prepare('BEGIN'),
      commit: database.prepare('COMMIT'),
      // The highest one ever given out: the newest record may be sealed and deleted.
      lastPos: database.prepare(`SELECT seq AS pos FROM sqlite_sequence WHERE name = 'records'`),
      lanes: database.prepare(
        `SELECT id, agent, epoch, oldest_ms, last_ms, offset_ms_max FROM lanes
         WHERE row_count > 0 AND oldest_ms IS NOT NULL AND last_ms IS NOT NULL ORDER BY id`,
      ),
      schemaUses: database.prepare(
        `SELECT n.lane, n.number, n.first_ms, n.last_ms, s.id, s.hash FROM schema_numbers n
         JOIN schemas s ON s.id = n.schema JOIN lanes l ON l.id = n.lane
         WHERE n.first_ms IS NOT NULL AND l.row_count > 0`,
      ),
      schema: database.prepare(`SELECT bytes FROM schemas WHERE id = ?`),
      ticks: database.prepare(`${TICKS_SQL} ORDER BY time_ms, pos`),
      ticksBackwards: database.prepare(`${TICKS_SQL} ORDER BY time_ms DESC, pos DESC`),
      counts: database.prepare(
        `SELECT r.rows, r.samples, l.lane_rows, l.lane_samples FROM
           (SELECT count(*) AS rows, coalesce(sum(samples), 0) AS samples FROM records) r,
           (SELECT coalesce(sum(row_count), 0) AS lane_rows, coalesce(sum(row_samples), 0) AS lane_samples FROM lanes) l`,
      ),
      schemaByHash: database.prepare(`SELECT id FROM schemas WHERE hash = ?`),
      sealable: database.prepare(
        `SELECT pos, time_ms, kind, samples, bytes FROM records
         WHERE lane = ? AND time_ms BETWEEN ? AND ? AND ${SEALED_KINDS} ORDER BY time_ms, pos`,
      ),
      oldestSealable: database.prepare(
        `SELECT time_ms FROM records WHERE lane = ? AND time_ms >= ? AND ${SEALED_KINDS} ORDER BY time_ms LIMIT 1`,
      ),
      countAfter: database.prepare(`SELECT count(*) AS count FROM records WHERE pos > ? AND pos <= ?`),
      ticksAfter: database.prepare(
        `SELECT r.pos, r.lane, r.time_ms, r.samples, r.bytes, l.agent, l.epoch FROM records r
         JOIN lanes l ON l.id = r.lane WHERE r.pos > ? AND r.pos <= ? AND r.kind = 1 ORDER BY r.pos`,
      ),
      schemaNumber: database.prepare(
        `SELECT s.id, s.hash FROM schema_numbers n JOIN schemas s ON s.id = n.schema
         WHERE n.lane = ? AND n.number = ?`,
      ),
      size: database.prepare(
        `SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()`,
      ),
      blocks: prepareBlockReads(database),
      gaps: prepareGapRead(database),
      busiest: prepareBusiestRead(database),
    };
  } catch (error) {
    throw new AppError('STORAGE_UNAVAILABLE', `open ${path} for reading: ${describeError(error)}`, {
      cause: error,
      isRetryable: true,
    });
  }
}

interface SnapshotPorts {
  acquire(this: void): Connection;
  release(this: void, connection: Connection): void;
  readonly schemas: SchemaCache;
  /** What is to be found when the database is asked; unless given it is asked at once. */
  readonly head?: Head;
}

class Snapshot implements JournalSnapshot {
  readonly head: Head;
  readonly #ports: SnapshotPorts;
  /** In a transaction; undefined as long as nothing was read. */
  #open: Connection | undefined;
  /** It was late, and what it knows is not what the database has. */
  #hasMoved = false;
  #isClosed = false;

  constructor(ports: SnapshotPorts) {
    this.#ports = ports;
    this.head = ports.head ?? this.#begin().head;
  }

  get lastPos(): number {
    return this.head.lastPos;
  }

  get blocksVersion(): number {
    return this.head.blocksVersion;
  }

  get sealedSamples(): number {
    return this.head.sealed.reduce((sum, { samples }) => sum + samples, 0);
  }

  get #sealed(): readonly SealedRange[] {
    return this.head.sealed;
  }

  get #connection(): Connection {
    if (this.#isClosed) throw new TypeError('a snapshot is read after it was closed');
    if (this.#hasMoved) throw new SnapshotMoved();
    if (this.#open !== undefined) return this.#open;
    const { connection, head } = this.#begin();
    const isSame = head.lastPos === this.lastPos && head.blocksVersion === this.blocksVersion;
    // Ranges come with a block and go one by one without one.
    this.#hasMoved = !isSame || head.sealed.length !== this.head.sealed.length;
    if (this.#hasMoved) throw new SnapshotMoved();
    return connection;
  }

  /** Begins a transaction; the first read fixes what it sees. */
  #begin(): { readonly connection: Connection; readonly head: Head } {
    const connection = this.#ports.acquire();
    connection.begin.run();
    this.#open = connection;
    const lastPos = countOf(connection.lastPos.get(), 'pos');
    const blocksVersion = connection.blocks.version();
    return { connection, head: { lastPos, blocksVersion, sealed: connection.blocks.sealed() } };
  }

  looseFiles(): ReadonlyMap<string, LooseFile> {
    return this.#connection.blocks.looseFiles();
  }

  deletedAgents(): readonly DeletedAgent[] {
    return this.#connection.blocks.deletedAgents();
  }

  blocks(): readonly BlockRow[] {
    return this.#connection.blocks.blocks();
  }

  *lanes(): Iterable<LaneRange> {
    for (const row of this.#connection.lanes.iterate()) {
      yield {
        laneId: countOf(row, 'id'),
        agentId: textOf(row, 'agent'),
        epochId: textOf(row, 'epoch'),
        oldestMs: countOf(row, 'oldest_ms'),
        newestMs: countOf(row, 'last_ms'),
        offsetMsMax: countOf(row, 'offset_ms_max'),
      };
    }
  }

  *schemaUses(): Iterable<SchemaUse> {
    for (const row of this.#connection.schemaUses.iterate()) {
      yield {
        laneId: countOf(row, 'lane'),
        number: countOf(row, 'number'),
        schema: this.#schema(blobOf(row, 'hash').toString('hex'), countOf(row, 'id')),
        firstMs: numberOf(row, 'first_ms') ?? 0,
        lastMs: numberOf(row, 'last_ms') ?? 0,
      };
    }
  }

  ticks(range: TickRange): Iterable<StoredTick> {
    return readTicks(this.#connection.ticks, range, this.#sealed);
  }

  ticksBackwards(range: TickRange): Iterable<StoredTick> {
    return readTicks(this.#connection.ticksBackwards, range, this.#sealed);
  }

  *sealable({ laneId, fromMs, toMs }: TickRange): Iterable<SealableRecord> {
    for (const row of this.#connection.sealable.iterate(laneId, fromMs, toMs)) {
      const pos = countOf(row, 'pos');
      const timeMs = countOf(row, 'time_ms');
      if (this.#sealed.length > 0 && isSealed(this.#sealed, { timeMs, pos })) continue;
      const isTick = countOf(row, 'kind') === 1;
      yield { pos, timeMs, bytes: blobOf(row, 'bytes'), isTick, samples: countOf(row, 'samples') };
    }
  }

  oldestSealable(laneId: number, fromMs: number): number | undefined {
    const row = this.#connection.oldestSealable.get(laneId, fromMs);
    return row === undefined ? undefined : countOf(row, 'time_ms');
  }

  counts(): ReturnType<JournalSnapshot['counts']> {
    const row = this.#connection.counts.get();
    return {
      rows: countOf(row, 'rows'),
      samples: countOf(row, 'samples'),
      laneRows: countOf(row, 'lane_rows'),
      laneSamples: countOf(row, 'lane_samples'),
    };
  }

  schemaByHash(hash: string): HashedSchema | undefined {
    const known = this.#ports.schemas.get(hash);
    if (known !== undefined) return known;
    const row = this.#connection.schemaByHash.get(Buffer.from(hash, 'hex'));
    return row === undefined ? undefined : this.#schema(hash, countOf(row, 'id'));
  }

  countAfter(pos: number, toPos: number): number {
    return countOf(this.#connection.countAfter.get(pos, toPos), 'count');
  }

  *ticksAfter(pos: number, toPos: number): Iterable<LaneTick> {
    for (const row of this.#connection.ticksAfter.iterate(pos, toPos)) {
      yield {
        pos: countOf(row, 'pos'),
        laneId: countOf(row, 'lane'),
        agentId: textOf(row, 'agent'),
        epochId: textOf(row, 'epoch'),
        timeMs: countOf(row, 'time_ms'),
        samples: countOf(row, 'samples'),
        bytes: blobOf(row, 'bytes'),
      };
    }
  }

  schemaOf(laneId: number, number: number): HashedSchema | undefined {
    const row = this.#connection.schemaNumber.get(laneId, number);
    return row === undefined
      ? undefined
      : this.#schema(blobOf(row, 'hash').toString('hex'), countOf(row, 'id'));
  }

  close(): void {
    this.#isClosed = true;
    const connection = this.#open;
    this.#open = undefined;
    if (connection === undefined) return;
    connection.commit.run();
    this.#ports.release(connection);
  }

  #schema(hash: string, schemaId: number): HashedSchema {
    const known = this.#ports.schemas.get(hash);
    if (known !== undefined) return known;
    const row = this.#connection.schema.get(schemaId);
    if (row === undefined)
      throw new AppError('STORAGE_UNAVAILABLE', `schema ${schemaId} is not in the journal`);
    // The permissive rules: the schema was judged by its origin's rules when it came.
    return this.#ports.schemas.intern(decodeSchema(blobOf(row, 'bytes'), 'collector'));
  }
}

function* readTicks(
  statement: StatementSync,
  { laneId, fromMs, toMs }: TickRange,
  sealed: readonly SealedRange[],
): Iterable<StoredTick> {
  for (const row of statement.iterate(laneId, fromMs, toMs)) {
    const tick = toTick(row);
    if (sealed.length === 0 || !isSealed(sealed, tick)) yield tick;
  }
}

function toTick(row: Readonly<Record<string, SQLOutputValue>>): StoredTick {
  return { pos: countOf(row, 'pos'), timeMs: countOf(row, 'time_ms'), bytes: blobOf(row, 'bytes') };
}
