/** Epochs that have taken the place of others, as a start finds them. */
import { join } from 'node:path';
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { INCOMPLETE_FILE, removeFile, removeTree, REPLACES_FILE } from './disk-shelf.ts';

/** The folder of an epoch, with its id. */
export const EPOCH_DIR = /^e-([0-9a-f]{16})$/;
const EPOCH_ID_LENGTH = 16;
const EPOCH_PREFIX_LENGTH = 2;
const NOTE_BYTES_MAX = 4_096;

/**
 * Removes epochs that were about to replace others, and tells which were replaced. The new one is complete if its boot
 * still lasts; if not, both stay, and the collector finds the same readings in both.
 * @returns ids of those that were replaced, by the ids of those that did it; their files are still there
 * @throws AppError DISK_FAILED
 */
export function finishReplacements({
  disk,
  dir,
  bootId,
}: {
  readonly disk: Disk;
  readonly dir: string;
  readonly bootId: string;
}): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const epochDirs = disk.list(dir).filter((name) => EPOCH_DIR.test(name));
  for (const name of epochDirs) {
    const replaces = join(dir, name, REPLACES_FILE);
    if (disk.stat(replaces) !== undefined) {
      const note = disk.readFile(replaces, NOTE_BYTES_MAX).toString();
      const [replaced, boot] = [note.slice(0, EPOCH_ID_LENGTH), note.slice(EPOCH_ID_LENGTH + 1)];
      removeFile(disk, join(dir, name, INCOMPLETE_FILE));
      if (boot === bootId && bootId !== '' && EPOCH_DIR.test(`e-${replaced}`)) {
        found.set(name.slice(EPOCH_PREFIX_LENGTH), replaced);
      } else removeFile(disk, replaces);
    } else if (disk.stat(join(dir, name, INCOMPLETE_FILE)) !== undefined) {
      removeTree(disk, join(dir, name));
    }
  }
  return found;
}

/** What an epoch has replaced, and what that one had, newest first. */
export function replacedBy(id: string, notes: ReadonlyMap<string, string>): readonly string[] {
  const olds: string[] = [];
  for (let old = notes.get(id); old !== undefined && !olds.includes(old); old = notes.get(old))
    olds.push(old);
  return olds;
}
