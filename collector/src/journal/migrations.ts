import type { Migration } from '../state/database.ts';

/**
 * Tables of journal.db. A lane is one epoch of one agent: rows refer to it by a small integer. Times are UTC
 * milliseconds. docs/storage-format.md describes them.
 */
export const JOURNAL_MIGRATIONS: readonly Migration[] = [
  {
    name: 'journal',
    sql: `
      CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE lanes (
        id INTEGER PRIMARY KEY,
        agent TEXT NOT NULL,
        epoch TEXT NOT NULL,
        boot TEXT NOT NULL,
        -- Everything up to here is accounted for, and the checksum of that record; NULL when a gap ends there.
        watermark INTEGER NOT NULL,
        crc INTEGER,
        -- Cumulative counts at the watermark, in the agent's way of counting; a gap's loss is told by them.
        ticks INTEGER NOT NULL,
        samples INTEGER NOT NULL,
        is_estimated INTEGER NOT NULL,
        -- watermark = applied + rejected + gapped, always.
        applied INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        gapped INTEGER NOT NULL,
        refused_blocks INTEGER NOT NULL,
        first_ms INTEGER,
        last_ms INTEGER,
        -- Largest distance of a block's reading from its record's time.
        offset_ms_max INTEGER NOT NULL,
        is_closed INTEGER NOT NULL,
        -- What the table of records holds of this lane now.
        row_count INTEGER NOT NULL,
        row_bytes INTEGER NOT NULL,
        row_samples INTEGER NOT NULL,
        oldest_ms INTEGER,
        UNIQUE (agent, epoch)
      ) STRICT;
      CREATE INDEX lanes_by_oldest ON lanes (oldest_ms);

      -- AUTOINCREMENT, because a position that is used twice would fool whoever follows the journal with a cursor.
      CREATE TABLE records (
        pos INTEGER PRIMARY KEY AUTOINCREMENT,
        lane INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        received_ms INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        crc INTEGER NOT NULL,
        samples INTEGER NOT NULL,
        bytes BLOB NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX records_by_seq ON records (lane, seq);
      CREATE INDEX records_by_time ON records (lane, time_ms);

      CREATE TABLE gaps (
        lane INTEGER NOT NULL,
        from_seq INTEGER NOT NULL,
        to_seq INTEGER NOT NULL,
        reason INTEGER NOT NULL,
        is_estimated INTEGER NOT NULL,
        ticks INTEGER NOT NULL,
        samples INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        received_ms INTEGER NOT NULL,
        PRIMARY KEY (lane, from_seq)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE rejects (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        lane INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        samples INTEGER NOT NULL,
        received_ms INTEGER NOT NULL,
        -- The first bytes of the record, for the newest rejects only.
        head BLOB
      ) STRICT;

      -- Content-addressed: once for the whole fleet.
      CREATE TABLE schemas (
        id INTEGER PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        bytes BLOB NOT NULL
      ) STRICT;

      CREATE TABLE schema_numbers (
        lane INTEGER NOT NULL,
        number INTEGER NOT NULL,
        schema INTEGER NOT NULL,
        sampler TEXT NOT NULL,
        declared_seq INTEGER NOT NULL,
        -- First reading with it, and the newest one rounded up to the hour; NULL while there is none.
        first_ms INTEGER,
        last_ms INTEGER,
        PRIMARY KEY (lane, number)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX schema_numbers_by_schema ON schema_numbers (schema);
    `,
  },
  {
    name: 'blocks',
    sql: `
      -- The block files that are in force; see blocks.ts. A file that has no row here is an orphan.
      CREATE TABLE blocks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        file TEXT NOT NULL UNIQUE,
        resolution TEXT NOT NULL,
        -- The window that it was made for, and the first and last reading in it.
        from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        -- Newest record in it; of two samples of one time the one from the older block counts.
        last_pos INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        samples INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        made_ms INTEGER NOT NULL
      ) STRICT;

      -- Schemas that a block refers to.
      CREATE TABLE block_schemas (
        block INTEGER NOT NULL,
        schema INTEGER NOT NULL,
        PRIMARY KEY (block, schema)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX block_schemas_by_schema ON block_schemas (schema);

      -- Records that a block has replaced: nobody reads them any more, and they are deleted in small steps.
      CREATE TABLE sealed (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        from_ms INTEGER NOT NULL,
        to_ms INTEGER NOT NULL,
        last_pos INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        samples INTEGER NOT NULL,
        -- Lanes up to this one are done.
        lane INTEGER NOT NULL
      ) STRICT;
    `,
  },
  {
    name: 'deleted agents',
    sql: `
      -- Whose records are deleted, and whose samples leave the blocks that were made before.
      CREATE TABLE deleted_agents (
        agent TEXT PRIMARY KEY,
        deleted_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    name: 'deletion by position',
    sql: `
      -- Records up to this position are deleted, and up to this one they are looked for by position; then the lanes follow.
      ALTER TABLE sealed ADD COLUMN done_pos INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE sealed ADD COLUMN end_pos INTEGER NOT NULL DEFAULT 0;
    `,
  },
  {
    name: 'boot times',
    sql: `
      -- When the boot clock of the epoch's machine was 0, as measured at logins: JSON, see boot-time.ts. NULL: never.
      ALTER TABLE lanes ADD COLUMN boot_times TEXT;
    `,
  },
  {
    name: 'loose files',
    sql: `
      -- Block files that belong to nobody and may be removed: those that were about to be made, and those that are no longer in force.
      -- Any other file that has no row in blocks is of another time of this store, and is kept.
      CREATE TABLE loose_files (
        file TEXT PRIMARY KEY
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    name: 'replaced files',
    sql: `
      -- 1: it was in force; 0: it was about to be made, and may be all that is left of blocks that a later journal has let go.
      ALTER TABLE loose_files ADD COLUMN is_replaced INTEGER NOT NULL DEFAULT 0;
    `,
  },
];
