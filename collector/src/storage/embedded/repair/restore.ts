/** Makes a data folder out of a backup. */
import { join } from 'node:path';
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { isBlockName } from '../blocks/block-name.ts';
import { BLOCKS_DIR, copyFile, JOURNAL, readManifest, removeBeside } from './backup.ts';

/** What a file is called until all of them are there; a backup leaves such files out. */
const RESTORED = '.restored.tmp';

export interface RestoreResult {
  /** How many files were copied. */
  readonly files: number;
  /** Blocks that the backup should have and does not: what stands in them is lost, the rest can be read. */
  readonly missing: readonly string[];
}

/**
 * Copies everything; the journal comes last, so a collector does not start on half of it. The backup stays as it is.
 * @param options.to a folder without a store; made when it is missing
 * @throws AppError DISK_FAILED, DATA_DIR_UNUSABLE (no complete backup, or one that lacks more than blocks, or `to` holds a
 *   store already)
 */
export async function restore(options: {
  readonly from: string;
  readonly to: string;
  readonly disk: Disk;
}): Promise<RestoreResult> {
  const { from, to, disk } = options;
  const { files, databases, blocks } = readManifest(from, disk);
  const attempt = `restore ${from} to ${to}`;
  // One that was cut off at its very end has renamed all but the journal, without which the rest is no store.
  const wasCutOff = disk.stat(join(to, `${JOURNAL}${RESTORED}`)) !== undefined;
  const isStore = wasCutOff ? [JOURNAL] : [JOURNAL, 'state.db'];
  if (isStore.some((name) => disk.stat(join(to, name)) !== undefined)) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `${attempt}: there is a store already: choose an empty folder, or move it away`,
    );
  }
  // Those of a restore that was cut off are of this backup; the collector would remove all others.
  const known = new Set(blocks);
  const strangers = blocksIn(join(to, BLOCKS_DIR), disk).filter((name) => !known.has(name));
  if (strangers.length > 0) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `${attempt}: there are ${strangers.length} block files that the backup does not have: choose an empty folder, or move them away`,
    );
  }
  const rest = [...files, ...databases.toReversed()];
  const lacking = rest.filter((name) => disk.stat(join(from, name)) === undefined);
  if (lacking.length > 0) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `${attempt}: the backup lacks ${lacking.join(', ')}, which backup.json names: use another backup`,
    );
  }
  disk.makeDir(join(to, BLOCKS_DIR));
  const missing: string[] = [];
  for (const name of blocks) {
    const source = join(from, BLOCKS_DIR, name);
    if (disk.stat(source) === undefined) missing.push(name);
    else await copyFile(source, { to: join(to, BLOCKS_DIR, name), disk });
  }
  await disk.syncDir(join(to, BLOCKS_DIR));
  // All of it lies there before the first one has its name: a restore that was cut off can be begun again.
  for (const name of rest) await copyFile(join(from, name), { to: join(to, `${name}${RESTORED}`), disk });
  for (const name of databases) removeBeside(join(to, name), disk);
  for (const name of rest) {
    // Whatever is lost with the power then: where the journal is, all the rest is.
    if (name === JOURNAL) await disk.syncDir(to);
    disk.rename(join(to, `${name}${RESTORED}`), join(to, name));
  }
  await disk.syncDir(to);
  return { files: blocks.length - missing.length + rest.length, missing };
}

/**
 * Makes sure that a folder is not one that a restore has left half full: a collector would begin an empty journal in it.
 * @throws AppError DATA_DIR_UNUSABLE
 */
export function requireWholeStore(dir: string, disk: Disk): void {
  const journal = join(dir, JOURNAL);
  if (disk.stat(journal) !== undefined || disk.stat(`${journal}${RESTORED}`) === undefined) return;
  throw new AppError(
    'DATA_DIR_UNUSABLE',
    `data folder ${dir} cannot be used: a restore to it was not brought to its end: restore again`,
  );
}

function blocksIn(dir: string, disk: Disk): readonly string[] {
  return disk.stat(dir) === undefined ? [] : disk.list(dir).filter(isBlockName);
}
