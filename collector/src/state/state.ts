/** The small durable records of the collector: hosts, tokens, inventory, incidents, deliveries. */
import { join } from 'node:path';
import { openDatabase, type Database, type Migration } from './database.ts';
import { accessMigration } from './migrations/0003-access.ts';
import { accessScopesMigration } from './migrations/0004-access-scopes.ts';
import { alertingMigration } from './migrations/0002-alerting.ts';
import { fleetMigration } from './migrations/0001-fleet.ts';
import { ageClockMigration } from './migrations/0013-age-clock.ts';
import { ageDoubtMigration } from './migrations/0014-age-doubt.ts';
import { agentConfigMigration } from './migrations/0011-agent-config.ts';
import { heldEscalationsMigration } from './migrations/0012-held-escalations.ts';
import { feedMigration } from './migrations/0009-feed.ts';
import { keyRotationMigration } from './migrations/0010-key-rotation.ts';
import { onCallMigration } from './migrations/0007-on-call.ts';
import { presenceEvidenceMigration } from './migrations/0005-presence-evidence.ts';
import { suppressionMigration } from './migrations/0006-suppression.ts';

/** In order of release; see `Migration`. */
const MIGRATIONS: readonly Migration[] = [
  fleetMigration,
  alertingMigration,
  accessMigration,
  accessScopesMigration,
  presenceEvidenceMigration,
  suppressionMigration,
  onCallMigration,
  feedMigration,
  keyRotationMigration,
  agentConfigMigration,
  heldEscalationsMigration,
  ageClockMigration,
  ageDoubtMigration,
];

/** @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW */
export function openState(path: string): Database {
  return openDatabase(path, MIGRATIONS);
}

/** The database file within the data folder. */
export function stateFile(dataDir: string): string {
  return join(dataDir, 'state.db');
}
