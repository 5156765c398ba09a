/**
 * Keeps two agents out of one spool. On Linux the lock is a socket in the abstract namespace, named after the folder's
 * device and inode: the kernel removes it with the process, so it is never stale and cannot be stolen from an agent that
 * is stopped for a while. On Windows it is a named pipe. Elsewhere there is no lock.
 */
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { AppError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';

export interface SpoolLock {
  release(): void;
}

/**
 * Locks an existing folder until `release` or the end of the process. Seen by the agents of the same network namespace.
 * @throws AppError DATA_DIR_UNUSABLE when another agent has it
 */
export function lockDir(dir: string): Promise<SpoolLock> {
  const name = lockName(dir);
  if (name === undefined) return Promise.resolve({ release: () => {} });
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error) => {
      const message =
        systemErrorCode(error) === 'EADDRINUSE'
          ? `the folder ${dir} is in use by another agent: stop it, or name another folder with --data-dir`
          : `the folder ${dir} cannot be locked (${systemErrorCode(error)})`;
      // The system's message has the name of the socket, which says nothing to people and is no plain text.
      reject(new AppError('DATA_DIR_UNUSABLE', message));
    });
    server.listen(name, () => resolve({ release: () => void server.close() }));
  });
}

function lockName(dir: string): string | undefined {
  const { dev, ino } = statSync(dir, { bigint: true });
  if (process.platform === 'linux') return `\0rollcall-spool-${dev}-${ino}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\rollcall-spool-${dev}-${ino}`;
  return undefined;
}
