import type { Migration } from '../database.ts';

/** What a token may be used for; those from before could read and push, and nothing else existed. */
export const accessScopesMigration: Migration = {
  name: 'access scopes',
  sql: `
    ALTER TABLE access_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read,write';
  `,
};
