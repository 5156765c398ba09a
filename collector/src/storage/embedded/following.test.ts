import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { join } from 'node:path';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, it } from 'vitest';
import { Labels } from '../labels.ts';
import { createMatcher } from '../matcher.ts';
import { createFollowingStorage } from './following.ts';
import { openTestStorage } from './testing/test-storage.ts';

const NEVER = new AbortController().signal;
const WALL_MS = Date.UTC(2026, 0, 1);

async function world() {
  const folder = tempDir();
  const { storage, reader, seal, close } = openTestStorage({ dir: folder.path, wallMs: WALL_MS });
  const clock = new FakeClock(WALL_MS);
  const following = createFollowingStorage({
    reader,
    identityOf: () => undefined,
    clock,
    yieldToLoop: nextTurn,
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
  all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
  await all.append('a', WALL_MS - 4_000, 3);
  await all.append('b', WALL_MS - 8_000, 4);
  all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
  expect(await all.ours()).toHaveLength(2);
});

it('makes its picture anew now and then', async () => {
  await using all = await world();
  await all.append('a', WALL_MS - 5_000, 1);
  await all.clock.advance(7_200_000);
  await all.append('c', WALL_MS - 4_000, 2);
  all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
});

it('reads are not disturbed by catching up in the middle of them', async () => {
  await using all = await world();
  await all.append('a', WALL_MS - 5_000, 1);
  all.following.catchUp();
  const reading = all.ours();
  await all.append('a', WALL_MS - 4_000, 2);
  await all.clock.advance(7_200_000);
  all.following.catchUp();
  expect((await reading)[0]?.[0]).toBe('a');
  expect(await all.ours()).toEqual(await all.theirs());
});

it('reads each sample once when another thread seals them into blocks', async () => {
  await using all = await world();
  await all.append('a', WALL_MS - 3_600_000, 1);
  all.following.catchUp();
  await all.append('a', WALL_MS - 1_800_000, 2);
  await all.append('b', WALL_MS - 5_000, 3);
  all.following.catchUp();
  const before = await all.ours();
  expect(before).toEqual(await all.theirs());
  await all.seal(600_000);
  expect(await all.ours()).toEqual(before);
  await all.append('a', WALL_MS - 1_000, 4);
  all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
  await all.clock.advance(7_200_000);
  all.following.catchUp();
  expect(await all.ours()).toEqual(await all.theirs());
});
