/** What block files are called, so that nobody takes the files of others in the folder for them. */
import type { BlockResolution } from '../../../journal/blocks.ts';

/** What a file is called while it is written; nobody reads such a file, and the next sweep removes it. */
export const UNFINISHED_SUFFIX = '.tmp';

/** Folder beside the block files for those that the journal does not know. */
export const ASIDE_DIR = 'unknown';

const ID_BYTES = 8;
const FINISHED = /^(?:raw|5m|1h)-[0-9a-f]{16}\.block$/;

/** A name that no other file has. */
export function newBlockName(resolution: BlockResolution, randomBytes: (count: number) => Buffer): string {
  return `${resolution}-${randomBytes(ID_BYTES).toString('hex')}.block`;
}

/** Whether a file of this name was written to its end as a block. */
export function isBlockName(name: string): boolean {
  return FINISHED.test(name);
}

/** Whether a collector made a file of this name, finished or not; other files in the folder are none of its business. */
export function isOfBlocks(name: string): boolean {
  return isBlockName(name.endsWith(UNFINISHED_SUFFIX) ? name.slice(0, -UNFINISHED_SUFFIX.length) : name);
}

/** Finished files that a process which ended before the first change of the catalogue can have left. */
const FIRST_FILES_MAX = 1;

/**
 * How many of the files are blocks of another journal than this one, which is new; 0 when it is not new, or they may be what
 * a process that ended early has left.
 * @param version of the catalogue
 */
export function blocksOfAnother(version: number, names: readonly string[]): number {
  const found = version > 0 ? 0 : names.filter(isBlockName).length;
  return found > FIRST_FILES_MAX ? found : 0;
}
