import type { Migration } from '../database.ts';

/** Steps that are due and held back, by a silence or the like: they are looked at apart from those that wait for a time. */
export const heldEscalationsMigration: Migration = {
  name: 'escalations that are held back',
  sql: `
    ALTER TABLE escalations ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0;
    DROP INDEX escalations_by_due;
    CREATE INDEX escalations_by_due ON escalations (due_ms) WHERE due_ms IS NOT NULL AND is_held = 0;
    CREATE INDEX escalations_held ON escalations (incident_id) WHERE is_held = 1;
  `,
};
