import type { Migration } from '../database.ts';

/**
 * What people do with incidents, what was seen when one opened, and who is told next. Times are UTC milliseconds.
 */
export const onCallMigration: Migration = {
  name: 'on-call',
  sql: `
    -- An acknowledgement lasts as long as the incident, or until ack_until_ms.
    ALTER TABLE incidents ADD COLUMN ack_by TEXT;
    ALTER TABLE incidents ADD COLUMN ack_ms INTEGER;
    ALTER TABLE incidents ADD COLUMN ack_until_ms INTEGER;

    -- Who did it, and what they said; NULL where nobody did.
    ALTER TABLE transitions ADD COLUMN person TEXT;
    ALTER TABLE transitions ADD COLUMN note TEXT;

    CREATE TABLE incident_evidence (
      incident_id TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
      taken_ms INTEGER NOT NULL,
      content TEXT NOT NULL              -- JSON
    ) STRICT, WITHOUT ROWID;

    -- One row for each incident that still escalates: the step that is next, and when.
    CREATE TABLE escalations (
      incident_id TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
      policy TEXT NOT NULL,
      round INTEGER NOT NULL,            -- 0, 1, … times that the steps began again
      step INTEGER NOT NULL,             -- 0, 1, … within the policy
      due_ms INTEGER                     -- NULL while somebody has acknowledged without an end
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX escalations_by_due ON escalations (due_ms) WHERE due_ms IS NOT NULL;

    CREATE TABLE on_call_overrides (
      id TEXT PRIMARY KEY,               -- ULID; of two at one time the later one counts
      schedule TEXT NOT NULL,
      person TEXT NOT NULL,
      from_ms INTEGER NOT NULL,
      to_ms INTEGER NOT NULL,
      author TEXT NOT NULL,
      created_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX on_call_overrides_by_schedule ON on_call_overrides (schedule, to_ms);

    -- What signs the links that leave the collector; made once for each installation.
    CREATE TABLE installation_keys (
      name TEXT PRIMARY KEY,
      key BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
