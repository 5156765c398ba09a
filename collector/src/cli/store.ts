/** `rollcall-collector backup`, `restore`, `verify` and `inspect`: work on the files of the store. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { openJournalReader } from '../journal/reader.ts';
import { SchemaCache } from '../journal/schema-cache.ts';
import { prepareDataDir } from '../state/data-dir.ts';
import { lockBackup, lockDataDir } from '../state/lock.ts';
import {
  backUp,
  BLOCKS_DIR,
  requireBackupFolder,
  type BackupResult,
} from '../storage/embedded/repair/backup.ts';
import { restore } from '../storage/embedded/repair/restore.ts';
import { verify } from '../storage/embedded/repair/verify.ts';
import { table, timeText } from './output.ts';

/** How commands that may succeed in part tell what they did. */
export interface StoreOutput {
  readonly isJson: boolean;
  readonly print: (text: string) => void;
}

/**
 * Backs up while a collector may be running, and prints what was done.
 * @throws AppError DISK_FAILED, DATA_DIR_UNUSABLE, BAD_CONFIG; BLOCK_DAMAGED when blocks are missing or cut off, after all the
 *   rest was backed up; as JSON the result with them was printed before
 */
export async function backUpStore(dataDir: string, to: string, output: StoreOutput): Promise<void> {
  const attempt = `back up ${dataDir} to ${to}`;
  if (isWithin(dataDir, to)) {
    throw new AppError(
      'BAD_CONFIG',
      `${attempt}: that is in the data folder itself: choose one outside of it`,
    );
  }
  // The backup removes files there that it does not know.
  const blocks = join(to, BLOCKS_DIR);
  if (isWithin(dataDir, blocks) || isWithin(blocks, dataDir)) {
    throw new AppError(
      'BAD_CONFIG',
      `${attempt}: its blocks would go to ${blocks}, where the data folder is: choose another one`,
    );
  }
  const folders = { from: dataDir, to, disk: nodeDisk };
  // Before the lock, which is a file there.
  requireBackupFolder(folders);
  nodeDisk.makeDir(to);
  const unlock = lockBackup(to);
  try {
    tellBackup(await backUp({ ...folders, nowMs: systemClock.wallMs() }), { ...folders, ...output });
  } finally {
    unlock();
  }
}

function tellBackup(
  result: BackupResult,
  { from, to, isJson, print }: StoreOutput & { readonly from: string; readonly to: string },
): void {
  const { blocks: count, linked, copied, harmed } = result;
  if (isJson) print(`${JSON.stringify(result)}\n`);
  if (harmed.length > 0) {
    throw new AppError(
      'BLOCK_DAMAGED',
      `backed up ${from} to ${to}, but ${harmed.length} block(s) of the store are missing or cut off:\n  ${harmed.join('\n  ')}`,
    );
  }
  if (isJson) return;
  print(
    `backed up ${from} to ${to}: ${count} blocks, ${linked} of them linked and ${copied} copied this time\n`,
  );
}

/** Whether `path` is the folder or lies in it, also by links; a copy of the database would take its place there. */
function isWithin(folder: string, path: string): boolean {
  const way = relative(realPath(folder), realPath(path));
  // On another drive there is no way.
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The path without links, also when its end does not exist yet. */
function realPath(path: string): string {
  const whole = resolve(path);
  if (existsSync(whole)) return realpathSync(whole);
  const parent = dirname(whole);
  return parent === whole ? whole : join(realPath(parent), basename(whole));
}

/**
 * Makes a data folder out of a backup, and prints what was done.
 * @throws AppError DISK_FAILED, DATA_DIR_UNUSABLE; BLOCK_DAMAGED when blocks were missing, after all the rest was restored; as JSON
 *   the result with them was printed before
 */
export async function restoreStore(
  dataDir: string,
  from: string,
  { isJson, print }: StoreOutput,
): Promise<void> {
  prepareDataDir(dataDir);
  const unlock = lockDataDir(dataDir);
  try {
    const { files, missing } = await restore({ from, to: dataDir, disk: nodeDisk });
    if (isJson) print(`${JSON.stringify({ files, missing })}\n`);
    if (missing.length > 0) {
      throw new AppError(
        'BLOCK_DAMAGED',
        `restored ${files} files from ${from} to ${dataDir}, but ${missing.length} block(s) are missing from the backup, and what they held is lost:\n  ${missing.join('\n  ')}`,
      );
    }
    if (!isJson) print(`restored ${files} files from ${from} to ${dataDir}\n`);
  } finally {
    unlock();
  }
}

/**
 * Reads all of the store and prints what is in it.
 * @param ports.complain is told how far it is
 * @throws AppError BLOCK_DAMAGED with all problems, one a line; as JSON the report was printed before
 */
export function verifyStore(
  dataDir: string,
  {
    isJson,
    print,
    complain,
  }: {
    readonly isJson: boolean;
    readonly print: (text: string) => void;
    readonly complain: (text: string) => void;
  },
): void {
  requireStore(dataDir);
  let shownMs = systemClock.monoMs();
  const report = verify({
    dataDir,
    disk: nodeDisk,
    progress(done, all) {
      const nowMs = systemClock.monoMs();
      if (nowMs - shownMs < PROGRESS_MS) return;
      shownMs = nowMs;
      complain(`verified ${done} of ${all} blocks\n`);
    },
  });
  const { blocks, blockSamples, journalRows, journalSamples, problems, orphans, unknown } = report;
  if (isJson) print(`${JSON.stringify(report)}\n`);
  if (problems.length > 0) {
    throw new AppError(
      'BLOCK_DAMAGED',
      `${problems.length} problem(s) in ${dataDir}:\n  ${problems.join('\n  ')}`,
    );
  }
  if (isJson) return;
  const lines = [
    `${blocks} blocks with ${blockSamples} samples, ${journalRows} records with ${journalSamples} samples in the journal: all well`,
    ...orphans.map((name) => `${name}: belongs to nobody; a collector removes it`),
    ...unknown.map((name) => `${name}: journal.db does not know it; a collector puts it aside`),
  ];
  print(`${lines.join('\n')}\n`);
}

/** Lists the blocks of a store. @throws AppError DATA_DIR_UNUSABLE, STORAGE_UNAVAILABLE */
export function inspectStore(dataDir: string, isJson: boolean): string {
  requireStore(dataDir);
  const reader = openJournalReader({ path: join(dataDir, 'journal.db'), schemas: new SchemaCache() });
  const snapshot = reader.snapshot();
  const blocks = snapshot.blocks();
  snapshot.close();
  reader.close();
  if (isJson) return `${JSON.stringify(blocks)}\n`;
  if (blocks.length === 0) return 'no blocks yet: what is there is in the journal\n';
  const rows = blocks.map(({ resolution, fromMs, toMs, bytes, samples, file }) => [
    resolution,
    timeText(fromMs),
    timeText(toMs),
    String(samples),
    String(bytes),
    samples === 0 ? '' : (bytes / samples).toFixed(2),
    file,
  ]);
  return table(['RESOLUTION', 'FROM', 'TO', 'SAMPLES', 'BYTES', 'BYTES/SAMPLE', 'FILE'], rows);
}

/** Lists what agents declared as lost, told last first. @throws AppError DATA_DIR_UNUSABLE, STORAGE_UNAVAILABLE */
export function inspectLost(dataDir: string, isJson: boolean): string {
  requireStore(dataDir);
  const reader = openJournalReader({ path: join(dataDir, 'journal.db'), schemas: new SchemaCache() });
  const gaps = reader.gaps({ agentId: undefined, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: LOST_MAX });
  reader.close();
  if (isJson) return `${JSON.stringify(gaps)}\n`;
  if (gaps.length === 0) return 'no host lost anything that it told of\n';
  const rows = gaps.map(({ agentId, reason, fromMs, toMs, ticks, samples, isEstimated, receivedMs }) => [
    agentId,
    reason,
    fromMs === null ? 'unknown' : timeText(fromMs),
    toMs === null ? 'unknown' : timeText(toMs),
    String(ticks),
    `${samples}${isEstimated ? ', about' : ''}`,
    timeText(receivedMs),
  ]);
  return table(['HOST', 'REASON', 'FROM', 'TO', 'TICKS', 'SAMPLES', 'TOLD'], rows);
}

/** Gaps that one listing shows; an older one is in the API. */
const LOST_MAX = 10_000;
const PROGRESS_MS = 2_000;

function requireStore(dataDir: string): void {
  if (nodeDisk.stat(join(dataDir, 'journal.db')) !== undefined) return;
  throw new AppError('DATA_DIR_UNUSABLE', `${dataDir} holds no store: there is no journal.db in it`);
}
