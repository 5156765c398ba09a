import { join } from 'node:path';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournalReader, type JournalReader } from '../journal/reader.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from '../journal/testing/lane-writer.ts';
import { openHeardSession, openTestJournal, type TestJournal } from '../journal/testing/test-journal.ts';
import type { Database } from '../state/database.ts';
import { openState } from '../state/state.ts';
import { createSliceReader } from '../storage/embedded/reads/slices.ts';
import { Labels } from '../storage/labels.ts';
import { Cursors } from './cursors.ts';
import { FEED_LIMITS } from './limits.ts';
import { StoreFeed } from './store-feed.ts';
import { fakeSink, type FakeSink } from './testing/fake-sink.ts';

const AGENT = 'a'.repeat(32);
const EPOCH = 'e'.repeat(16);
const SCHEMA = gaugeSchema('cpu', { node_load1: [], node_load5: [] });

let dir: ReturnType<typeof tempDir>;
let journal: TestJournal;
let reader: JournalReader;
let state: Database;
let sink: FakeSink;
let log: ReturnType<typeof fakeLog>;
let lane: LaneWriter;
let addTicks: (count: number) => Promise<void>;
let running: StoreFeed[] = [];

beforeEach(async () => {
  dir = tempDir();
  const path = join(dir.path, 'journal.db');
  journal = openTestJournal(path);
  reader = openJournalReader({ path, schemas: journal.schemas });
  state = openState(':memory:');
  sink = fakeSink();
  log = fakeLog();
  lane = new LaneWriter(EPOCH);
  const { session } = await openHeardSession(journal.journal, AGENT, [EPOCH]);
  session.apply(EPOCH, lane.schema(1, SCHEMA, journal.clock.wallMs()));
  let ticks = 0;
  addTicks = async (count) => {
    for (let i = 0; i < count; i++, ticks++) {
      session.apply(EPOCH, lane.tick(journal.clock.wallMs() + i, [valuesBlock(1, SCHEMA, [ticks, 2])]));
    }
    await journal.commit();
  };
});
afterEach(async () => {
  for (const feed of running.splice(0)) await feed.stop();
  reader.close();
  await journal.journal.close();
  state.close();
  dir[Symbol.dispose]();
});

function cursors(journalId = journal.journal.storeId): Cursors {
  return new Cursors(state, journalId);
}

function start(): StoreFeed {
  const feed = new StoreFeed({
    name: 'main',
    sink,
    source: createSliceReader({
      reader,
      identityOf: (id) => (id === AGENT ? [['instance', 'web-1']] : undefined),
    }),
    cursors: cursors(),
    clock: journal.clock,
    random: () => 0.999,
    log,
    yieldToLoop: nextTurn,
  });
  feed.start();
  running.push(feed);
  return feed;
}

/** Lets so much time pass, in steps small enough for every pause of the feed. */
async function pass(byMs: number): Promise<void> {
  for (let left = byMs; left > 0; left -= 1_000) await journal.clock.advance(Math.min(left, 1_000));
  // Slices that follow one another take turns of the loop, but no time.
  for (let turn = 0; turn < 30; turn++) await nextTurn();
}

describe('StoreFeed', () => {
  it('feeds what is there and what comes, once', async () => {
    await addTicks(3);
    const feed = start();
    await pass(1_000);
    expect(sink.samples.size).toBe(6);
    await addTicks(2);
    await pass(1_000);
    expect(sink.samples.size).toBe(10);
    expect(sink.batchSizes).toEqual([6, 4]);
    expect([...sink.samples.keys()][0]).toMatch(/^node_load1\{instance="web-1"\}@\d+$/);
    expect(feed.status()).toMatchObject({ state: 'ok', waitingRecords: 0, oldestWaitingMs: null });
    expect(feed.status().counts).toMatchObject({ samples: 10, batches: 2, retries: 0 });
  });

  it('goes on where it was after a restart', async () => {
    await addTicks(2);
    await start().stop();
    running = [];
    const feed = start();
    await pass(1_000);
    await feed.stop();
    running = [];
    await addTicks(1);
    start();
    await pass(1_000);
    expect(sink.samples.size).toBe(6);
    expect(sink.batchSizes).toEqual([4, 2]);
  });

  it('writes no batch larger than its limit', async () => {
    await addTicks(2_600);
    start();
    await pass(2_000);
    expect(sink.samples.size).toBe(5_200);
    expect(Math.max(...sink.batchSizes)).toBe(5_000);
  });

  it('tries again ever more slowly while the store is away, and loses nothing', async () => {
    await addTicks(1);
    const away = { kind: 'retry', error: 'ECONNREFUSED', retryAfterMs: null } as const;
    sink.answerNext(...Array.from({ length: 8 }, () => away));
    const feed = start();
    await pass(20_000);
    expect(feed.status()).toMatchObject({ state: 'away', error: 'ECONNREFUSED' });
    // 0.5 + 1 + 2 + 4 + 8 seconds have passed, the next pause is 16.
    expect(feed.status().counts.retries).toBe(6);
    expect(feed.status().oldestWaitingMs).not.toBeNull();
    await addTicks(1);
    await pass(120_000);
    expect(feed.status()).toMatchObject({ state: 'ok', error: null });
    expect(sink.samples.size).toBe(4);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'a store is away: samples wait in the journal',
      'a store takes samples again',
    ]);
  });

  it('leaves a store alone for as long as it asks', async () => {
    await addTicks(1);
    sink.answerNext({ kind: 'retry', error: '429', retryAfterMs: 90_000 });
    start();
    await pass(89_000);
    expect(sink.batchSizes).toHaveLength(1);
    await pass(3_000);
    expect(sink.batchSizes).toHaveLength(2);
  });

  it('keeps everything while it is refused, and goes on when somebody has mended it', async () => {
    await addTicks(1);
    const blocked = { kind: 'blocked', error: '401: unauthorized' } as const;
    sink.answerNext(blocked, blocked);
    const feed = start();
    await pass(1_000);
    expect(feed.status()).toMatchObject({ state: 'blocked', error: '401: unauthorized' });
    await pass(70_000);
    expect(feed.status().state).toBe('ok');
    expect(sink.samples.size).toBe(2);
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('writes again what was confirmed but not noted', async () => {
    await addTicks(1);
    const feed = start();
    await pass(1_000);
    // As if the process had died between the answer and the note.
    cursors().save('main', { pos: 0, settledPos: 0, startedMs: null }, { refused: [], nowMs: 0 });
    await feed.stop();
    running = [];
    start();
    await pass(1_000);
    expect(sink.batchSizes).toEqual([2, 2]);
    expect(sink.samples.size).toBe(2);
  });

  it('sends its last minute again when the store has crashed, and no more', async () => {
    const feed = start();
    for (let i = 0; i < 130; i++) {
      await addTicks(1);
      await journal.clock.advance(950);
    }
    expect(sink.samples.size).toBe(260);
    const batches = sink.batchSizes.length;
    sink.crash(20, 5_000_000);
    await pass(30_000);
    expect(sink.samples.size).toBe(260);
    expect(feed.status().counts.rewinds).toBe(1);
    const repeated = sink.batchSizes.slice(batches).reduce((sum, size) => sum + size, 0);
    expect(repeated).toBeGreaterThanOrEqual(120);
    expect(repeated).toBeLessThanOrEqual(180);
  });

  it('sends the last minute before the store went away, however long it was away', async () => {
    start();
    for (let i = 0; i < 100; i++) {
      await addTicks(1);
      await journal.clock.advance(950);
    }
    sink.processStartedMs = null;
    sink.answerNext(
      ...Array.from({ length: 20 }, () => ({ kind: 'retry', error: 'away', retryAfterMs: 60_000 }) as const),
    );
    await addTicks(1);
    await pass(600_000);
    sink.crash(30, 5_000_000);
    await pass(900_000);
    expect(sink.samples.size).toBe(202);
  });

  it('keeps what the store refuses to be looked at, the newest of it', async () => {
    const labels = Labels.of({ __name__: 'x', a: 'b\n' });
    const refused = Array.from({ length: FEED_LIMITS.deadLettersMax + 5 }, (_, i) => ({
      labels,
      reason: 'unstorable' as const,
      text: `reason ${i}`,
      count: 1,
    }));
    await addTicks(1);
    sink.answerNext({
      kind: 'written',
      refused: [...refused, { labels, reason: 'stale_marker', text: 'expected', count: 1 }],
    });
    const feed = start();
    await pass(1_000);
    const letters = cursors().deadLetters('main');
    expect(letters).toHaveLength(FEED_LIMITS.deadLettersMax);
    expect(letters[0]).toMatchObject({
      labels: 'x{a="b\\n"}',
      reason: 'unstorable',
      text: `reason ${refused.length - 1}`,
      samples: 1,
    });
    expect(feed.status().counts.refused).toEqual({
      stale_marker: 1,
      not_finite: 0,
      unstorable: refused.length,
      refused: 0,
    });
  });

  it.each([
    [false, { equal: 1, missing: 0, unknown: 0 }],
    [true, { equal: 0, missing: 1, unknown: 0 }],
  ])('counts in the store what it confirmed (a store that drops it: %s)', async (isLying, readBacks) => {
    const feed = start();
    sink.isLying = isLying;
    for (let i = 0; i < 215; i++) {
      await addTicks(1);
      await journal.clock.advance(950);
    }
    await pass(5_000);
    expect(feed.status().counts.readBacks).toEqual(readBacks);
    expect(log.lines.some(({ message }) => message.includes('fewer samples'))).toBe(isLying);
  });

  it('begins anew with another journal', () => {
    cursors('one').save('main', { pos: 7, settledPos: 5, startedMs: 3 }, { refused: [], nowMs: 0 });
    expect(cursors('one').read('main')).toEqual({ pos: 7, settledPos: 5, startedMs: 3 });
    expect(cursors('two').read('main')).toEqual({ pos: 0, settledPos: 0, startedMs: null });
  });

  it('forgets stores that are not configured any more', () => {
    const all = cursors();
    for (const store of ['a', 'b'])
      all.save(store, { pos: 7, settledPos: 5, startedMs: null }, { refused: [], nowMs: 0 });
    expect(all.keepOnly(['b'])).toEqual(['a']);
    expect(all.read('a').pos).toBe(0);
    expect(all.read('b').pos).toBe(7);
  });
});
