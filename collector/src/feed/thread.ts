/** The feed's thread: its own connections to the journal and the state, and a feed per store. Started by feed.ts only. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import type { LogFields, Logger, LogLevel } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { openJournalReader } from '../journal/reader.ts';
import { SchemaCache } from '../journal/schema-cache.ts';
import { openState } from '../state/state.ts';
import { openSink, openSliceReader } from '../storage/open-sink.ts';
import { Cursors } from './cursors.ts';
import { FEED_LIMITS } from './limits.ts';
import type { FeedSettings, FromFeed, ToFeed } from './messages.ts';
import { StoreFeed } from './store-feed.ts';

if (parentPort === null) throw new Error('thread.ts is no program of its own');
const port = parentPort;
const settings: FeedSettings = workerData;
// Linux counts this per thread; elsewhere it would be the whole collector that steps back.
if (process.platform === 'linux') setPriority(settings.niceness);
const post = (message: FromFeed): void => port.postMessage(message);
const logAt =
  (level: LogLevel) =>
  (message: string, fields: LogFields = {}): void =>
    post({ kind: 'log', level, message, fields });
const log: Logger = {
  debug: logAt('debug'),
  info: logAt('info'),
  warn: logAt('warn'),
  error: logAt('error'),
};

const reader = openJournalReader({ path: settings.journalFile, schemas: new SchemaCache() });
const state = openState(settings.stateFile);
// A cursor that is lost with the machine's power repeats some batches; that is cheaper than a sync for each.
state.connection.exec('PRAGMA synchronous = NORMAL');
const cursors = new Cursors(state, settings.journalId);
const identities = new Map<string, readonly (readonly [string, string])[]>();
const feeds = settings.stores.map(
  ({ name, store }) =>
    new StoreFeed({
      name,
      sink: openSink(store, { clock: systemClock }),
      source: openSliceReader({ reader, identityOf: (agentId) => identities.get(agentId) }),
      cursors,
      clock: systemClock,
      random: Math.random,
      log,
      yieldToLoop: nextTurn,
    }),
);

let isStopping = false;
port.on('message', (message: ToFeed) => {
  if (message.kind === 'stop') {
    void stop();
    return;
  }
  for (const [id, identity] of message.hosts) {
    if (identity === undefined) identities.delete(id);
    else identities.set(id, identity);
  }
  for (const feed of feeds) feed.start();
});
report();

function report(): void {
  if (isStopping) return;
  post({ kind: 'status', stores: feeds.map((feed) => feed.status()) });
  systemClock.setTimer(FEED_LIMITS.statusMs, report);
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await Promise.all(feeds.map((feed) => feed.stop()));
  post({ kind: 'status', stores: feeds.map((feed) => feed.status()) });
  reader.close();
  state.close();
  post({ kind: 'stopped' });
  port.close();
}
