/** The collector's identity key: agents pin it at enrolment and trust nobody without it. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError, describeError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import {
  exportIdentity,
  generateIdentity,
  importIdentity,
  type Identity,
} from '@rollcall/shared/protocol/identity.ts';

/** Name of the key's file in the data folder. */
export const IDENTITY_FILE = 'identity.key';

/**
 * Reads the collector's key from `dataDir`, or makes it the first time. A damaged key is an error and never replaced:
 * every agent would have to enrol again. The caller holds the lock of the data folder.
 * @throws AppError DATA_DIR_UNUSABLE
 */
export function openIdentity(dataDir: string): Identity {
  const path = join(dataDir, IDENTITY_FILE);
  try {
    return readIdentity(path) ?? createIdentity(path);
  } catch (error) {
    if (error instanceof AppError && error.code === 'DATA_DIR_UNUSABLE') throw error;
    throw new AppError('DATA_DIR_UNUSABLE', `open identity key ${path}: ${describeError(error)}`, {
      cause: error,
    });
  }
}

function readIdentity(path: string): Identity | undefined {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  // Windows has no such bits; there the folder's own access list protects the file.
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `identity key ${path} can be read by other users: chmod 600 it, and enrol again if somebody may have`,
    );
  }
  return importIdentity(pem);
}

/** Writes the whole file under another name first, so that a crash leaves either no key or a good one. */
function createIdentity(path: string): Identity {
  const identity = generateIdentity();
  const draftPath = `${path}.new`;
  const draft = openSync(draftPath, 'w', 0o600);
  try {
    writeSync(draft, exportIdentity(identity));
    fsyncSync(draft);
  } finally {
    closeSync(draft);
  }
  renameSync(draftPath, path);
  syncFolder(dirname(path));
  return identity;
}

function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
