import type { Migration } from '../database.ts';

/** Incidents, their transitions, and the outbox. */
export const alertingMigration: Migration = {
  name: 'alerting',
  sql: ``,
};
