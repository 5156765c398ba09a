import type { Migration } from '../database.ts';

/** For how long a clock has been doubted: a collector that never runs for half a day would doubt it for ever. */
export const ageDoubtMigration: Migration = {
  name: 'age doubt',
  sql: `
    CREATE TABLE age_doubt (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      -- Where the wall clock was at the last look, and for how long collectors have seen it go on from where it was first.
      wall_ms INTEGER NOT NULL,
      stood_ms INTEGER NOT NULL
    ) STRICT;
  `,
};
