/** Commands that work on the collector's state while it may be running: SQLite lets both in. */
import { statSync } from 'node:fs';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { openState, stateFile } from '../state/state.ts';
import { prepareDataDir } from '../state/data-dir.ts';
import type { Database } from '../state/database.ts';

/** Opens the state for `work` and closes it again. A folder where no collector ran yet gets a state of its own. */
export function withState<T>(dataDir: string, work: (state: Database) => T): T {
  prepareDataDir(dataDir);
  const state = openState(stateFile(dataDir));
  try {
    return work(state);
  } finally {
    state.close();
  }
}

/**
 * The same for what can only be about a collector that ran there: in another folder there is nothing to show or to change.
 * @throws AppError DATA_DIR_UNUSABLE
 */
export function withKnownState<T>(dataDir: string, work: (state: Database) => T): T {
  if (!isMissing(stateFile(dataDir))) return withState(dataDir, work);
  throw new AppError(
    'DATA_DIR_UNUSABLE',
    `data folder ${dataDir} belongs to no collector: name another with --data-dir`,
  );
}

/** False also where nobody may look: then opening it says so. */
function isMissing(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}
