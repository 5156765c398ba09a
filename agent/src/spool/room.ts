/** How much of the disk the spool may take: the machine belongs to its user. */
import type { DiskSpace } from '@rollcall/shared/lib/disk.ts';

/** What stays free for the user, whichever is more. */
const FREE_RATIO_MIN = 0.05;
const FREE_BYTES_MIN = 512 * 1024 * 1024;
/** Share of the files that stays free. */
const FREE_FILES_RATIO_MIN = 0.01;
/** What the spool takes even then: a day or more of readings, too little to matter. */
export const SPOOL_BYTES_MIN = 8 * 1024 * 1024;

/**
 * Bytes that the spool may hold now.
 * @param heldBytes what it holds already
 * @param maxBytes the most that it may hold on an empty disk
 */
export function roomBytes(
  space: DiskSpace,
  { heldBytes, maxBytes }: { readonly heldBytes: number; readonly maxBytes: number },
): number {
  const floorBytes = Math.max(FREE_BYTES_MIN, space.totalBytes * FREE_RATIO_MIN);
  const spareBytes = Math.floor(space.freeBytes - floorBytes);
  const hasFiles = space.totalFiles === 0 || space.freeFiles >= space.totalFiles * FREE_FILES_RATIO_MIN;
  const growth = hasFiles ? spareBytes : Math.min(0, spareBytes);
  return Math.min(maxBytes, Math.max(SPOOL_BYTES_MIN, heldBytes + growth));
}
