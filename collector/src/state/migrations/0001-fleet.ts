import type { Migration } from '../database.ts';

/**
 * Enrolment tokens, hosts, their presence and their inventory. Times are UTC milliseconds, ids and hashes hexadecimal.
 */
export const fleetMigration: Migration = {
  name: 'fleet',
  sql: `
    CREATE TABLE enrolment_tokens (
      id TEXT PRIMARY KEY,
      secret_sha256 BLOB NOT NULL,
      created_ms INTEGER NOT NULL,
      expires_ms INTEGER NOT NULL,
      uses_max INTEGER NOT NULL,
      uses INTEGER NOT NULL DEFAULT 0 CHECK (uses <= uses_max),
      creator TEXT NOT NULL,
      revoked_ms INTEGER
    ) STRICT;

    CREATE TABLE hosts (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      public_key BLOB NOT NULL UNIQUE,
      token_id TEXT NOT NULL,
      machine_id TEXT,
      boot_id TEXT,
      os_platform TEXT,
      os_name TEXT,
      os_kernel TEXT,
      os_arch TEXT,
      agent_version TEXT,
      generation INTEGER NOT NULL DEFAULT 0,
      must_rotate_epoch INTEGER NOT NULL DEFAULT 0,
      conflict_ms INTEGER,
      enrolled_ms INTEGER NOT NULL,
      last_seen_ms INTEGER,
      revoked_ms INTEGER
    ) STRICT;

    -- One row per transition; the state holds until the next row of the host.
    CREATE TABLE presence_history (
      id INTEGER PRIMARY KEY,
      host_id TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
      at_ms INTEGER NOT NULL,
      state TEXT NOT NULL,
      reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX presence_history_by_host ON presence_history (host_id, at_ms);

    -- When the collector last watched, so that a crash is not counted as time in which every host kept its state.
    CREATE TABLE presence_watch (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      watched_ms INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE inventory_blobs (
      hash TEXT PRIMARY KEY,
      deflated BLOB NOT NULL
    ) STRICT;

    -- What a section of a host was, from when on.
    CREATE TABLE inventory_history (
      id INTEGER PRIMARY KEY,
      host_id TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
      section TEXT NOT NULL,
      hash TEXT NOT NULL REFERENCES inventory_blobs (hash),
      from_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX inventory_history_by_host ON inventory_history (host_id, section, id);
    CREATE INDEX inventory_history_by_hash ON inventory_history (hash);
  `,
};
