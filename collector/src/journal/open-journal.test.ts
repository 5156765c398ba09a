import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { decodeFrame } from '@rollcall/shared/protocol/frame.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { decodeBatch, encodePackedBatch } from '@rollcall/shared/protocol/messages.ts';
import { decodeRecord, RECORD_KIND, recordBody } from '@rollcall/shared/protocol/record.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CommittedSamples } from './journal.ts';
import { JOURNAL_LIMITS } from './limits.ts';
import { gaugeSchema, LaneWriter, valuesBlock, wireRecord } from './testing/lane-writer.ts';
import { openHeardSession, openTestJournal } from './testing/test-journal.ts';

const AGENT = 'a'.repeat(32);
const EPOCH = 'e'.repeat(16);
const OTHER_EPOCH = 'f'.repeat(16);
const SCHEMA = gaugeSchema('cpu', { node_load1: [], node_cpu: ['0', '1'] });

/** A journal with one session, and a lane that starts with SCHEMA under number 1. */
async function start(path?: string) {
  const test = openTestJournal(path);
  const { session, heard } = await openHeardSession(test.journal, AGENT, [EPOCH]);
  const lane = new LaneWriter(EPOCH);
  const ticks: CommittedSamples[] = [];
  test.journal.onCommitted((committed) => ticks.push(...committed));
  const nowMs = test.clock.wallMs();
  const tick = (offsetMs = 0) =>
    session.apply(EPOCH, lane.tick(nowMs + offsetMs, [valuesBlock(1, SCHEMA, [1, 2, 3])]));
  expect(session.apply(EPOCH, lane.schema(1, SCHEMA, nowMs)).kind).toBe('accepted');
  return { ...test, session, heard, lane, ticks, nowMs, tick };
}

/** Values of the first block. */
function valuesOf(tick: CommittedSamples | undefined): number[] {
  const block = tick?.blocks[0];
  return block?.kind === 'values' ? [...block.values] : [];
}

describe('group commit', () => {
  test('acknowledges nothing before the commit, then the watermark of the lane', async () => {
    const { session, heard, commit, tick, ticks } = await start();
    expect(tick()).toEqual({ kind: 'accepted', samples: 3, refusedBlocks: 0 });
    expect(heard).toEqual([]);
    expect(ticks).toEqual([]);
    await commit();
    expect(heard).toEqual([`${EPOCH}:2`]);
    expect(ticks.map(({ agentId, epochId, pos }) => [agentId, epochId, pos])).toEqual([[AGENT, EPOCH, 2]]);
    expect(valuesOf(ticks[0])).toEqual([1, 2, 3]);
    session.close();
  });

  test('commits at once when the group has 1,000 records', async () => {
    const { heard, tick, clock } = await start();
    for (let i = 1; i < JOURNAL_LIMITS.groupRecords; i++) tick();
    await clock.advance(0);
    expect(heard).toEqual([`${EPOCH}:${JOURNAL_LIMITS.groupRecords}`]);
  });

  test('commits at once when the group has records of 200 lanes', async () => {
    const { journal, clock } = openTestJournal();
    const nowMs = clock.wallMs();
    const sessions: Awaited<ReturnType<typeof openHeardSession>>[] = [];
    for (let agent = 0; agent < JOURNAL_LIMITS.groupLanes; agent++)
      sessions.push(await openHeardSession(journal, agent.toString(16).padStart(32, '0'), [EPOCH]));
    const heard = (): number => sessions.filter((one) => one.heard.length > 0).length;
    const declare = (from: number, to: number): void => {
      for (const { session } of sessions.slice(from, to))
        session.apply(EPOCH, new LaneWriter(EPOCH).schema(1, SCHEMA, nowMs));
    };
    declare(0, -1);
    await clock.advance(0);
    expect(heard()).toBe(0);
    declare(-1, sessions.length);
    await clock.advance(0);
    expect(heard()).toBe(JOURNAL_LIMITS.groupLanes);
  });

  test('commits at once when the group has 4 MB', async () => {
    const { heard, session, lane, nowMs, clock } = await start();
    const body = Buffer.alloc(LIMITS.recordBytes - 10, 'x');
    for (let i = 0; i < 17; i++) {
      expect(session.apply(EPOCH, lane.raw(99, nowMs, body)).kind).toBe('rejected');
    }
    await clock.advance(0);
    expect(heard).toEqual([]);
    // A rejected record costs only its head; stored ones count in full.
    const text = randomBytes(2_925).toString('base64');
    for (let i = 0; i < 1_500; i++) session.apply(EPOCH, lane.event(nowMs, { text }));
    await clock.advance(0);
    expect(heard).toHaveLength(1);
  });

  test('leaves no timer behind when it is closed, and commits what is open', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'journal.db');
    const { journal, tick, clock, heard } = await start(path);
    tick();
    await journal.close();
    await journal.close();
    expect(heard).toEqual([`${EPOCH}:2`]);
    expect(clock.timerCount).toBe(0);
    const again = openTestJournal(path);
    expect((await openHeardSession(again.journal, AGENT, [EPOCH])).session.marks[0]?.watermark).toBe(2);
    expect(again.journal.storeId).toBe(journal.storeId);
    expect(again.journal.stats()).toMatchObject({ rows: 2, samples: 3 });
    await again.journal.close();
  });

  test('a listener that throws does not hurt the others', async () => {
    const { journal, tick, commit, ticks } = await start();
    journal.onCommitted(() => {
      throw new Error('bug');
    });
    const seen: number[] = [];
    const stop = journal.onCommitted((list) => seen.push(list.length));
    tick();
    await commit();
    stop();
    tick();
    await commit();
    expect(ticks).toHaveLength(2);
    expect(seen).toEqual([1]);
  });
});

test('a session whose listener throws ends, and the others are still told', async () => {
  const { journal, clock } = openTestJournal();
  const epochs = [{ id: EPOCH, bootId: 'boot', first: 1, next: 1, acked: 0 }];
  const fail = (): never => {
    throw new Error('bug');
  };
  const broken = await journal.openSession({ agentId: AGENT, epochs }, { committed: fail, failed: fail });
  const other = await openHeardSession(journal, 'b'.repeat(32), [EPOCH]);
  const first = new LaneWriter(EPOCH);
  const second = new LaneWriter(EPOCH);
  const event = (lane: LaneWriter) => lane.event(clock.wallMs(), {});
  broken.apply(EPOCH, event(first));
  other.session.apply(EPOCH, event(second));
  await clock.advance(50);
  expect(other.heard).toEqual([`${EPOCH}:1`]);
  expect(broken.apply(EPOCH, event(first))).toMatchObject({ kind: 'refused', code: 'SUPERSEDED' });
  other.session.apply(EPOCH, event(second));
  await clock.advance(50);
  expect(other.heard).toEqual([`${EPOCH}:1`, `${EPOCH}:2`]);
});

describe('answers', () => {
  test('an epoch that is not of the session is refused', async () => {
    const { session, lane, nowMs } = await start();
    expect(session.apply(OTHER_EPOCH, lane.event(nowMs, {}))).toMatchObject({ code: 'PROTOCOL_ERROR' });
  });

  test('the same record twice is a duplicate, another one under its number a conflict', async () => {
    const { session, lane, nowMs, commit, journal } = await start();
    const first = lane.event(nowMs, { n: 1 });
    const last = lane.event(nowMs, { n: 2 });
    const forged = wireRecord({
      seq: first.seq,
      kind: RECORD_KIND.EVENT,
      wallMs: nowMs,
      body: Buffer.from('{}'),
    });
    session.apply(EPOCH, first);
    session.apply(EPOCH, last);
    for (const record of [first, last]) expect(session.apply(EPOCH, record).kind).toBe('duplicate');
    expect(session.apply(EPOCH, forged)).toMatchObject({ kind: 'refused', code: 'SEQ_CONFLICT' });
    await commit();
    for (const record of [first, last]) expect(session.apply(EPOCH, record).kind).toBe('duplicate');
    expect(session.apply(EPOCH, forged)).toMatchObject({ kind: 'refused', code: 'SEQ_CONFLICT' });
    expect(journal.stats().duplicates).toBe(4);
  });

  test('of a rejected record the checksum is known as long as it is the newest', async () => {
    const { session, lane, nowMs, commit } = await start();
    const unknown = lane.raw(77, nowMs, Buffer.from('later'));
    const forged = wireRecord({ seq: 2, kind: 78, wallMs: nowMs, body: Buffer.from('other') });
    session.apply(EPOCH, unknown);
    expect(session.apply(EPOCH, unknown).kind).toBe('duplicate');
    expect(session.apply(EPOCH, forged)).toMatchObject({ kind: 'refused', code: 'SEQ_CONFLICT' });
    await commit();
    expect(session.apply(EPOCH, forged)).toMatchObject({ kind: 'refused', code: 'SEQ_CONFLICT' });
    session.apply(EPOCH, lane.event(nowMs, {}));
    expect(session.apply(EPOCH, forged).kind).toBe('duplicate');
  });

  test('a record that came packed is known by the checksum that its agent has for it', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'journal.db');
    const { session, lane, nowMs, journal } = await start(path);
    // Alike and several, so that packing them is worth it, but not so much that it looks like a bomb.
    const text = Array.from({ length: 40 }, (_, i) => `kept ${i * 7_919}`).join(' ');
    const kept = lane.event(nowMs, { text });
    const others = Array.from({ length: 7 }, () => lane.event(nowMs, { text }).bytes);
    const frame = decodeFrame(encodePackedBatch(EPOCH, [kept.bytes, ...others]) ?? Buffer.alloc(0));
    const [unpacked] = decodeBatch(frame).records;
    assert(unpacked !== undefined);
    expect(unpacked).toMatchObject({ crc: kept.crc, codec: 0 });
    expect(session.apply(EPOCH, unpacked).kind).toBe('accepted');
    expect(session.apply(EPOCH, kept).kind).toBe('duplicate');
    await journal.close();
    const database = new DatabaseSync(path, { readOnly: true });
    const row = database.prepare('SELECT crc, bytes FROM records WHERE seq = 2').get();
    database.close();
    assert(row?.['bytes'] instanceof Uint8Array);
    expect(row['crc']).toBe(kept.crc);
    // What is stored stands for itself: its own checksum fits.
    expect(recordBody(decodeRecord(Buffer.from(row['bytes']), 0))).toEqual(recordBody(kept));
  });

  test('a hole is refused, also when a gap starts too late', async () => {
    const { session, lane, nowMs } = await start();
    lane.next = 4;
    expect(session.apply(EPOCH, lane.event(nowMs, {}))).toMatchObject({ kind: 'refused', code: 'SEQ_HOLE' });
    lane.next = 3;
    expect(session.apply(EPOCH, lane.gap(nowMs, { to: 9 }))).toMatchObject({ code: 'SEQ_HOLE' });
  });

  test('an unknown kind, a corrupt body and a bad time are consumed and told', async () => {
    const { session, lane, nowMs, commit, heard, journal } = await start();
    const cases = [
      [lane.raw(77, nowMs, Buffer.from('later')), 'UNKNOWN_KIND'],
      [lane.raw(RECORD_KIND.SAMPLES, nowMs, Buffer.from([0xff, 0xff])), 'RECORD_UNDECODABLE'],
      [lane.raw(RECORD_KIND.SAMPLES, nowMs, Buffer.alloc(0)), 'RECORD_UNDECODABLE'],
      [lane.raw(RECORD_KIND.EVENT, nowMs, Buffer.from('{"a":')), 'RECORD_UNDECODABLE'],
      [lane.event(nowMs, { text: 'x'.repeat(5_000) }), 'LIMIT_EXCEEDED'],
      [lane.tick(nowMs - LIMITS.recordAgeMs - 1, [valuesBlock(1, SCHEMA, [1, 2, 3])]), 'TIME_OUT_OF_WINDOW'],
      [
        lane.tick(nowMs + LIMITS.recordFutureMs + 1, [valuesBlock(1, SCHEMA, [1, 2, 3])]),
        'TIME_OUT_OF_WINDOW',
      ],
      [lane.tick(nowMs, [valuesBlock(1, SCHEMA, [1, 2, 3], 3_600_001)]), 'LIMIT_EXCEEDED'],
      [lane.gap(nowMs, { to: 5 }), 'LIMIT_EXCEEDED'],
    ] as const;
    for (const [record, code] of cases) {
      expect(session.apply(EPOCH, record)).toMatchObject({ kind: 'rejected', code });
    }
    await commit();
    expect(heard).toEqual([`${EPOCH}:10`]);
    expect(journal.stats()).toMatchObject({ rows: 1, rejectedRecords: 9 });
  });

  test('a tick at the edge of the time window is stored', async () => {
    const { tick } = await start();
    expect(tick(-LIMITS.recordAgeMs).kind).toBe('accepted');
    expect(tick(LIMITS.recordFutureMs).kind).toBe('accepted');
  });

  test('no time is judged while our own clock is behind the newest row', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'journal.db');
    const first = await start(path);
    first.tick();
    await first.journal.close();
    const clock = new FakeClock(first.nowMs - 86_400_000);
    const again = openTestJournal(path, clock);
    const { session } = await openHeardSession(again.journal, AGENT, [EPOCH]);
    expect(first.tick().kind).toBe('refused');
    const record = first.lane.tick(first.nowMs, [valuesBlock(1, SCHEMA, [1, 2, 3])]);
    const moved = { ...record, seq: 3 };
    expect(session.apply(EPOCH, moved).kind).toBe('accepted');
    await again.journal.close();
  });
});

describe('schemas', () => {
  test('the same schema may be declared again, another one under its number is a conflict', async () => {
    const { session, lane, nowMs } = await start();
    expect(session.apply(EPOCH, lane.schema(1, SCHEMA, nowMs)).kind).toBe('accepted');
    const other = gaugeSchema('cpu', { node_load1: [] });
    expect(session.apply(EPOCH, lane.schema(1, other, nowMs))).toMatchObject({
      kind: 'refused',
      code: 'SEQ_CONFLICT',
    });
  });

  test('a block of an unknown schema is dropped alone and counted', async () => {
    const { session, lane, nowMs, journal, commit, ticks } = await start();
    const blocks = [valuesBlock(9, SCHEMA, [1, 2, 3]), valuesBlock(1, SCHEMA, [4, undefined, 6])];
    expect(session.apply(EPOCH, lane.tick(nowMs, blocks))).toEqual({
      kind: 'accepted',
      samples: 2,
      refusedBlocks: 1,
    });
    await commit();
    expect(ticks[0]?.blocks).toHaveLength(1);
    expect(journal.stats().refusedBlocks).toBe(1);
  });

  test('a schema that would make too many series is rejected, and only its blocks are lost', async () => {
    const { session, lane, nowMs } = await start();
    const series = Array.from({ length: LIMITS.seriesPerSchema }, (_, i) => String(i).padStart(4, '0'));
    const wide = (sampler: string) => gaugeSchema(sampler, { wide: series });
    for (let i = 0; i < 4; i++) {
      expect(session.apply(EPOCH, lane.schema(10 + i, wide(`s${i}`), nowMs)).kind).toBe('accepted');
    }
    expect(session.apply(EPOCH, lane.schema(20, wide('s4'), nowMs))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    // A renewed schema replaces the one of its sampler.
    expect(session.apply(EPOCH, lane.schema(21, wide('s3'), nowMs)).kind).toBe('accepted');
    expect(session.apply(EPOCH, lane.tick(nowMs, [valuesBlock(1, SCHEMA, [1, 2, 3])])).kind).toBe('accepted');
  });

  test.each(['up', 'scrape_samples_scraped', 'ALERTS'])(
    'an agent may name metrics, but not %s, which the collector makes',
    async (name) => {
      const { session, lane, nowMs } = await start();
      const own = gaugeSchema('textfile', { backup_ok: ['a'] });
      expect(session.apply(EPOCH, lane.schema(2, own, nowMs)).kind).toBe('accepted');
      for (const number of [3, 4]) {
        const schema = gaugeSchema('textfile', { backup_ok: ['a'], [name]: [] });
        expect(session.apply(EPOCH, lane.schema(number, schema, nowMs))).toMatchObject({
          kind: 'rejected',
          code: 'RECORD_UNDECODABLE',
          text: `metric ${name} is for the collector to make`,
        });
      }
    },
  );

  test('at most 256 samplers have a schema in force', async () => {
    const { session, lane, nowMs } = await start();
    for (let i = 1; i < LIMITS.schemasPerEpoch; i++) {
      expect(session.apply(EPOCH, lane.schema(i + 1, gaugeSchema(`s${i}`, { m: [] }), nowMs)).kind).toBe(
        'accepted',
      );
    }
    const more = lane.schema(1_000, gaugeSchema('more', { m: [] }), nowMs);
    expect(session.apply(EPOCH, more)).toMatchObject({ kind: 'rejected', code: 'LIMIT_EXCEEDED' });
  });

  test('a schema survives a restart, also one that is no longer in force', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'journal.db');
    const first = await start(path);
    const renewed = gaugeSchema('cpu', { node_load1: [] });
    first.session.apply(EPOCH, first.lane.schema(2, renewed, first.nowMs));
    first.tick();
    await first.journal.close();
    const again = openTestJournal(path);
    const { session } = await openHeardSession(again.journal, AGENT, [EPOCH]);
    const blocks = [valuesBlock(1, SCHEMA, [1, 2, 3]), valuesBlock(2, renewed, [1])];
    expect(session.apply(EPOCH, first.lane.tick(first.nowMs, blocks))).toMatchObject({
      samples: 4,
      refusedBlocks: 0,
    });
    await again.journal.close();
  });
});

describe('gaps', () => {
  test('the loss is what the agent counted minus what is held', async () => {
    const { session, lane, nowMs, tick, commit, heard, journal } = await start();
    tick();
    tick();
    const gap = lane.gap(nowMs, { to: 9, reason: 1, ticksThrough: 7, samplesThrough: 20 });
    expect(session.apply(EPOCH, gap).kind).toBe('accepted');
    tick();
    const second = lane.gap(nowMs, { to: 12, reason: 4, ticksThrough: 10, samplesThrough: 29 });
    expect(session.apply(EPOCH, second).kind).toBe('accepted');
    await commit();
    expect(heard).toEqual([`${EPOCH}:12`]);
    expect(journal.lostSamples(AGENT)).toEqual({ bytes: 14, disk_full: 6 });
    expect(journal.lostSamples('b'.repeat(32))).toEqual({});
  });

  test('the loss grows with gaps that come after it was asked for', async () => {
    const { session, lane, nowMs, commit, journal } = await start();
    expect(journal.lostSamples(AGENT)).toEqual({});
    session.apply(EPOCH, lane.gap(nowMs, { to: 9, reason: 1, ticksThrough: 7, samplesThrough: 20 }));
    await commit();
    expect(journal.lostSamples(AGENT)).toEqual({ bytes: 20 });
    session.apply(EPOCH, lane.gap(nowMs, { to: 12, reason: 1, ticksThrough: 8, samplesThrough: 23 }));
    await commit();
    expect(journal.lostSamples(AGENT)).toEqual({ bytes: 23 });
  });

  test('a rejected tick counts as rejected, not as lost', async () => {
    const { session, lane, nowMs, commit, journal } = await start();
    session.apply(EPOCH, lane.tick(nowMs - LIMITS.recordAgeMs - 1, [valuesBlock(1, SCHEMA, [1, 2, 3])]));
    session.apply(EPOCH, lane.gap(nowMs, { to: 3, ticksThrough: 2, samplesThrough: 6 }));
    await commit();
    expect(journal.lostSamples(AGENT)).toEqual({ bytes: 3 });
  });

  test('a gap of more than ten million numbers is rejected', async () => {
    const { session, lane, nowMs } = await start();
    const gap = lane.gap(nowMs, { to: 2 + LIMITS.gapNumbers });
    expect(session.apply(EPOCH, gap)).toMatchObject({ kind: 'rejected', code: 'LIMIT_EXCEEDED' });
  });
});

describe('sessions', () => {
  test('a newer session ends the older one and sees what it had in the open group', async () => {
    const { journal, session, tick, heard } = await start();
    tick();
    const newer = await openHeardSession(journal, AGENT, [EPOCH]);
    expect(newer.session.marks[0]?.watermark).toBe(2);
    expect(heard).toEqual([]);
    expect(tick()).toMatchObject({ kind: 'refused', code: 'SUPERSEDED' });
    session.close();
  });

  test('of two sessions opened at the same time the newer one wins', async () => {
    const { journal, tick } = await start();
    tick();
    const older = openHeardSession(journal, AGENT, [EPOCH]);
    const newer = openHeardSession(journal, AGENT, [EPOCH]);
    await expect(older).rejects.toMatchObject({ code: 'SUPERSEDED' });
    expect((await newer).session.marks[0]?.watermark).toBe(2);
  });

  test('marks carry checksums at W, W-1, W-2, W-4 …, none for numbers in a gap', async () => {
    const { journal, session, lane, nowMs, commit } = await start();
    const crcs = new Map<number, number>();
    for (let i = 2; i <= 20; i++) {
      const record = lane.event(nowMs, { i });
      crcs.set(record.seq, record.crc);
      session.apply(EPOCH, record);
    }
    await commit();
    const marks = (await openHeardSession(journal, AGENT, [EPOCH, OTHER_EPOCH])).session.marks;
    expect(marks[0]?.crcs.map(({ seq }) => seq)).toEqual([20, 19, 18, 16, 12, 4]);
    for (const { seq, crc } of marks[0]?.crcs ?? []) expect(crc).toBe(crcs.get(seq));
    expect(marks[1]).toEqual({ id: OTHER_EPOCH, watermark: 0, crcs: [] });
    // An agent that was set back has assigned the numbers up to 9 only, and must be able to compare them.
    const setBack = (await openHeardSession(journal, AGENT, [EPOCH], 10)).session.marks[0];
    expect(setBack?.watermark).toBe(20);
    expect(setBack?.crcs.map(({ seq }) => seq)).toEqual([9, 8, 7, 5, 1]);
    const { session: next } = await openHeardSession(journal, AGENT, [EPOCH]);
    next.apply(EPOCH, lane.gap(nowMs, { to: 30 }));
    const after = (await openHeardSession(journal, AGENT, [EPOCH])).session.marks[0];
    expect(after?.watermark).toBe(30);
    expect(after?.crcs.map(({ seq }) => seq)).toEqual([14]);
  });

  test('an epoch that is not listed any more is closed, and open again when it returns', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'journal.db');
    const { journal, tick, commit } = await start(path);
    tick();
    await commit();
    const isClosed = () => {
      const database = new DatabaseSync(path, { readOnly: true });
      const row = database.prepare('SELECT is_closed FROM lanes WHERE epoch = ?').get(EPOCH);
      database.close();
      return row?.['is_closed'];
    };
    expect(isClosed()).toBe(0);
    await openHeardSession(journal, AGENT, [OTHER_EPOCH]);
    await commit();
    expect(isClosed()).toBe(1);
    const back = await openHeardSession(journal, AGENT, [EPOCH]);
    expect(back.session.marks[0]?.watermark).toBe(2);
    await commit();
    expect(isClosed()).toBe(0);
    await journal.close();
  });

  test('many agents share a commit', async () => {
    const { journal, clock, store } = openTestJournal();
    const agents = Array.from({ length: 150 }, (_, i) => String(i).padStart(32, '0').replace(/^0/, 'a'));
    const heard: string[][] = [];
    for (const agentId of agents) {
      const agent = await openHeardSession(journal, agentId, [EPOCH]);
      agent.session.apply(EPOCH, new LaneWriter(EPOCH).event(clock.wallMs(), {}));
      heard.push(agent.heard);
    }
    await clock.advance(50);
    expect(store.commits).toBe(1);
    expect(heard.every((list) => list[0] === `${EPOCH}:1`)).toBe(true);
  });
});

describe('a failed commit', () => {
  test('fails all its sessions, stores nothing, and takes no more until a probe succeeds', async () => {
    const { journal, session, store, tick, commit, heard, ticks, clock, lane, nowMs } = await start();
    await commit();
    tick();
    store.failNext('lost');
    store.setBroken(true);
    await commit();
    expect(heard).toEqual([`${EPOCH}:1`, 'failed']);
    expect(journal.stats()).toMatchObject({ isWritable: false, failedCommits: 1, rows: 1 });
    expect(tick()).toMatchObject({ kind: 'refused', code: 'SUPERSEDED' });
    // Sessions are still accepted, and see what is durable.
    const next = await openHeardSession(journal, AGENT, [EPOCH]);
    expect(next.session.marks[0]?.watermark).toBe(1);
    lane.next = 2;
    const again = () => lane.tick(nowMs, [valuesBlock(1, SCHEMA, [1, 2, 3])]);
    expect(next.session.apply(EPOCH, again())).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await clock.advance(300_000);
    expect(journal.stats().isWritable).toBe(false);
    store.setBroken(false);
    await clock.advance(31_000);
    expect(journal.stats().isWritable).toBe(true);
    lane.next = 2;
    expect(next.session.apply(EPOCH, again()).kind).toBe('accepted');
    await commit();
    expect(next.heard).toEqual([`${EPOCH}:2`]);
    expect(ticks).toHaveLength(1);
    session.close();
    await journal.close();
  });

  test('that arrived all the same is found by the next session, and its ticks are told once', async () => {
    using dir = tempDir();
    const { journal, store, tick, commit, heard, ticks, clock } = await start(join(dir.path, 'journal.db'));
    await commit();
    tick();
    store.failNext('arrived');
    await commit();
    expect(heard.at(-1)).toBe('failed');
    expect(ticks).toHaveLength(0);
    await clock.advance(31_000);
    expect(ticks.map(({ pos }) => pos)).toEqual([2]);
    expect(valuesOf(ticks[0])).toEqual([1, 2, 3]);
    const next = await openHeardSession(journal, AGENT, [EPOCH]);
    expect(next.session.marks[0]?.watermark).toBe(2);
    expect(journal.stats()).toMatchObject({ rows: 2, samples: 3 });
    await journal.close();
  });
});

test('a rejected record leaves its head in a bounded quarantine', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, session, lane, nowMs } = await start(path);
  for (let i = 0; i < JOURNAL_LIMITS.quarantineRecords + 5; i++) {
    session.apply(EPOCH, lane.raw(99, nowMs, Buffer.alloc(9_000, i)));
  }
  await journal.close();
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database
    .prepare('SELECT count(*) AS n, count(head) AS heads, max(length(head)) AS length FROM rejects')
    .get();
  database.close();
  expect(row).toMatchObject({
    n: JOURNAL_LIMITS.quarantineRecords + 5,
    heads: JOURNAL_LIMITS.quarantineRecords,
    length: JOURNAL_LIMITS.quarantineBytes,
  });
});
