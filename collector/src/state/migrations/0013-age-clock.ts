import type { Migration } from '../database.ts';

/** The time by which things were last found to be too old, so that the next process notices a clock that is far from it. */
export const ageClockMigration: Migration = {
  name: 'age clock',
  sql: `
    CREATE TABLE age_clock (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      at_ms INTEGER NOT NULL
    ) STRICT;
  `,
};
