/** Where samples are kept: the collector's own store with its blocks, and the stores of others. */
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { plainStores } from '../config/derive.ts';
import type { Config } from '../config/options.ts';
import { BlockSet } from '../storage/embedded/blocks/block-set.ts';
import { BlockKeeper } from '../storage/embedded/sealing/keeper.ts';
import type { Retention } from '../storage/embedded/sealing/plan.ts';
import { threadWorkshop } from '../storage/embedded/sealing/thread-workshop.ts';
import { readElsewhere, type ReadElsewhere } from '../storage/open-reader.ts';
import { openStorage } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';
import { MAIN_STORE, type PlainStore } from '../storage/store-config.ts';
import type { Basics } from './basics.ts';
import { dividedCache } from './cache-memory.ts';
import type { DataDir } from './data-dir.ts';
import type { Fleet } from './fleet.ts';

export interface Stores {
  /** All that can be read; what is appended goes into the journal. */
  readonly storage: Storage;
  /** Where older samples are read when that is not the collector's own store. */
  readonly elsewhere: ReadElsewhere | undefined;
  /** The stores that are written from the journal. */
  readonly fed: readonly { readonly name: string; readonly store: PlainStore }[];
  /** Says that a block file is damaged. */
  readonly damaged: (error: string, file: string) => void;
  /** Why samples cannot move into blocks, for people; undefined when they can. */
  readonly problem: () => string | undefined;
}

/** @throws AppError BAD_CONFIG, STORAGE_UNAVAILABLE */
export function openStores(
  { config, clock, log, randomBytes, onStop }: Basics,
  { journal, reader, schemas, paths, ages }: DataDir,
  { hosts }: Fleet,
): Stores {
  const keeper = new BlockKeeper({
    journal,
    reader,
    workshop: threadWorkshop({ journalFile: paths.journal, dir: paths.blocks }),
    disk: nodeDisk,
    dir: paths.blocks,
    clock,
    agesMs: () => ages.nowMs(),
    log,
    randomBytes,
    settings: { retention: retention(config), reserveBytes: config['disk-reserve'] },
  });
  const damaged = (error: string, file: string): void => log.error('block file is damaged', { file, error });
  const blocks = new BlockSet({ disk: nodeDisk, dir: paths.blocks, damaged });
  onStop(() => blocks.close());
  const fed = plainStores(config);
  const main = fed.find(({ name }) => name === MAIN_STORE)?.store;
  const elsewhere = main === undefined ? undefined : { store: main, recentMs: config['storage-recent'] };
  const own = openStorage('embedded', {
    journal,
    reader,
    schemas,
    // What a deleted host has left is not read any more.
    identityOf: (agentId) => (hosts.get(agentId) === undefined ? undefined : hosts.identityLabels(agentId)),
    clock,
    randomBytes,
    yieldToLoop: nextTurn,
    blocks,
    windowHosts: 'own',
    // What the collector itself still reads, besides the threads: the last samples of pushed series.
    limits: { windowBytes: dividedCache(config['cache-memory']).ownWindow },
  });
  const storage = readElsewhere(own, elsewhere, { clock });
  onStop(() => storage.close());
  keeper.start();
  onStop(() => keeper.stop());
  const problem = (): string | undefined =>
    keeper.failure === undefined ? undefined : `blocks cannot be kept: ${keeper.failure}`;
  return { storage, elsewhere, fed, damaged, problem };
}

function retention(config: Config): Retention {
  const ageMs = {
    raw: config['raw-retention'],
    '5m': config['rollup-5m-retention'],
    '1h': config['rollup-1h-retention'],
  };
  return { ageMs, bytesMax: config['storage-bytes'] };
}
