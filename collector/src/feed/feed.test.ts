import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { openState } from '../state/state.ts';
import { Cursors } from './cursors.ts';
import { Feed, type FeedOptions, type StartFeedThread } from './feed.ts';
import { feedGauges } from './gauges.ts';
import type { FromFeed, ToFeed } from './messages.ts';
import type { StoreStatus } from './store-feed.ts';

const clock = new FakeClock();
let kept: number[];
let held: (string | undefined)[];
let counted: Record<string, number>;
let sent: ToFeed[];
let starts: number;
let thread: { message: (message: FromFeed) => void; ended: (reason: Error) => void };
let stats = { rows: 100, bytes: 100_000 };

const start: StartFeedThread = (events) => {
  starts++;
  thread = events;
  return {
    post(message) {
      sent.push(message);
      if (message.kind === 'stop') events.message({ kind: 'stopped' });
    },
    kill: () => Promise.resolve(),
  };
};

function open(options: Partial<FeedOptions> = {}): Feed {
  const journal = {
    keepAfter: (pos: number) => void kept.push(pos),
    hold: (_who: string, text: string | undefined) => void held.push(text),
    stats: () => ({
      ...stats,
      samples: 0,
      isWritable: true,
      commits: 0,
      failedCommits: 0,
      duplicates: 0,
      rejectedRecords: 0,
      refusedBlocks: 0,
      correctedTicks: 0,
    }),
  };
  return new Feed({
    stores: ['a', 'b'],
    cursors: new Cursors(openState(':memory:'), 'j'),
    journal,
    bufferBytes: 50_000,
    clock,
    log: fakeLog(),
    random: () => 0.999,
    start,
    hosts: () => [['h1', [['instance', 'web-1']]]],
    counters: {
      increment(name, labels = {}, by = 1) {
        if (by === 0) return;
        const key = [name, ...Object.values(labels)].join(' ');
        counted[key] = (counted[key] ?? 0) + by;
      },
    },
    ...options,
  });
}

function status(name: string, more: Partial<StoreStatus> = {}): StoreStatus {
  return {
    name,
    kind: 'fake',
    state: 'ok',
    error: null,
    pos: 50,
    settledPos: 40,
    waitingRecords: 0,
    oldestWaitingMs: null,
    counts: {
      samples: 0,
      batches: 0,
      retries: 0,
      blocked: 0,
      rewinds: 0,
      refused: { stale_marker: 0, not_finite: 0, unstorable: 0, refused: 0 },
      readBacks: { equal: 0, missing: 0, unknown: 0 },
    },
    ...more,
  };
}

beforeEach(() => {
  kept = [];
  held = [];
  counted = {};
  sent = [];
  starts = 0;
  stats = { rows: 100, bytes: 100_000 };
});

describe('Feed', () => {
  it('starts no thread and keeps nothing without stores', async () => {
    const feed = open({ stores: [] });
    feed.start();
    expect(starts).toBe(0);
    expect(kept).toEqual([Infinity]);
    await feed.close();
  });

  it('keeps the journal from the beginning until it knows better, then after the slowest store', () => {
    const feed = open();
    expect(kept).toEqual([0]);
    feed.start();
    expect(sent).toEqual([{ kind: 'hosts', hosts: [['h1', [['instance', 'web-1']]]] }]);
    thread.message({ kind: 'status', stores: [status('a')] });
    expect(kept).toEqual([0]);
    thread.message({ kind: 'status', stores: [status('a'), status('b', { settledPos: 7 })] });
    expect(kept).toEqual([0, 7]);
  });

  it('holds the journal while more than the buffer waits, and says why', () => {
    const feed = open();
    feed.start();
    const lagging = (waitingRecords: number) =>
      thread.message({
        kind: 'status',
        stores: [status('a'), status('b', { state: 'away', error: 'ECONNREFUSED', waitingRecords })],
      });
    lagging(50);
    expect(held).toEqual([]);
    lagging(51);
    const text = 'more than 50000 bytes wait for the store b (away: ECONNREFUSED); agents hold their data';
    expect(held).toEqual([text]);
    expect(feed.problems()).toEqual([text]);
    lagging(46);
    expect(feed.problems()).toHaveLength(1);
    lagging(45);
    expect(held).toEqual([text, undefined]);
    expect(feed.problems()).toEqual([]);
  });

  it('counts what is new in each report, also of a thread that came after another', async () => {
    const feed = open();
    feed.start();
    const report = (samples: number) => {
      const { counts } = status('a');
      const refused = { ...counts.refused, unstorable: 2 };
      thread.message({ kind: 'status', stores: [status('a', { counts: { ...counts, samples, refused } })] });
    };
    report(10);
    report(15);
    thread.ended(new Error('out of memory'));
    await clock.advance(1_000);
    expect(starts).toBe(2);
    report(3);
    expect(counted).toEqual({
      'rollcall_feed_samples_total a': 18,
      'rollcall_feed_refused_samples_total a unstorable': 4,
      rollcall_feed_threads_failed_total: 1,
    });
  });

  it('tells the thread of hosts that come and go, and ends it', async () => {
    const feed = open();
    feed.start();
    feed.hostChanged(['h2', undefined]);
    await feed.close();
    await feed.close();
    expect(sent.slice(1)).toEqual([{ kind: 'hosts', hosts: [['h2', undefined]] }, { kind: 'stop' }]);
    thread.ended(new Error('it ended'));
    await clock.advance(60_000);
    expect(starts).toBe(1);
  });

  it('shows how far each store is behind', () => {
    const feed = open();
    feed.start();
    const nowMs = clock.wallMs();
    const away = { state: 'away' as const, waitingRecords: 20, oldestWaitingMs: nowMs - 5_000 };
    thread.message({ kind: 'status', stores: [status('a'), status('b', away)] });
    const gauges = Object.fromEntries(feedGauges(feed, () => nowMs).map(({ name, read }) => [name, read()]));
    expect(gauges).toEqual({
      rollcall_feed_is_ok: { a: 1, b: 0 },
      rollcall_feed_waiting_records: { a: 0, b: 20 },
      rollcall_feed_waiting_bytes: { a: 0, b: 20_000 },
      rollcall_feed_lag_seconds: { a: 0, b: 5 },
    });
  });
});
