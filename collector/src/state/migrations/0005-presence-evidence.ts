import type { Migration } from '../database.ts';

/** Spans in which a host ran although nobody saw it; they correct what presence_history says. */
export const presenceEvidenceMigration: Migration = {
  name: 'presence-evidence',
  sql: `
    CREATE TABLE presence_evidence (
      host_id TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
      from_ms INTEGER NOT NULL,
      to_ms INTEGER NOT NULL,
      -- 'records': it measured in this span, told later. 'uptime': it had been running that long when it came back.
      proof TEXT NOT NULL,
      PRIMARY KEY (host_id, proof, from_ms)
    ) STRICT, WITHOUT ROWID;
  `,
};
