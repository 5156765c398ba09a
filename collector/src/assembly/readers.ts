/** The threads that answer queries: some for people, one for rules. */
import { QueryLog } from '../query/query-log.ts';
import { DEFAULT_LIMITS } from '../query/query.ts';
import type { ThreadSettings } from '../readers/messages.ts';
import { limitsPerThread, Readers, threadStarter } from '../readers/readers.ts';
import type { Basics } from './basics.ts';
import { dividedCache, THREADS_FOR_PEOPLE, type CacheMemory } from './cache-memory.ts';
import type { DataDir } from './data-dir.ts';
import { hostEntries, onHostEntry, type Fleet } from './fleet.ts';
import type { Stores } from './storage.ts';

/** With 2 GiB and more the engine lets garbage grow to four times of what is in use, below that to less than two times. */
const HEAP_MIB = 1_792;

/** For objects that were just made. A thread fills whatever it gets within a minute: up to 192 MiB on large machines. */
const NURSERY_MIB = 96;

type Threads = { readonly threads: number } & Pick<
  ThreadSettings,
  'niceness' | 'windowBytes' | 'memory' | 'blockCacheBytes'
>;

function threadsForPeople({ peopleWindow, peopleBlocks }: CacheMemory): Threads {
  return {
    threads: THREADS_FOR_PEOPLE,
    // Acknowledgements and pages come first on a machine with few cores.
    niceness: 5,
    // Newest readings that a thread keeps as columns, of all hosts that somebody asks about.
    windowBytes: peopleWindow,
    memory: 'columns',
    blockCacheBytes: peopleBlocks,
  };
}

/** A thread of their own, so that people's queries cannot take the places of rules. */
function threadForRules({ rulesWindow }: CacheMemory): Threads {
  return {
    threads: 1,
    niceness: 0,
    windowBytes: rulesWindow,
    memory: 'window',
    blockCacheBytes: 0,
  };
}

export interface QueryThreads {
  readonly forPeople: Readers;
  readonly forRules: Readers;
  /** The slowest queries of both. */
  readonly queryLog: QueryLog;
}

/** Starts no thread yet: each starts with its first question, see `Readers`. */
export function openQueryThreads(
  { config, clock, log, metrics, onStop }: Basics,
  {
    dataDir: { paths, changes },
    fleet: { hosts },
    stores: { elsewhere, damaged },
  }: { readonly dataDir: DataDir; readonly fleet: Fleet; readonly stores: Stores },
): QueryThreads {
  const queryLog = new QueryLog(clock);
  const open = ({ threads, ...thread }: Threads): Readers => {
    const limits = limitsPerThread(threads);
    const settings = {
      ...thread,
      journalFile: paths.journal,
      journalChanges: changes.shared,
      blocksDir: paths.blocks,
      limits,
      elsewhere,
    };
    const readers = new Readers({
      clock,
      log,
      start: threadStarter(settings, { heapMiB: HEAP_MIB, nurseryMiB: NURSERY_MIB }),
      threads,
      limits: { ...limits, concurrentMax: DEFAULT_LIMITS.concurrentMax },
      hosts: () => hostEntries(hosts),
      noted: (query) => queryLog.note(query),
      damaged,
      dropped: () => metrics.increment('rollcall_reader_answers_dropped_total'),
      failed: () => metrics.increment('rollcall_reader_threads_failed_total'),
    });
    onStop(() => readers.close());
    return readers;
  };
  const cache = dividedCache(config['cache-memory']);
  const forPeople = open(threadsForPeople(cache));
  const forRules = open(threadForRules(cache));
  for (const readers of [forPeople, forRules]) {
    onStop(onHostEntry(hosts, (entry) => readers.hostChanged(entry)));
  }
  return { forPeople, forRules, queryLog };
}
