/** The feed of external stores; see `Feed`. */
import { Cursors } from '../feed/cursors.ts';
import { Feed, feedThreadStarter } from '../feed/feed.ts';
import type { Basics } from './basics.ts';
import type { DataDir } from './data-dir.ts';
import { hostEntries, onHostEntry, type Fleet } from './fleet.ts';
import type { Stores } from './storage.ts';

/** External stores have time, and one that is away costs nothing. */
const NICENESS = 5;
const HEAP_MIB = 512;

/** Writes nothing before it is started. */
export function openFeed(
  { config, clock, log, random, metrics, onStop }: Basics,
  {
    dataDir: { state, journal, paths },
    fleet: { hosts },
    stores: { fed },
  }: { readonly dataDir: DataDir; readonly fleet: Fleet; readonly stores: Stores },
): Feed {
  const thread = {
    journalFile: paths.journal,
    stateFile: paths.state,
    journalId: journal.storeId,
    stores: fed,
    niceness: NICENESS,
  };
  const feed = new Feed({
    stores: fed.map(({ name }) => name),
    cursors: new Cursors(state, journal.storeId),
    journal,
    bufferBytes: config['feed-buffer'],
    clock,
    log,
    random,
    start: feedThreadStarter(thread, { heapMiB: HEAP_MIB }),
    hosts: () => hostEntries(hosts),
    counters: metrics,
  });
  onStop(onHostEntry(hosts, (entry) => feed.hostChanged(entry)));
  onStop(() => feed.close());
  return feed;
}
