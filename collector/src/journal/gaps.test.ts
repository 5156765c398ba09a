import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { inspectLost } from '../cli/store.ts';
import { openJournalReader } from './reader.ts';
import { LaneWriter } from './testing/lane-writer.ts';
import { openHeardSession, openTestJournal } from './testing/test-journal.ts';

const AGENTS = ['a'.repeat(32), 'b'.repeat(32)] as const;
const EPOCH = 'e'.repeat(16);
const ALL = { fromMs: 0, toMs: 8e15, limit: 100 };

/** The first agent lost three times, the second once. */
async function start(dir: string) {
  const { journal, schemas, commit, clock } = openTestJournal(join(dir, 'journal.db'));
  const nowMs = clock.wallMs();
  const [first, second] = await Promise.all(
    AGENTS.map(async (agentId) => ({
      session: (await openHeardSession(journal, agentId, [EPOCH])).session,
      lane: new LaneWriter(EPOCH),
    })),
  );
  if (first === undefined || second === undefined) throw new Error('two agents');
  const lose = async ({ session, lane }: typeof first, gap: Parameters<LaneWriter['gap']>[1]) => {
    expect(session.apply(EPOCH, lane.gap(nowMs, gap)).kind).toBe('accepted');
    await commit();
  };
  const counts = { ticksThrough: 7, samplesThrough: 20 };
  await lose(first, { to: 9, reason: 2, ...counts, firstWallMs: 1_000, lastWallMs: 5_000 });
  const more = { ticksThrough: 10, samplesThrough: 29, isEstimated: true };
  await lose(first, { to: 12, reason: 7, ...more, firstWallMs: 0, lastWallMs: 0 });
  await lose(first, { to: 13, reason: 99, ...more, firstWallMs: 6_000, lastWallMs: 6_500 });
  await lose(second, { to: 1, reason: 1, ...counts });
  await journal.close();
  const reader = openJournalReader({ path: join(dir, 'journal.db'), schemas });
  return { reader, nowMs };
}

test('what an agent declared as lost is read with reason, times and counts, told last first', async () => {
  using dir = tempDir();
  const { reader, nowMs } = await start(dir.path);
  const told = { agentId: AGENTS[0], receivedMs: expect.any(Number) };
  expect(reader.gaps({ agentId: AGENTS[0], ...ALL })).toEqual([
    { ...told, reason: 'other', fromMs: 6_000, toMs: 6_500, ticks: 0, samples: 0, isEstimated: true },
    {
      ...told,
      reason: 'spool_unreadable',
      fromMs: null,
      toMs: null,
      ticks: 3,
      samples: 9,
      isEstimated: true,
    },
    { ...told, reason: 'age', fromMs: 1_000, toMs: 5_000, ticks: 7, samples: 20, isEstimated: false },
  ]);
  expect(reader.gaps({ agentId: AGENTS[1], ...ALL })).toMatchObject([{ fromMs: nowMs, toMs: nowMs }]);
  expect(reader.gaps({ agentId: 'c'.repeat(32), ...ALL })).toEqual([]);
  expect(reader.gaps({ agentId: undefined, ...ALL })).toHaveLength(4);
  expect(reader.gaps({ agentId: undefined, ...ALL, limit: 2 })).toHaveLength(2);
  reader.close();
});

test('a gap belongs to each span that it touches; one without times to when it was told', async () => {
  using dir = tempDir();
  const { reader, nowMs } = await start(dir.path);
  const reasons = (fromMs: number, toMs: number) =>
    reader.gaps({ agentId: AGENTS[0], fromMs, toMs, limit: 9 }).map(({ reason }) => reason);
  expect(reasons(5_000, 5_999)).toEqual(['age']);
  expect(reasons(0, 1_000)).toEqual(['age']);
  expect(reasons(2_000, 3_000)).toEqual(['age']);
  expect(reasons(5_000, 6_000)).toEqual(['other', 'age']);
  expect(reasons(5_001, 5_999)).toEqual([]);
  expect(reasons(nowMs, nowMs + 60_000)).toEqual(['spool_unreadable']);
  reader.close();
});

test('the command lists the losses of all hosts', async () => {
  using dir = tempDir();
  const { reader } = await start(dir.path);
  reader.close();
  const lines = inspectLost(dir.path, false).split('\n');
  expect(lines[0]).toMatch(/^HOST +REASON +FROM +TO +TICKS +SAMPLES +TOLD$/);
  expect(lines).toHaveLength(6);
  expect(lines.join('\n')).toMatch(/a{32} +spool_unreadable +unknown +unknown +3 +9, about /);
  expect(JSON.parse(inspectLost(dir.path, true))).toHaveLength(4);
  expect(() => inspectLost(join(dir.path, 'none'), false)).toThrow('holds no store');
});
