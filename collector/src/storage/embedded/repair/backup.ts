/**
 * Backs up a data folder while a collector works on it. Block files never change, so those that the backup already has
 * are left alone, and the others become hard links where the backup lies on the same disk. The databases are copied by
 * SQLite. The manifest is written last: a folder without it is no backup.
 */
import { join } from 'node:path';
import { diskErrorCode, type Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import type { BlockRow } from '../../../journal/blocks.ts';
import { openJournalReader } from '../../../journal/reader.ts';
import { SchemaCache } from '../../../journal/schema-cache.ts';
import { copyDatabase } from '../../../state/database.ts';

const MANIFEST_FILE = 'backup.json';
export const BLOCKS_DIR = 'blocks';
const DATABASES = ['journal.db', 'state.db'] as const;
/** What the collector makes anew, or what belongs to a database that is copied as a whole. */
const LEFT_OUT = /^(?:lock\.db|.*\.db-(?:wal|shm|journal)|.*\.tmp)$/;
const SMALL_FILE_BYTES_MAX = 64 * 1024 * 1024;
const COPY_BYTES = 1024 * 1024;
/** A merge may take files away while we look; then everything is looked at again. */
const ATTEMPTS_MAX = 5;

const manifestSchema = z.object({
  format: z.literal(1),
  madeMs: z.number(),
  files: z.array(z.string()),
  blocks: z.array(z.string()),
});
type Manifest = z.infer<typeof manifestSchema>;

export interface BackupResult {
  readonly blocks: number;
  /** Block files that the backup did not have yet, and whether they are links or copies. */
  readonly linked: number;
  readonly copied: number;
}

/**
 * @param options.to the folder of the backup; made when it is missing
 * @throws AppError DISK_FAILED, DATA_DIR_UNUSABLE (there is no store in `from`)
 */
export async function backUp(options: {
  readonly from: string;
  readonly to: string;
  readonly disk: Disk;
  readonly nowMs: number;
}): Promise<BackupResult> {
  const { from, to, disk, nowMs } = options;
  if (disk.stat(join(from, 'journal.db')) === undefined) {
    throw new AppError('DATA_DIR_UNUSABLE', `back up ${from}: there is no journal.db in it`);
  }
  disk.makeDir(join(to, BLOCKS_DIR));
  if (disk.stat(join(to, MANIFEST_FILE)) !== undefined) disk.remove(join(to, MANIFEST_FILE));
  const files = await copySmallFiles(options);
  for (let attempt = 1; ; attempt++) {
    for (const name of DATABASES) {
      if (disk.stat(join(from, name)) === undefined) continue;
      await replaceDatabase({ from: join(from, name), to: join(to, name), disk });
    }
    const blocks = blocksOf(join(to, 'journal.db'));
    try {
      const counts = await addBlocks(blocks, options);
      removeOthers(blocks, options);
      await disk.syncDir(join(to, BLOCKS_DIR));
      const names = blocks.map(({ file }) => file);
      await writeManifest({ format: 1, madeMs: nowMs, files, blocks: names }, { to, disk });
      return { blocks: blocks.length, ...counts };
    } catch (error) {
      if (diskErrorCode(error) !== 'ENOENT' || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** @throws AppError DATA_DIR_UNUSABLE when the folder holds no complete backup */
export function readManifest(dir: string, disk: Disk): Manifest {
  try {
    const text = disk.readFile(join(dir, MANIFEST_FILE), SMALL_FILE_BYTES_MAX).toString('utf8');
    return manifestSchema.parse(JSON.parse(text));
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
  const unfinished = `${to}.tmp`;
  if (disk.stat(unfinished) !== undefined) disk.remove(unfinished);
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
  } finally {
    source.close();
    target.close();
  }
  disk.rename(unfinished, to);
}

async function copySmallFiles({
  from,
  to,
  disk,
}: {
  readonly from: string;
  readonly to: string;
  readonly disk: Disk;
}): Promise<string[]> {
  const names = disk
    .list(from)
    .filter((name) => !LEFT_OUT.test(name) && !DATABASES.some((database) => database === name))
    .filter((name) => disk.stat(join(from, name))?.isDir === false);
  for (const name of names) await copyFile(join(from, name), { to: join(to, name), disk });
  return names;
}

async function replaceDatabase({
  from,
  to,
  disk,
}: {
  readonly from: string;
  readonly to: string;
  readonly disk: Disk;
}): Promise<void> {
  const unfinished = `${to}.tmp`;
  if (disk.stat(unfinished) !== undefined) disk.remove(unfinished);
  await copyDatabase(from, unfinished);
  const file = disk.open(unfinished, 'write');
  await file.sync();
  file.close();
  disk.rename(unfinished, to);
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
  { from, to, disk }: { readonly from: string; readonly to: string; readonly disk: Disk },
): Promise<{ readonly linked: number; readonly copied: number }> {
  let linked = 0;
  let copied = 0;
  for (const { file, bytes } of blocks) {
    const source = join(from, BLOCKS_DIR, file);
    const target = join(to, BLOCKS_DIR, file);
    if (disk.stat(target)?.sizeBytes === bytes) continue;
    if (tryLink(source, target, disk)) {
      linked++;
      continue;
    }
    await copyFile(source, { to: target, disk });
    copied++;
  }
  return { linked, copied };
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
    if (!wanted.has(name)) disk.remove(join(to, BLOCKS_DIR, name));
  }
}

async function writeManifest(
  manifest: Manifest,
  { to, disk }: { readonly to: string; readonly disk: Disk },
): Promise<void> {
  const unfinished = join(to, `${MANIFEST_FILE}.tmp`);
  if (disk.stat(unfinished) !== undefined) disk.remove(unfinished);
  const file = disk.open(unfinished, 'create');
  file.write(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), 0);
  await file.sync();
  file.close();
  disk.rename(unfinished, join(to, MANIFEST_FILE));
  await disk.syncDir(to);
}
