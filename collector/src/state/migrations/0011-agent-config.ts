import type { Migration } from '../database.ts';

/**
 * Settings of agents: what is wanted of all of them and how far it is rolled out, what is wanted of single hosts beyond
 * that, and what each agent was offered and said to it. Settings and lists are JSON; `change` counts what people did.
 */
export const agentConfigMigration: Migration = {
  name: 'settings of agents',
  sql: `
    CREATE TABLE agent_config_fleet (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      change INTEGER NOT NULL,
      stage TEXT NOT NULL,
      released TEXT NOT NULL,
      wanted TEXT NOT NULL,
      ring TEXT NOT NULL
    ) STRICT;
    INSERT INTO agent_config_fleet VALUES (1, 0, 'done', '{}', '{}', '[]');

    CREATE TABLE agent_config_wanted (
      host_id TEXT PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
      settings TEXT NOT NULL,
      change INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX agent_config_wanted_by_change ON agent_config_wanted (change);

    CREATE TABLE agent_config_offers (
      host_id TEXT PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
      version INTEGER NOT NULL,
      settings TEXT NOT NULL,
      state TEXT NOT NULL,
      reason TEXT NOT NULL,
      text TEXT NOT NULL,
      changed_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
