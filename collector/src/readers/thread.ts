/** A reading thread: its own connections to the journal, its own store, its own engine. Started by readers.ts only. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { JournalChanges } from '../journal/changes.ts';
import { openJournalReader } from '../journal/reader.ts';
import { SchemaCache } from '../journal/schema-cache.ts';
import { createAnswers } from '../query/answers.ts';
import { expectedReads } from '../query/expected-reads.ts';
import { QueryLog, watchQuery, type FinishedQuery } from '../query/query-log.ts';
import { createQueryEngine } from '../query/query.ts';
import { followElsewhere } from '../storage/open-reader.ts';
import { openFollowingReader } from '../storage/open.ts';
import { Desk, type DeskPorts } from './desk.ts';
import type { FromThread, HostEntry, ThreadSettings, ToThread } from './messages.ts';
import { PiecePlaces } from './piece-places.ts';

if (parentPort === null) throw new Error('thread.ts is no program of its own');
const port = parentPort;
const settings: ThreadSettings = workerData;
// Linux counts this per thread; elsewhere it would be the whole collector that steps back.
if (process.platform === 'linux') setPriority(settings.niceness);

function post(message: FromThread, moved: readonly ArrayBuffer[] = []): void {
  if (moved.length === 0) port.postMessage(message);
  else port.postMessage(message, [...moved]);
}

/** Only what may be among the slowest of all threads is told. */
const slowest = new QueryLog(systemClock);

function note(query: FinishedQuery): void {
  const kept = slowest.note(query);
  if (kept !== undefined) post({ kind: 'noted', query: kept });
}

/** An hour is sealed ten minutes after its end: what is older than this stands in block files, which are cheap to read. */
const WINDOW_MS = 4_500_000;

/** How often the thread says what it keeps. */
const WINDOW_TOLD_MS = 10_000;

const identities = new Map<string, readonly (readonly [string, string])[]>();
let identitiesVersion = 0;
const own = openFollowingReader({
  reader: openJournalReader({
    path: settings.journalFile,
    schemas: new SchemaCache(),
    changes: new JournalChanges(settings.journalChanges),
  }),
  identityOf: (agentId) => identities.get(agentId),
  identitiesVersion: () => identitiesVersion,
  clock: systemClock,
  yieldToLoop: nextTurn,
  limits: { windowBytes: settings.windowBytes, windowMs: WINDOW_MS },
  memory: settings.memory,
  blocks: {
    disk: nodeDisk,
    dir: settings.blocksDir,
    cacheBytes: settings.blockCacheBytes,
    damaged: (text, file) => post({ kind: 'damaged', text, file }),
  },
});
const storage = followElsewhere(own, settings.elsewhere, { clock: systemClock });
const engine = createQueryEngine({
  storage,
  clock: systemClock,
  limits: settings.limits,
  log: { watch: (query, work) => watchQuery(query, work, { clock: systemClock, note }) },
});
const answers = createAnswers({ engine, storage, extent: () => own.stats(), clock: systemClock });
const places = new PiecePlaces(settings.pieces);
const ports: DeskPorts = { engine, answers, storage: own, places, learn, expect, post };
const desk = new Desk(ports);
port.on('message', (message: ToThread) => void desk.receive(message));
tellWindow(0);

function tellWindow(toldBytes: number): void {
  systemClock.setTimer(
    WINDOW_TOLD_MS,
    () => {
      const bytes = own.windowBytes;
      if (bytes !== toldBytes) post({ kind: 'window', bytes });
      tellWindow(bytes);
    },
    { isBackground: true },
  );
}

function expect(texts: readonly string[]): void {
  own.expect(texts.flatMap(expectedReads));
}

function learn(hosts: readonly HostEntry[]): void {
  identitiesVersion++;
  for (const [agentId, identity] of hosts) {
    if (identity === undefined) identities.delete(agentId);
    else identities.set(agentId, identity);
  }
}
