import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { JournalChanges } from './changes.ts';
import { openJournalReader, SnapshotMoved, type JournalSnapshot } from './reader.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from './testing/lane-writer.ts';
import { openHeardSession, openTestJournal } from './testing/test-journal.ts';

const AGENT = 'a'.repeat(32);
const EPOCH = 'e'.repeat(16);
const HOUR_MS = 3_600_000;
const SCHEMA = gaugeSchema('cpu', { node_load1: [] });

async function start(path: string) {
  const test = openTestJournal(path);
  const reader = openJournalReader({ path, schemas: test.schemas });
  const { session } = await openHeardSession(test.journal, AGENT, [EPOCH]);
  const lane = new LaneWriter(EPOCH);
  const nowMs = test.clock.wallMs();
  session.apply(EPOCH, lane.schema(1, SCHEMA, nowMs));
  const tick = (atMs: number, offsetMs = 0) =>
    session.apply(EPOCH, lane.tick(nowMs + atMs, [valuesBlock(1, SCHEMA, [atMs], offsetMs)]));
  const close = async (): Promise<void> => {
    await test.journal.close();
    reader.close();
  };
  return { ...test, reader, session, lane, nowMs, tick, close };
}

function times(snapshot: JournalSnapshot, laneId: number, fromMs: number, toMs: number): number[] {
  return [...snapshot.ticks({ laneId, fromMs, toMs })].map(({ timeMs }) => timeMs);
}

test('reads the ticks of a lane in a time range, both ends inclusive, in order of time', async () => {
  using dir = tempDir();
  const { reader, tick, commit, nowMs, close } = await start(join(dir.path, 'journal.db'));
  for (const at of [10, 30, 20, 20, 40]) tick(at);
  await commit();
  const snapshot = reader.snapshot();
  const [lane] = snapshot.lanes();
  expect(lane).toEqual({
    laneId: 1,
    agentId: AGENT,
    epochId: EPOCH,
    oldestMs: nowMs,
    newestMs: nowMs + 40,
    offsetMsMax: 0,
  });
  expect(times(snapshot, 1, nowMs + 20, nowMs + 30)).toEqual([nowMs + 20, nowMs + 20, nowMs + 30]);
  expect(times(snapshot, 1, nowMs + 41, nowMs + 99)).toEqual([]);
  expect(times(snapshot, 2, 0, nowMs + 99)).toEqual([]);
  expect(snapshot.lastPos).toBe(6);
  snapshot.close();
  snapshot.close();
  await close();
});

test('a snapshot does not change, whatever is committed or deleted meanwhile', async () => {
  using dir = tempDir();
  const { journal, reader, tick, commit, nowMs, close } = await start(join(dir.path, 'journal.db'));
  tick(1);
  await commit();
  const before = reader.snapshot();
  tick(2);
  await commit();
  const middle = reader.snapshot();
  await journal.prune(nowMs + 1_000, new AbortController().signal);
  const after = reader.snapshot();
  expect([before, middle, after].map((snapshot) => times(snapshot, 1, 0, nowMs + 99).length)).toEqual([
    1, 2, 0,
  ]);
  expect([...after.lanes()]).toEqual([]);
  for (const snapshot of [before, middle, after]) snapshot.close();
  await close();
});

test('tells which schema was in use when, with the object that the journal has', async () => {
  using dir = tempDir();
  const { reader, session, lane, tick, commit, schemas, nowMs, close } = await start(
    join(dir.path, 'journal.db'),
  );
  session.apply(EPOCH, lane.schema(2, gaugeSchema('never_used', { m: [] }), nowMs));
  tick(5_000, -1_000);
  tick(3 * 60_000);
  await commit();
  const snapshot = reader.snapshot();
  const uses = [...snapshot.schemaUses()];
  expect(uses).toMatchObject([
    { laneId: 1, number: 1, firstMs: nowMs + 4_000, lastMs: Math.ceil((nowMs + 4_000) / HOUR_MS) * HOUR_MS },
  ]);
  expect(uses[0]?.schema).toBe(schemas.get(SCHEMA.hash));
  expect([...snapshot.lanes()][0]?.offsetMsMax).toBe(1_000);
  snapshot.close();
  expect(reader.fileBytes()).toBeGreaterThan(4_096);
  await close();
});

test('many snapshots may be open at the same time', async () => {
  using dir = tempDir();
  const { reader, tick, commit, nowMs, close } = await start(join(dir.path, 'journal.db'));
  tick(1);
  await commit();
  const snapshots = Array.from({ length: 10 }, () => reader.snapshot());
  for (const snapshot of snapshots) expect(times(snapshot, 1, 0, nowMs + 9)).toHaveLength(1);
  for (const snapshot of snapshots) snapshot.close();
  await close();
});

test('one that comes late says nothing else than one that was taken at once, or that it does not know', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { changes, schemas, tick, commit, nowMs, close } = await start(path);
  const reader = openJournalReader({ path, schemas, changes: new JournalChanges(changes.shared) });
  tick(1);
  await commit();
  reader.snapshot().close();
  const late = [reader.snapshot({ isLate: true }), reader.snapshot({ isLate: true })] as const;
  expect(times(late[0], 1, 0, nowMs + 9)).toEqual([nowMs + 1]);
  tick(2);
  await commit();
  expect([reader.lastPos(), late[0].lastPos, late[1].lastPos]).toEqual([3, 2, 2]);
  expect(times(late[0], 1, 0, nowMs + 9)).toEqual([nowMs + 1]);
  for (const _ of ['first', 'again']) expect(() => times(late[1], 1, 0, nowMs + 9)).toThrow(SnapshotMoved);
  // Nothing is known of what came since, so this one asks at once.
  const next = reader.snapshot({ isLate: true });
  tick(3);
  await commit();
  expect([next.lastPos, times(next, 1, 0, nowMs + 9)]).toEqual([3, [nowMs + 1, nowMs + 2]]);
  for (const snapshot of [...late, next]) snapshot.close();
  expect(() => next.countAfter(0, 9)).toThrow('after it was closed');
  reader.close();
  await close();
});

test('a file that is no journal is refused', () => {
  using dir = tempDir();
  const path = join(dir.path, 'missing.db');
  const schemas = openTestJournal().schemas;
  expect(() => openJournalReader({ path, schemas })).toThrow(
    expect.objectContaining({ code: 'STORAGE_UNAVAILABLE' }),
  );
});
