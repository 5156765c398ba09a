/**
 * How the setting `cache-memory` is divided among those who keep samples in memory. The main thread keeps the last samples
 * of pushed series, each reading thread a window of recent readings and the parts of block files that were read lately.
 */

/** Parts of the whole. With the default of 1 GiB a part is a MiB. */
const PARTS = {
  ownWindow: 64,
  // Rules look at the past of all hosts again and again: room for nearly all that they want of ten thousand hosts.
  rulesWindow: 384,
  peopleWindow: 192,
  peopleBlocks: 96,
} as const;
/** Threads that answer people: one goes on while another one cannot be interrupted. */
export const THREADS_FOR_PEOPLE = 2;

const PARTS_IN_ALL =
  PARTS.ownWindow + PARTS.rulesWindow + THREADS_FOR_PEOPLE * (PARTS.peopleWindow + PARTS.peopleBlocks);

/** Bytes for each; what is for people is for one thread. */
export type CacheMemory = Readonly<Record<keyof typeof PARTS, number>>;

/** @param bytes of all together */
export function dividedCache(bytes: number): CacheMemory {
  const share = (parts: number): number => Math.floor((bytes * parts) / PARTS_IN_ALL);
  return {
    ownWindow: share(PARTS.ownWindow),
    rulesWindow: share(PARTS.rulesWindow),
    peopleWindow: share(PARTS.peopleWindow),
    peopleBlocks: share(PARTS.peopleBlocks),
  };
}
