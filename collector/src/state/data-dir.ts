/** The folder that holds everything durable. */
import { accessSync, constants } from 'node:fs';
import { makeFolders } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';

const PRIVATE_MODE = 0o700;

/**
 * Makes sure that the folder exists and can be written.
 * @throws AppError DATA_DIR_UNUSABLE
 */
export function prepareDataDir(path: string): void {
  try {
    makeFolders(path, PRIVATE_MODE);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `data folder ${path} cannot be used: ${describeError(error)}: choose another with --data-dir, or change its owner`,
    );
  }
}
