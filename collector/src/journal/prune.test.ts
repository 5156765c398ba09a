import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from './testing/lane-writer.ts';
import { openHeardSession, openTestJournal } from './testing/test-journal.ts';

const EPOCH = 'e'.repeat(16);
const AGENTS = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)];
const SCHEMA = gaugeSchema('cpu', { node_load1: [] });
const forever = new AbortController().signal;

/** Three agents with a thousand ticks each, one second apart. */
async function start(path: string) {
  const test = openTestJournal(path);
  const nowMs = test.clock.wallMs();
  for (const agentId of AGENTS) {
    const { session } = await openHeardSession(test.journal, agentId, [EPOCH]);
    const lane = new LaneWriter(EPOCH);
    session.apply(EPOCH, lane.schema(1, SCHEMA, nowMs));
    for (let i = 0; i < 1_000; i++)
      session.apply(EPOCH, lane.tick(nowMs + i * 100, [valuesBlock(1, SCHEMA, [i])]));
    await test.commit();
  }
  return { ...test, nowMs };
}

function count(path: string, table: string): unknown {
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare(`SELECT count(*) AS n FROM ${table}`).get();
  database.close();
  return row?.['n'];
}

test('deletes what is older, keeps what is not, and knows how much is left', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, nowMs } = await start(path);
  const { bytes, rows } = journal.stats();
  expect(rows).toBe(3_003);
  const pruned = await journal.prune(nowMs + 50_000, forever);
  expect(pruned.rows).toBe(3 * 501);
  expect(journal.stats()).toMatchObject({ rows: 1_500, samples: 1_500, bytes: bytes - pruned.bytes });
  expect(count(path, 'records')).toBe(1_500);
  expect((await journal.prune(nowMs + 50_000, forever)).rows).toBe(0);
  // The watermark stays, so nothing that was deleted can be stored again.
  const { session } = await openHeardSession(journal, AGENTS[0] ?? '', [EPOCH]);
  expect(session.marks[0]?.watermark).toBe(1_001);
  expect(session.apply(EPOCH, new LaneWriter(EPOCH).event(nowMs, {})).kind).toBe('duplicate');
  await journal.close();
  const again = openTestJournal(path);
  expect(again.journal.stats()).toMatchObject({ rows: 1_500, samples: 1_500 });
  await again.journal.close();
});

test('forgets the schemas of closed lanes that are empty, and no others', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, nowMs, commit } = await start(path);
  await openHeardSession(journal, AGENTS[0] ?? '', []);
  await commit();
  await journal.prune(nowMs + 1_000_000, forever);
  expect(count(path, 'schema_numbers')).toBe(2);
  expect(count(path, 'schemas')).toBe(1);
  await openHeardSession(journal, AGENTS[1] ?? '', []);
  await openHeardSession(journal, AGENTS[2] ?? '', []);
  await commit();
  await journal.prune(nowMs + 1_000_000, forever);
  expect(count(path, 'schemas')).toBe(0);
  await journal.close();
});

test('lets commits through between its steps, and stops when told', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, nowMs, commit } = await start(path);
  const controller = new AbortController();
  const pruning = journal.prune(nowMs + 1_000_000, controller.signal);
  const { session, heard } = await openHeardSession(journal, 'd'.repeat(32), [EPOCH]);
  session.apply(EPOCH, new LaneWriter(EPOCH).event(nowMs, {}));
  await commit();
  expect(heard).toEqual([`${EPOCH}:1`]);
  controller.abort();
  await expect(pruning).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
  expect(journal.stats().rows).toBeGreaterThan(0);
  await journal.close();
});

test('says so when the database cannot be written', async () => {
  const { journal, store, clock } = openTestJournal();
  store.setBroken(true);
  await expect(journal.prune(clock.wallMs(), forever)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
});

test('keeps what somebody has to read yet, however old it is', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, nowMs } = await start(path);
  const tooOldMs = nowMs + 200_000;
  journal.keepAfter(1_001);
  expect((await journal.prune(tooOldMs, forever)).rows).toBe(1_001);
  expect((await journal.prune(tooOldMs, forever)).rows).toBe(0);
  const seal = {
    fromMs: 0,
    toMs: tooOldMs,
    lastPos: 3_003,
    rows: 2_002,
    samples: 2_000,
    foundFromPos: 1_002,
    foundToPos: 3_003,
  };
  await journal.changeBlocks({ add: [], remove: [], seal });
  journal.keepAfter(3_002);
  expect((await journal.deleteSealed(forever)).rows).toBe(0);
  journal.keepAfter(3_003);
  expect((await journal.deleteSealed(forever)).rows).toBe(2_002);
  await journal.close();
});

test('takes a hundred rows at least, however slow the disk is', async () => {
  using dir = tempDir();
  const { journal, nowMs, store, clock } = await start(join(dir.path, 'journal.db'));
  const range = { fromMs: 0, toMs: nowMs + 200_000, lastPos: 3_003 };
  const seal = { ...range, rows: 3_003, samples: 3_000, foundFromPos: 1, foundToPos: 3_003 };
  await journal.changeBlocks({ add: [], remove: [], seal });
  let slowMs = clock.monoMs();
  clock.monoMs = () => (slowMs += 1_000);
  expect((await journal.deleteSealed(forever)).rows).toBe(3_003);
  expect(Math.min(...store.deletions)).toBe(100);
  await journal.close();
});
