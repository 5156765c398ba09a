import type { Migration } from '../database.ts';

/** Enrolment tokens, hosts and their inventory. */
export const fleetMigration: Migration = {
  name: 'fleet',
  sql: ``,
};
