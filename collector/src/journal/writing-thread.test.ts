/** What the journal's store does when the thread that writes does what it should not. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { JournalChanges } from './changes.ts';
import type { SealableJournal } from './journal.ts';
import { openJournal } from './open-journal.ts';
import { SchemaCache } from './schema-cache.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { FromStore, ToStore } from './store-messages.ts';
import { NOTHING } from './testing/test-journal.ts';
import { threadedStore } from './threaded-store.ts';
import type { WritingThreadEvents, WritingThreadPort } from './writing-thread.ts';

const DONE: FromStore = { kind: 'done', step: undefined };

/** Stands for a thread; it ends when it is asked to, and does nothing else by itself. */
class FakeThread implements WritingThreadPort {
  readonly events: WritingThreadEvents;
  readonly posted: ToStore[] = [];
  wasKilled = false;
  isClogged = false;

  constructor(events: WritingThreadEvents) {
    this.events = events;
  }

  post(message: ToStore): void {
    if (this.isClogged) throw new Error('it could not be cloned');
    this.posted.push(message);
    if (message.kind === 'close') queueMicrotask(() => this.events.ended(new Error('it was told to')));
  }

  kill(): Promise<void> {
    this.wasKilled = true;
    this.events.ended(new Error('it was killed'));
    return Promise.resolve();
  }
}

function start(folder: string) {
  const path = join(folder, 'journal.db');
  const clock = new FakeClock();
  const changes = new JournalChanges();
  const threads: FakeThread[] = [];
  const inner = openSqliteStore({ path, clock, newStoreId: 'a', schemas: new SchemaCache(), changes });
  const store = threadedStore(inner, {
    path,
    changes,
    clock,
    start(events) {
      const thread = new FakeThread(events);
      threads.push(thread);
      return thread;
    },
  });
  /** The newest of them. */
  const thread = (): FakeThread => {
    const newest = threads.at(-1);
    if (newest === undefined) throw new Error('no thread was started');
    return newest;
  };
  /** Opens a journal that writes to the store. */
  const journal = (): SealableJournal =>
    openJournal({
      path,
      clock,
      log: silentLogger,
      randomBytes,
      yieldToLoop: nextTurn,
      wrapStore: () => store,
    });
  return { path, clock, changes, inner, store, threads, thread, journal };
}

const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => String(error),
  );

test('a thread that ends fails all that it was asked, and what is asked later, until it is opened anew', async () => {
  using dir = tempDir();
  const { store, threads, thread } = start(dir.path);
  const first = [outcome(store.commit(NOTHING)), outcome(store.prune(0, 1, 0))];
  await nextTurn();
  thread().events.ended(new Error('out of memory'));
  expect(await Promise.all(first)).toEqual(['Error: out of memory', 'Error: out of memory']);
  expect(await outcome(store.commit(NOTHING))).toBe('Error: out of memory');
  const reopened = outcome(store.reopen());
  await nextTurn();
  expect(thread().posted).toEqual([{ kind: 'change', change: { kind: 'probe' } }]);
  thread().events.message(DONE);
  expect(await reopened).toBe('done');
  const next = outcome(store.commit(NOTHING));
  await nextTurn();
  thread().events.message(DONE);
  expect([await next, threads.length]).toEqual(['done', 2]);
  await store.close();
});

test('what cannot be sent fails alone, and the next answer belongs to the next change', async () => {
  using dir = tempDir();
  const { store, thread } = start(dir.path);
  const before = outcome(store.commit(NOTHING));
  await nextTurn();
  thread().isClogged = true;
  expect(await outcome(store.commit(NOTHING))).toBe('Error: it could not be cloned');
  thread().isClogged = false;
  const after = outcome(store.commit(NOTHING));
  await nextTurn();
  thread().events.message(DONE);
  thread().events.message({ kind: 'failed', text: 'disk full' });
  expect([await before, await after]).toEqual(['done', 'Error: disk full']);
  await store.close();
});

test.each([
  ['an answer nobody asked for', (events: WritingThreadEvents) => events.message(DONE)],
  ['a message that cannot be read', (events: WritingThreadEvents) => events.broken(new Error('unreadable'))],
])('%s ends the thread, and nobody takes an answer of it for theirs', async (_, happen) => {
  using dir = tempDir();
  const { store, thread } = start(dir.path);
  const first = outcome(store.commit(NOTHING));
  await nextTurn();
  thread().events.message(DONE);
  expect(await first).toBe('done');
  happen(thread().events);
  expect(thread().wasKilled).toBe(true);
  expect(await outcome(store.commit(NOTHING))).toMatch(/nobody asked for|unreadable/);
  await store.close();
});

test.each([
  [DONE, 'done'],
  [{ kind: 'failed', text: 'disk full' } as const, 'Error: disk full'],
])('one that is closed while it is opened anew ends when that has ended, with %o', async (answer, result) => {
  using dir = tempDir();
  const { store, thread } = start(dir.path);
  const reopened = outcome(store.reopen());
  await nextTurn();
  let isClosed = false;
  const closed = store.close().then(() => (isClosed = true));
  await nextTurn();
  expect(isClosed).toBe(false);
  thread().events.message(answer);
  expect(await reopened).toBe(result);
  await closed;
  expect(thread().posted.at(-1)).toEqual({ kind: 'close' });
  await store.close();
  expect(await outcome(store.commit(NOTHING))).toMatch('Error');
});

test('a thread that does not end is killed', async () => {
  using dir = tempDir();
  const { store, thread, clock } = start(dir.path);
  void outcome(store.commit(NOTHING));
  await nextTurn();
  thread().post = () => undefined;
  const closed = store.close();
  await clock.advance(5_000);
  await closed;
  expect([thread().wasKilled, clock.timerCount]).toEqual([true, 0]);
});

test('a database that could not be opened anew can be closed', async () => {
  using dir = tempDir();
  const { store, inner, thread } = start(dir.path);
  const reopened = outcome(store.reopen());
  await nextTurn();
  await inner.close();
  thread().events.message({ kind: 'failed', text: 'disk full' });
  expect(await reopened).toBe('Error: disk full');
  await store.close();
});

test('no thread is started before there is something to write', async () => {
  using dir = tempDir();
  const { store, threads, inner, journal } = start(dir.path);
  inner.totals = () => {
    throw new Error('the database is damaged');
  };
  expect(journal).toThrow('the database is damaged');
  await store.close();
  expect(await outcome(store.commit(NOTHING))).toBe('Error: the thread that writes ended');
  expect(threads).toHaveLength(0);
});

test('how much is deleted at once depends on what a step took, not on how long it waited', async () => {
  using dir = tempDir();
  const { thread, clock, ...started } = start(dir.path);
  const journal = started.journal();
  const pruned = journal.prune(0, new AbortController().signal);
  const limits: unknown[] = [];
  for (const tookMs of [1, 1, 9, 1]) {
    await nextTurn();
    await nextTurn();
    const message = thread().posted.at(-1);
    if (message?.kind === 'change' && message.change.kind === 'prune') limits.push(message.change.rows);
    await clock.advance(100);
    const step = { rows: 0, bytes: 0, samples: 0, isDone: limits.length === 4, tookMs };
    thread().events.message({ kind: 'done', step });
  }
  await pruned;
  expect(limits).toEqual([100, 200, 400, 200]);
  await journal.close();
});

test('a real one has little memory', async () => {
  using dir = tempDir();
  const { inner, path, changes } = start(dir.path);
  const store = threadedStore(inner, { path, changes, clock: systemClock });
  const limits: unknown[] = [];
  const note = ({ resourceLimits }: { readonly resourceLimits?: unknown }): void =>
    void limits.push(resourceLimits);
  process.once('worker', note);
  await store.commit(NOTHING);
  await store.close();
  expect(limits).toMatchObject([{ maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 48 }]);
});
