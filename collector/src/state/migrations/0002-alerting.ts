import type { Migration } from '../database.ts';

/**
 * Incidents, their transitions, and the outbox. Times are UTC milliseconds. A transition, its outbox rows and the
 * state of its rule are always written in one transaction.
 */
export const alertingMigration: Migration = {
  name: 'alerting',
  sql: `
    CREATE TABLE incidents (
      id TEXT PRIMARY KEY,               -- i-<ULID>, hence in order of opening
      instance_key TEXT NOT NULL,        -- hash of rule and identity labels
      rule TEXT NOT NULL,
      kind TEXT NOT NULL,
      severity TEXT NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('open', 'resolved')),
      host_id TEXT,
      host_name TEXT,
      title TEXT NOT NULL,
      description TEXT NOT NULL,
      labels TEXT NOT NULL,              -- JSON object of strings
      value REAL,
      threshold REAL,
      opened_ms INTEGER NOT NULL,
      resolved_ms INTEGER,
      end_reason TEXT,                   -- the evidence, or the decision, that ended it
      previous TEXT                      -- the incident before this one of the same instance
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX incidents_by_status ON incidents (status, id);
    CREATE INDEX incidents_by_host ON incidents (host_id, id);
    CREATE INDEX incidents_by_instance ON incidents (instance_key, id);

    CREATE TABLE transitions (
      id TEXT PRIMARY KEY,               -- ULID; the receivers' key against doubles
      incident_id TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
      sequence INTEGER NOT NULL,         -- 1, 2, … within the incident
      kind TEXT NOT NULL,                -- fired, resolved, closed
      at_ms INTEGER NOT NULL,
      snapshot TEXT NOT NULL,            -- JSON; a notification needs nothing of today
      UNIQUE (incident_id, sequence)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE outbox (
      id INTEGER PRIMARY KEY,
      transition_id TEXT NOT NULL REFERENCES transitions (id) ON DELETE CASCADE,
      incident_id TEXT NOT NULL,
      sequence INTEGER NOT NULL,
      receiver TEXT NOT NULL,
      status TEXT NOT NULL CHECK
        (status IN ('queued', 'sending', 'waiting', 'delivered', 'dead', 'superseded', 'suppressed')),
      attempts INTEGER NOT NULL DEFAULT 0,
      created_ms INTEGER NOT NULL,
      not_before_ms INTEGER NOT NULL,
      last_attempt_ms INTEGER,
      last_error TEXT,                   -- also why a row was suppressed or superseded
      UNIQUE (transition_id, receiver)
    ) STRICT;
    CREATE INDEX outbox_unsent ON outbox (receiver, not_before_ms, id)
      WHERE status IN ('queued', 'waiting', 'sending');
    CREATE INDEX outbox_sending ON outbox (id) WHERE status = 'sending';
    CREATE INDEX outbox_by_incident ON outbox (incident_id, receiver, sequence);

    CREATE TABLE attempts (
      id INTEGER PRIMARY KEY,
      outbox_id INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
      number INTEGER NOT NULL,           -- 1, 2, … within the outbox row
      started_ms INTEGER NOT NULL,
      latency_ms INTEGER,
      outcome TEXT,                      -- delivered, retry, refused, ambiguous; NULL while under way
      status INTEGER,                    -- of the answer
      error TEXT,
      excerpt TEXT                       -- of the answer, at most 512 characters
    ) STRICT;
    CREATE INDEX attempts_by_outbox ON attempts (outbox_id);
    CREATE INDEX attempts_open ON attempts (outbox_id) WHERE outcome IS NULL;

    -- What a rule remembers between two evaluations, one row per object that it watches closely.
    CREATE TABLE rule_instances (
      key TEXT PRIMARY KEY,
      rule TEXT NOT NULL,
      host_id TEXT,
      host_name TEXT,
      labels TEXT NOT NULL,
      phase TEXT NOT NULL CHECK (phase IN ('pending', 'firing')),
      since_ms INTEGER NOT NULL,         -- since when the condition holds
      seen_ms INTEGER NOT NULL,          -- when it was last seen to hold, while pending
      incident_id TEXT REFERENCES incidents (id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX rule_instances_by_incident ON rule_instances (incident_id);
  `,
};
