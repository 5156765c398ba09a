/** Looks whether a store, or a backup of one, is what was written: checksums, catalogue against files, counts. */
import { join } from 'node:path';
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { BlockRow } from '../../../journal/blocks.ts';
import { openJournalReader, type JournalReader, type JournalSnapshot } from '../../../journal/reader.ts';
import { storedBody } from '../../../journal/stored-body.ts';
import { SchemaCache } from '../../../journal/schema-cache.ts';
import { blocksOfAnother, isBlockName, isOfBlocks } from '../blocks/block-name.ts';
import { databaseProblems } from './databases.ts';
import { BlockReader } from '../format/reader.ts';
import { BLOCKS_DIR, isBackup, readManifest } from './backup.ts';

export interface VerifyReport {
  readonly blocks: number;
  readonly blockSamples: number;
  readonly journalRows: number;
  readonly journalSamples: number;
  /** What is wrong, each a line; none when all is well. */
  readonly problems: readonly string[];
  /** Files that the catalogue does not name; a collector removes them, or puts them aside, and makes some while it works. */
  readonly orphans: readonly string[];
  /** Whole blocks of which the journal knows nothing: a collector puts them aside. */
  readonly unknown: readonly string[];
}

/**
 * Reads everything; a collector may work on the folder meanwhile.
 * @param options.progress called after each block
 * @throws AppError DISK_FAILED, STORAGE_UNAVAILABLE when the journal cannot be opened at all
 */
export function verify(options: {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly progress: (done: number, all: number) => void;
}): VerifyReport {
  const { dataDir, disk, progress } = options;
  const journalFile = join(dataDir, 'journal.db');
  const problems = databaseProblems(journalFile).map((text) => `journal.db: ${text}`);
  problems.push(...backupProblems(options));
  const reader = openJournalReader({ path: journalFile, schemas: new SchemaCache() });
  const snapshot = reader.snapshot();
  try {
    const rows = snapshot.blocks();
    let blockSamples = 0;
    for (const [at, row] of rows.entries()) {
      problems.push(...blockProblems(row, { ...options, snapshot }));
      if (row.resolution === 'raw') blockSamples += row.samples;
      progress(at + 1, rows.length);
    }
    const counts = snapshot.counts();
    for (const { pos, agentId, timeMs, bytes } of snapshot.ticksAfter(0, snapshot.lastPos)) {
      if (storedBody(bytes) === undefined)
        problems.push(
          `journal.db: record ${pos} of host ${agentId} from ${new Date(timeMs).toISOString()} is damaged`,
        );
    }
    if (counts.rows !== counts.laneRows || counts.samples !== counts.laneSamples) {
      problems.push(
        `journal.db: it holds ${counts.rows} records with ${counts.samples} samples, its lanes say ${counts.laneRows} and ${counts.laneSamples}`,
      );
    }
    const { lost, ...others } = otherFiles({ dir: join(dataDir, BLOCKS_DIR), disk, reader });
    if (lost > 0)
      problems.push(`journal.db: it is new, and knows none of the ${lost} block files in ${BLOCKS_DIR}`);
    const { rows: journalRows, samples: journalSamples } = counts;
    return { blocks: rows.length, blockSamples, journalRows, journalSamples, problems, ...others };
  } finally {
    snapshot.close();
    reader.close();
  }
}

/** Files that the catalogue does not name, and how many are of another journal when this one is new. */
function otherFiles({
  dir,
  disk,
  reader,
}: {
  readonly dir: string;
  readonly disk: Disk;
  readonly reader: JournalReader;
}): Pick<VerifyReport, 'orphans' | 'unknown'> & { readonly lost: number } {
  const files = disk.stat(dir) === undefined ? [] : disk.list(dir);
  // Of now: a file is noted before it is made, and forgotten when it is gone.
  const snapshot = reader.snapshot();
  try {
    const named = new Set(snapshot.blocks().map(({ file }) => file));
    const loose = snapshot.looseFiles();
    const others = files.filter((name) => isOfBlocks(name) && !named.has(name));
    const unknown = others.filter(
      (name) => isBlockName(name) && !loose.has(name) && disk.stat(join(dir, name)) !== undefined,
    );
    const orphans = others.filter((name) => !unknown.includes(name));
    return { unknown, orphans, lost: blocksOfAnother(snapshot.blocksVersion, files) };
  } finally {
    snapshot.close();
  }
}

/** What a backup lacks besides blocks; nothing for a data folder. */
function backupProblems({ dataDir, disk }: { readonly dataDir: string; readonly disk: Disk }): string[] {
  if (!isBackup(dataDir, disk)) return [];
  try {
    const { files, databases } = readManifest(dataDir, disk);
    const lacking = [...files, ...databases].filter((name) => disk.stat(join(dataDir, name)) === undefined);
    return lacking.map((name) => `${name}: missing, and backup.json names it`);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [error.message];
  }
}

function blockProblems(
  row: BlockRow,
  {
    dataDir,
    disk,
    snapshot,
  }: { readonly dataDir: string; readonly disk: Disk; readonly snapshot: JournalSnapshot },
): string[] {
  const problems: string[] = [];
  const path = join(dataDir, BLOCKS_DIR, row.file);
  try {
    const file = disk.open(path, 'read');
    try {
      const { sizeBytes } = file;
      if (sizeBytes !== row.bytes) problems.push(`${row.file}: ${sizeBytes} bytes instead of ${row.bytes}`);
      const reader = new BlockReader(
        {
          sizeBytes,
          read(offset, length) {
            const target = Buffer.allocUnsafe(length);
            return target.subarray(0, file.read(target, offset));
          },
        },
        row.file,
      );
      if (reader.checksum !== row.checksum)
        problems.push(`${row.file}: it is another file than the catalogue says`);
      if (reader.sampleCount !== row.samples)
        problems.push(`${row.file}: ${reader.sampleCount} samples instead of ${row.samples}`);
      for (const hash of reader.schemaHashes) {
        if (snapshot.schemaByHash(hash) === undefined)
          problems.push(`${row.file}: schema ${hash} is not in the catalogue`);
      }
      for (const damages of reader.verify()) for (const damage of damages) problems.push(damage.message);
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    problems.push(describeError(error));
  }
  return problems;
}
