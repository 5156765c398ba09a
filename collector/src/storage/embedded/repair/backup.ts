/**
 * Backs up a data folder while a collector works on it. Block files never change, so those that the backup already has
 * are left alone, and the others become hard links where the backup lies on the same disk. The databases are copied by
 * SQLite. The manifest is written last: a folder without it, or with one that says that it is not complete, is no backup.
 */
import { join } from 'node:path';
import { diskErrorCode, type Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import type { BlockRow } from '../../../journal/blocks.ts';
import { openJournalReader } from '../../../journal/reader.ts';
import { SchemaCache } from '../../../journal/schema-cache.ts';
import { isOfBlocks } from '../blocks/block-name.ts';
import { copyDatabase, storeIdOf } from './databases.ts';

const MANIFEST_FILE = 'backup.json';
export const BLOCKS_DIR = 'blocks';
export const JOURNAL = 'journal.db';
const DATABASES = [JOURNAL, 'state.db'] as const;
/** Every data folder has it, and no backup. */
const LOCK_FILE = 'lock.db';
/**
 * What the collector makes anew, what belongs to a database that is copied as a whole, and what only a backup has: a data
 * folder may have been one.
 */
const LEFT_OUT = /^(?:lock\.db|backup\.(?:json|lock)|.*\.db-(?:wal|shm|journal)|.*\.lock-journal|.*\.tmp)$/;
const BESIDE_DATABASE = ['-wal', '-shm', '-journal'] as const;
const UNFINISHED = '.tmp';
const SMALL_FILE_BYTES_MAX = 64 * 1024 * 1024;
const COPY_BYTES = 1024 * 1024;
/** A merge may take files away while we look; then everything is looked at again. */
const ATTEMPTS_MAX = 5;

/** The name of a file in the folder itself: a backup may come from anywhere. */
const fileName = z.string().regex(/^(?!\.{1,2}$)[^/\\\0]+$/, 'must be the name of a file');
const manifestSchema = z.object({
  format: z.literal(1),
  madeMs: z.number(),
  /** Of the journal. @default unknown, in backups of before */
  storeId: z.string().optional(),
  /** Both databases unless it says otherwise. */
  databases: z.array(fileName).default([...DATABASES]),
  files: z.array(fileName),
  blocks: z.array(fileName),
});
type Manifest = z.infer<typeof manifestSchema>;
/** Stands in the place of the manifest while a backup is replaced. */
const unfinishedSchema = z.object({ isComplete: z.literal(false), storeId: z.string().optional() });

export interface BackupResult {
  readonly blocks: number;
  /** Block files that the backup did not have yet, and whether they are links or copies. */
  readonly linked: number;
  readonly copied: number;
  /** Block files that are missing in the store, or are not as long as its catalogue says; all the rest was backed up. */
  readonly harmed: readonly string[];
}

interface Folders {
  readonly from: string;
  readonly to: string;
  readonly disk: Disk;
}

/**
 * What is there already stays a complete backup until everything of the new one lies beside it. Nobody else may work on
 * the folder of the backup meanwhile.
 * @param options.to the folder of the backup; made when it is missing
 * @throws AppError DISK_FAILED, DATA_DIR_UNUSABLE (there is no store in `from`), BAD_CONFIG (see `requireBackupFolder`)
 */
export async function backUp(options: Folders & { readonly nowMs: number }): Promise<BackupResult> {
  const { from, to, disk, nowMs } = options;
  requireBackupFolder(options);
  const storeId = storeIdOf(join(from, JOURNAL));
  disk.makeDir(to);
  // From the first file on the folder says whose it is.
  if (disk.stat(join(to, MANIFEST_FILE)) === undefined)
    await writeManifest({ isComplete: false, storeId }, { to, disk });
  disk.makeDir(join(to, BLOCKS_DIR));
  for (let attempt = 1; ; attempt++) {
    const databases: string[] = DATABASES.filter((name) => disk.stat(join(from, name)) !== undefined);
    for (const name of databases) await prepareDatabase(name, options);
    const blocks = blocksOf(join(to, `${JOURNAL}${UNFINISHED}`));
    try {
      const counts = await addBlocks(blocks, { ...options, isLast: attempt === ATTEMPTS_MAX });
      const files = smallFiles(options);
      for (const name of files)
        await copyFile(join(from, name), { to: join(to, `${name}${UNFINISHED}`), disk });
      await disk.syncDir(join(to, BLOCKS_DIR));
      await writeManifest({ isComplete: false, storeId }, { to, disk });
      for (const name of [...files, ...databases]) replaceBy(`${name}${UNFINISHED}`, name, options);
      removeOthers(blocks, options);
      await disk.syncDir(join(to, BLOCKS_DIR));
      await disk.syncDir(to);
      const names = blocks.map(({ file }) => file).filter((name) => disk.stat(join(to, BLOCKS_DIR, name)));
      await writeManifest(
        { format: 1, madeMs: nowMs, storeId, databases, files, blocks: names },
        { to, disk },
      );
      return { blocks: blocks.length, ...counts };
    } catch (error) {
      if (diskErrorCode(error) === 'ENOENT' && attempt < ATTEMPTS_MAX) continue;
      for (const name of databases) removePrepared(name, options);
      throw error;
    }
  }
}

/**
 * Files of others are never replaced: a folder is fit when it holds an earlier backup of the same store, or nothing that a
 * backup would write.
 * @throws AppError BAD_CONFIG when it is not; DATA_DIR_UNUSABLE when there is no store in `from`
 */
export function requireBackupFolder(folders: Folders): void {
  const { from, to, disk } = folders;
  const attempt = `back up ${from} to ${to}`;
  if (disk.stat(join(from, JOURNAL)) === undefined)
    throw new AppError('DATA_DIR_UNUSABLE', `back up ${from}: there is no ${JOURNAL} in it`);
  const has = (name: string): boolean => disk.stat(join(to, name)) !== undefined;
  if (has(LOCK_FILE))
    throw new AppError('BAD_CONFIG', `${attempt}: that is a data folder itself: choose another one`);
  if (has(MANIFEST_FILE)) {
    const storeId = storeIdOf(join(from, JOURNAL));
    const before = readAnyManifest(to, disk).storeId;
    if (before === undefined || before === storeId) return;
    throw new AppError(
      'BAD_CONFIG',
      `${attempt}: it holds the backup of another store, which would be lost (${before}, this one is ${storeId}): choose another folder, or move it away`,
    );
  }
  const taken = [BLOCKS_DIR, ...DATABASES, ...smallFiles(folders)].filter(has);
  if (taken.length === 0) return;
  throw new AppError(
    'BAD_CONFIG',
    `${attempt}: it holds no backup, but ${taken.join(', ')} of something else: choose an empty folder`,
  );
}

/** Whether a folder is that of a backup, complete or not; a data folder may have been one. */
export function isBackup(dir: string, disk: Disk): boolean {
  return disk.stat(join(dir, MANIFEST_FILE)) !== undefined && disk.stat(join(dir, LOCK_FILE)) === undefined;
}

/** @throws AppError DATA_DIR_UNUSABLE when the folder holds no complete backup */
export function readManifest(dir: string, disk: Disk): Manifest {
  const manifest = readAnyManifest(dir, disk);
  if (!('isComplete' in manifest)) return manifest;
  throw new AppError(
    'DATA_DIR_UNUSABLE',
    `${dir} holds no complete backup: one was begun and not brought to its end: back up again`,
  );
}

function readAnyManifest(dir: string, disk: Disk): Manifest | z.infer<typeof unfinishedSchema> {
  try {
    const text = disk.readFile(join(dir, MANIFEST_FILE), SMALL_FILE_BYTES_MAX).toString('utf8');
    return z.union([unfinishedSchema, manifestSchema]).parse(JSON.parse(text));
  } catch (error) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `${dir} holds no complete backup: ${MANIFEST_FILE} cannot be read: ${describeError(error)}`,
      { cause: error },
    );
  }
}

/** A copy of a file that is durable under its name, or not there. */
export async function copyFile(
  from: string,
  { to, disk }: { readonly to: string; readonly disk: Disk },
): Promise<void> {
  const unfinished = `${to}${UNFINISHED}`;
  removeIfThere(unfinished, disk);
  const source = disk.open(from, 'read');
  const target = disk.open(unfinished, 'create');
  try {
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    for (let offset = 0; ;) {
      const count = source.read(buffer, offset);
      if (count === 0) break;
      target.write(buffer.subarray(0, count), offset);
      offset += count;
    }
    await target.sync();
  } catch (error) {
    removeIfThere(unfinished, disk);
    throw error;
  } finally {
    source.close();
    target.close();
  }
  disk.rename(unfinished, to);
}

function smallFiles({ from, disk }: Pick<Folders, 'from' | 'disk'>): string[] {
  return disk
    .list(from)
    .filter((name) => !LEFT_OUT.test(name) && !DATABASES.some((database) => database === name))
    .filter((name) => disk.stat(join(from, name))?.isDir === false);
}

/** Copies a database to where it waits for the rest. */
async function prepareDatabase(name: string, { from, to, disk }: Folders): Promise<void> {
  const unfinished = `${name}${UNFINISHED}`;
  removePrepared(name, { to, disk });
  // Made here, because SQLite would let everybody read it.
  const file = disk.open(join(to, unfinished), 'create');
  try {
    await copyDatabase(join(from, name), join(to, unfinished));
    await file.sync();
  } catch (error) {
    // Perhaps for want of room: what is of no use must not take any.
    removePrepared(name, { to, disk });
    throw error;
  } finally {
    file.close();
  }
}

function removePrepared(name: string, { to, disk }: Pick<Folders, 'to' | 'disk'>): void {
  for (const left of ['', ...BESIDE_DATABASE]) removeIfThere(join(to, `${name}${UNFINISHED}${left}`), disk);
}

function replaceBy(unfinished: string, name: string, { to, disk }: Folders): void {
  removeBeside(join(to, name), disk);
  disk.rename(join(to, unfinished), join(to, name));
}

/** What is left of a database that was replaced would be taken for news of the one that takes its place. */
export function removeBeside(database: string, disk: Disk): void {
  for (const left of BESIDE_DATABASE) removeIfThere(`${database}${left}`, disk);
}

function removeIfThere(path: string, disk: Disk): void {
  if (disk.stat(path) !== undefined) disk.remove(path);
}

function blocksOf(journalFile: string): readonly BlockRow[] {
  const reader = openJournalReader({ path: journalFile, schemas: new SchemaCache() });
  const snapshot = reader.snapshot();
  try {
    return snapshot.blocks();
  } finally {
    snapshot.close();
    reader.close();
  }
}

async function addBlocks(
  blocks: readonly BlockRow[],
  { from, to, disk, isLast }: Folders & { readonly isLast: boolean },
): Promise<Omit<BackupResult, 'blocks'>> {
  let linked = 0;
  let copied = 0;
  const harmed: string[] = [];
  for (const { file, bytes } of blocks) {
    const source = join(from, BLOCKS_DIR, file);
    const target = join(to, BLOCKS_DIR, file);
    if (disk.stat(target)?.sizeBytes === bytes) continue;
    const found = disk.stat(source);
    if (found?.sizeBytes !== bytes) harmed.push(file);
    // A merge may have taken it away; who looks again and again and never finds it has lost it.
    if (found === undefined && isLast) continue;
    if (tryLink(source, target, disk)) {
      linked++;
      continue;
    }
    await copyFile(source, { to: target, disk });
    copied++;
  }
  return { linked, copied, harmed };
}

/** False where the backup lies on another disk, or on one that knows no links. */
function tryLink(source: string, target: string, disk: Disk): boolean {
  try {
    disk.link(source, target);
    return true;
  } catch (error) {
    if (diskErrorCode(error) === 'ENOENT') throw error;
    return false;
  }
}

function removeOthers(
  blocks: readonly BlockRow[],
  { to, disk }: { readonly to: string; readonly disk: Disk },
): void {
  const wanted = new Set(blocks.map(({ file }) => file));
  for (const name of disk.list(join(to, BLOCKS_DIR))) {
    if (isOfBlocks(name) && !wanted.has(name)) disk.remove(join(to, BLOCKS_DIR, name));
  }
}

async function writeManifest(
  manifest: Manifest | z.infer<typeof unfinishedSchema>,
  { to, disk }: { readonly to: string; readonly disk: Disk },
): Promise<void> {
  const unfinished = join(to, `${MANIFEST_FILE}${UNFINISHED}`);
  removeIfThere(unfinished, disk);
  const file = disk.open(unfinished, 'create');
  file.write(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), 0);
  await file.sync();
  file.close();
  disk.rename(unfinished, join(to, MANIFEST_FILE));
  await disk.syncDir(to);
}
