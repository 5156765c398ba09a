/** Commands that work on the collector's state while it may be running: SQLite lets both in. */
import { openState, stateFile } from '../state/state.ts';
import { prepareDataDir } from '../state/data-dir.ts';
import type { Database } from '../state/database.ts';

/** Opens the state for `work` and closes it again. */
export function withState<T>(dataDir: string, work: (state: Database) => T): T {
  prepareDataDir(dataDir);
  const state = openState(stateFile(dataDir));
  try {
    return work(state);
  } finally {
    state.close();
  }
}
