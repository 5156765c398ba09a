/** `rollcall-agent rotate-key`: asks for a new key before it is due. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Config } from '../config/load.ts';
import { readIdentity } from '../enroll/identity-file.ts';
import { askForNewKey } from '../enroll/key-file.ts';
import { PrivateDir } from '../enroll/private-dir.ts';
import type { Terminal } from './terminal.ts';

/**
 * Touches no key: the agent that runs owns them, and makes the new one when it is started again.
 * @throws AppError BAD_CONFIG when the machine is not enrolled, DATA_DIR_UNUSABLE
 */
export function rotateKey(config: Config, terminal: Terminal): void {
  const dir = PrivateDir.open(config.dataDir);
  if (readIdentity(dir) === undefined) {
    throw new AppError('BAD_CONFIG', 'this machine is not enrolled, so it has no key to change');
  }
  askForNewKey(dir, systemClock.wallMs());
  terminal.print('the agent changes its key when it starts next; if it runs, restart it now\n');
}
