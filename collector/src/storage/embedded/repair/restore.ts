/** Makes a data folder out of a backup. */
import { join } from 'node:path';
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { BLOCKS_DIR, copyFile, readManifest } from './backup.ts';

/**
 * Copies everything; the journal comes last, so a collector does not start on half of it. The backup stays as it is.
 * @param options.to a folder without a store; made when it is missing
 * @returns how many files were copied
 * @throws AppError DISK_FAILED, DATA_DIR_UNUSABLE (no complete backup, or `to` holds a store already)
 */
export async function restore(options: {
  readonly from: string;
  readonly to: string;
  readonly disk: Disk;
}): Promise<number> {
  const { from, to, disk } = options;
  const { files, blocks } = readManifest(from, disk);
  if (disk.stat(join(to, 'journal.db')) !== undefined || disk.stat(join(to, 'state.db')) !== undefined) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `restore to ${to}: there is a store already: choose an empty folder, or move it away`,
    );
  }
  disk.makeDir(join(to, BLOCKS_DIR));
  for (const name of blocks) {
    await copyFile(join(from, BLOCKS_DIR, name), { to: join(to, BLOCKS_DIR, name), disk });
  }
  await disk.syncDir(join(to, BLOCKS_DIR));
  const rest = [...files, 'state.db', 'journal.db'].filter(
    (name) => disk.stat(join(from, name)) !== undefined,
  );
  for (const name of rest) await copyFile(join(from, name), { to: join(to, name), disk });
  await disk.syncDir(to);
  return blocks.length + rest.length;
}
