import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { join } from 'node:path';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, it } from 'vitest';
import type { PollLimits } from '../../journal/follower.ts';
import { Labels } from '../labels.ts';
import { createMatcher } from '../matcher.ts';
import { createFollowingStorage } from './following.ts';
import { openTestStorage } from './testing/test-storage.ts';

const NEVER = new AbortController().signal;
const WALL_MS = Date.UTC(2026, 0, 1);

async function world(poll?: PollLimits) {
  const folder = tempDir();
  const { storage, reader, seal, close } = openTestStorage({ dir: folder.path, wallMs: WALL_MS });
  const clock = new FakeClock(WALL_MS);
  const turns = { count: 0, rest: nextTurn };
  const following = createFollowingStorage({
    reader,
    identityOf: () => undefined,
    clock,
    yieldToLoop() {
      turns.count++;
      return turns.rest();
    },
    ...(poll === undefined ? {} : { poll }),
    blocks: {
      disk: nodeDisk,
      dir: join(folder.path, 'blocks'),
      damaged(text) {
        throw new Error(text);
      },
    },
  });
  const append = (name: string, timeMs: number, value: number) =>
    storage.append([{ labels: Labels.of({ __name__: name }), samples: [{ timeMs, value }] }]);
  const read = async (from: Pick<typeof following, 'select'>) => {
    const all = await from.select(
      { matchers: [createMatcher('__name__', '=~', '.+')], fromMs: 0, toMs: 2 * WALL_MS, samplesMax: 1e9 },
      NEVER,
    );
    return all.map(({ labels, timestamps, values }) => [labels.metricName, [...timestamps], [...values]]);
  };
  return {
    append,
    seal,
    clock,
    turns,
    following,
    theirs: () => read(storage),
    ours: () => read(following),
    async [Symbol.asyncDispose]() {
      await close();
      folder[Symbol.dispose]();
    },
  };
}

it('reads what another connection wrote, old and new, once it has caught up', async () => {
  await using all = await world();
  expect(await all.ours()).toEqual([]);
  await all.append('a', WALL_MS - 3_600_000, 1);
  await all.append('a', WALL_MS - 5_000, 2);
  await all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
  await all.append('a', WALL_MS - 4_000, 3);
  await all.append('b', WALL_MS - 8_000, 4);
  await all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
  expect(await all.ours()).toHaveLength(2);
});

it('makes its picture anew now and then', async () => {
  await using all = await world();
  await all.append('a', WALL_MS - 5_000, 1);
  await all.clock.advance(7_200_000);
  await all.append('c', WALL_MS - 4_000, 2);
  await all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
});

it('reads are not disturbed by catching up in the middle of them', async () => {
  await using all = await world();
  await all.append('a', WALL_MS - 5_000, 1);
  await all.following.catchUp();
  const reading = all.ours();
  await all.append('a', WALL_MS - 4_000, 2);
  await all.clock.advance(7_200_000);
  await all.following.catchUp();
  expect((await reading)[0]?.[0]).toBe('a');
  expect(await all.ours()).toEqual(await all.theirs());
});

it('reads each sample once when another thread seals them into blocks', async () => {
  await using all = await world();
  await all.append('a', WALL_MS - 3_600_000, 1);
  await all.following.catchUp();
  await all.append('a', WALL_MS - 1_800_000, 2);
  await all.append('b', WALL_MS - 5_000, 3);
  await all.following.catchUp();
  const before = await all.ours();
  expect(before).toEqual(await all.theirs());
  await all.seal(600_000);
  expect(await all.ours()).toEqual(before);
  await all.append('a', WALL_MS - 1_000, 4);
  await all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
  await all.clock.advance(7_200_000);
  await all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
});

it("reads the collector's own samples of block files, when their samplers are known no more", async () => {
  await using all = await world();
  await all.append('a', WALL_MS - 3_600_000, 1);
  await all.following.catchUp();
  expect(await all.ours()).toHaveLength(1);
  await all.seal(600_000);
  await all.clock.advance(7_200_000);
  await all.following.catchUp();
  expect(await all.ours()).toEqual([['a', [WALL_MS - 3_600_000], [1]]]);
});

/** The first record of a series brings a schema along, which is a record too. */
async function appendAll(all: Awaited<ReturnType<typeof world>>, from: number, to: number): Promise<void> {
  for (let at = from; at <= to; at++) await all.append('a', WALL_MS - 10_000 + at, at);
}

it('catches up in pieces and gives other work its turn in between', async () => {
  await using all = await world({ rowsMax: 3, rowsBehindMax: 20 });
  await appendAll(all, 1, 1);
  await all.following.catchUp();
  await appendAll(all, 2, 9);
  expect(all.turns.count).toBe(0);
  await all.following.catchUp();
  expect(all.turns.count).toBe(2);
  expect(await all.ours()).toEqual(await all.theirs());
  await all.following.catchUp();
  expect(all.turns.count).toBe(2);
});

it('begins anew when it is further behind than catching up is worth', async () => {
  await using all = await world({ rowsMax: 3, rowsBehindMax: 7 });
  await appendAll(all, 1, 1);
  await all.following.catchUp();
  await appendAll(all, 2, 9);
  await all.following.catchUp();
  expect(all.turns.count).toBe(0);
  expect(await all.ours()).toEqual(await all.theirs());
});

it('who asks while it catches up reads what was written before the question', async () => {
  await using all = await world({ rowsMax: 2, rowsBehindMax: 50 });
  await appendAll(all, 1, 5);
  const gate = Promise.withResolvers<void>();
  all.turns.rest = () => gate.promise;
  const first = all.following.catchUp();
  await appendAll(all, 6, 9);
  const second = all.following.catchUp();
  all.turns.rest = nextTurn;
  gate.resolve();
  await second;
  expect(await all.ours()).toEqual(await all.theirs());
  await first;
});
