import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { silentLogger, type Logger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { JournalChanges } from './changes.ts';
import type { SealableJournal } from './journal.ts';
import { openJournal } from './open-journal.ts';
import { openJournalReader } from './reader.ts';
import { SchemaCache } from './schema-cache.ts';
import type { JournalStore } from './store.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from './testing/lane-writer.ts';
import { NOTHING, openHeardSession } from './testing/test-journal.ts';
import { threadedStore } from './threaded-store.ts';

const AGENT = 'a'.repeat(32);
const EPOCH = 'e'.repeat(16);
const SCHEMA = gaugeSchema('cpu', { node_load1: [] });

function open(
  path: string,
  log: Logger = silentLogger,
): {
  readonly journal: SealableJournal;
  readonly store: JournalStore;
  readonly changes: JournalChanges;
} {
  const changes = new JournalChanges();
  const stores: JournalStore[] = [];
  const journal = openJournal({
    path,
    clock: systemClock,
    log,
    randomBytes,
    yieldToLoop: nextTurn,
    changes,
    wrapStore(inner) {
      const threaded = threadedStore(inner, { path, changes, clock: systemClock });
      stores.push(threaded);
      return threaded;
    },
  });
  const [store] = stores;
  if (store === undefined) throw new Error('the journal opened no store');
  return { journal, store, changes };
}

/** @returns the longest time for which the event loop did not come round, in milliseconds */
async function until(isSo: () => boolean): Promise<number> {
  let longestMs = 0;
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 1_000) throw new Error('it never came to pass');
    const startMs = systemClock.monoMs();
    await delay(10);
    longestMs = Math.max(longestMs, systemClock.monoMs() - startMs);
  }
  return longestMs;
}

test('what a thread commits is acknowledged once it is there, and known to readers and to the next start', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, changes } = open(path);
  const { session, heard } = await openHeardSession(journal, AGENT, [EPOCH]);
  const reader = openJournalReader({ path, schemas: new SchemaCache(), changes });
  reader.snapshot().close();
  const lane = new LaneWriter(EPOCH);
  const nowMs = systemClock.wallMs();
  session.apply(EPOCH, lane.schema(1, SCHEMA, nowMs));
  session.apply(EPOCH, lane.tick(nowMs, [valuesBlock(1, SCHEMA, [1.5])]));
  session.apply(EPOCH, lane.gap(nowMs, { to: 7 }));
  await until(() => heard.length > 0);
  expect(heard.at(-1)).toBe(`${EPOCH}:7`);
  expect(reader.lastPos()).toBe(2);
  const snapshot = reader.snapshot();
  expect([...snapshot.ticks({ laneId: 1, fromMs: 0, toMs: nowMs })].map(({ pos }) => pos)).toEqual([2]);
  expect(snapshot.schemaOf(1, 1)?.hash).toBe(SCHEMA.hash);
  snapshot.close();
  const seal = {
    fromMs: 0,
    toMs: nowMs + 1,
    lastPos: 2,
    rows: 2,
    samples: 1,
    foundFromPos: 1,
    foundToPos: 2,
  };
  await journal.changeBlocks({ add: [], remove: [], seal });
  expect(await journal.deleteSealed(new AbortController().signal)).toMatchObject({ rows: 2 });
  expect(journal.stats()).toMatchObject({ rows: 0, samples: 0, commits: 1 });
  reader.close();
  await journal.close();
  const again = open(path);
  const { session: next } = await openHeardSession(again.journal, AGENT, [EPOCH]);
  expect(next.marks[0]?.watermark).toBe(7);
  await again.journal.close();
});

test('a schema is stored however often it is declared, also when it was deleted in between', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, store } = open(path);
  const schemas = [1, 2].map((number) => ({
    laneId: 1,
    number,
    schema: SCHEMA,
    declaredSeq: number,
    firstMs: undefined,
    lastMs: undefined,
  }));
  const connection = new DatabaseSync(path);
  connection.exec('PRAGMA busy_timeout = 5000');
  const stored = (): unknown => connection.prepare('SELECT hash, bytes FROM schemas').all().length;
  await store.commit({ ...NOTHING, schemas: schemas.slice(0, 1) });
  await store.commit({ ...NOTHING, schemas: schemas.slice(1) });
  expect(stored()).toBe(1);
  connection.exec('PRAGMA foreign_keys = OFF; DELETE FROM schema_numbers; DELETE FROM schemas');
  await store.prune(0, 1, 0);
  await store.commit({ ...NOTHING, schemas });
  expect(stored()).toBe(1);
  connection.close();
  await journal.close();
});

test('a change that fails leaves nothing behind, and the next one finds a database that can be written', async () => {
  using dir = tempDir();
  const { journal, store } = open(join(dir.path, 'journal.db'));
  const record = { laneId: 1, seq: 1, timeMs: 0, receivedMs: 0, kind: 1, crc: 0, samples: 1 };
  const rows = [1, Number.NaN].map((pos) => ({ ...record, seq: pos, pos, bytes: Buffer.from('x') }));
  await expect(store.commit({ ...NOTHING, records: rows })).rejects.toThrow(/NOT NULL|constraint/);
  expect(store.totals()).toMatchObject({ lastPos: 0 });
  await store.reopen();
  await store.commit({ ...NOTHING, records: rows.slice(0, 1) });
  expect(store.totals()).toMatchObject({ lastPos: 1 });
  await journal.close();
  await expect(store.commit(NOTHING)).rejects.toThrow('the thread that writes ended');
});

test('while a commit takes seconds everything else goes on, and the journal does when the database is free', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  let probes = 0;
  const { journal } = open(path, { ...silentLogger, debug: () => void probes++ });
  const { session, heard } = await openHeardSession(journal, AGENT, [EPOCH]);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const lane = new LaneWriter(EPOCH);
  session.apply(EPOCH, lane.schema(1, SCHEMA, systemClock.wallMs()));
  // SQLite waits for five seconds.
  expect(await until(() => heard.length > 0)).toBeLessThan(3_000);
  expect([heard, journal.stats().isWritable]).toEqual([['failed'], false]);
  // As long again for whether it can be written by now.
  expect(await until(() => probes > 0)).toBeLessThan(3_000);
  other.exec('ROLLBACK');
  other.close();
  expect(await until(() => journal.stats().isWritable)).toBeLessThan(3_000);
  const { session: next, heard: heardNext } = await openHeardSession(journal, AGENT, [EPOCH]);
  expect(next.marks[0]?.watermark).toBe(0);
  next.apply(EPOCH, new LaneWriter(EPOCH).schema(1, SCHEMA, systemClock.wallMs()));
  await until(() => heardNext.length > 0);
  expect(heardNext).toEqual([`${EPOCH}:1`]);
  await journal.close();
}, 60_000);
