import type { Migration } from '../database.ts';

/** The key that an agent has offered and not used yet; NULL most of the time. */
export const keyRotationMigration: Migration = {
  name: 'key rotation',
  sql: `
    ALTER TABLE hosts ADD COLUMN next_public_key BLOB;
    CREATE UNIQUE INDEX hosts_by_next_public_key ON hosts (next_public_key) WHERE next_public_key IS NOT NULL;
  `,
};
