/** A question may see, in the journal, what the store has not been told of yet: it must not be missing once it is told. */
import { join } from 'node:path';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../journal/testing/test-journal.ts';
import { createMatcher } from '../matcher.ts';
import { createFollowingStorage } from './following.ts';
import { openTestStorage } from './testing/test-storage.ts';

const MINUTE = 60_000;
const BASE_MS = Date.UTC(2026, 5, 1, 12);
const NOW_MS = BASE_MS + 180 * MINUTE;
const HOST = 'a'.repeat(32);
const EPOCHS = ['e'.repeat(16), 'f'.repeat(16)] as const;
const SCHEMA = gaugeSchema('cpu', { load: [] });

interface Case {
  readonly memory: 'columns' | 'window';
  /** Minutes of the readings that are there at first, of the one that is not told yet, and of one after it. */
  readonly first: readonly number[];
  readonly untold: number;
  readonly next: number;
}
const RECENT = { first: [175, 176, 177], untold: 178, next: 179 };
const SEALED = { first: [0, 1, 2, 170], untold: 30, next: 171 };

test.each<Case>([
  { memory: 'columns', ...RECENT },
  { memory: 'window', ...RECENT },
  { memory: 'columns', ...SEALED },
  { memory: 'window', ...SEALED },
])('of a new epoch: $memory, untold $untold', async ({ memory, first, untold, next }) => {
  using dir = tempDir();
  const writing = openTestStorage({ dir: dir.path, wallMs: NOW_MS });
  const lanes = EPOCHS.map((epoch) => new LaneWriter(epoch));
  const begun = new Set<LaneWriter>();
  const write = async (epoch: 0 | 1, minutes: readonly number[]): Promise<void> => {
    const lane = lanes[epoch];
    if (lane === undefined) throw new TypeError('no lane');
    const { session } = await openHeardSession(writing.journal, HOST, EPOCHS);
    if (!begun.has(lane)) session.apply(lane.epochId, lane.schema(1, SCHEMA, BASE_MS));
    begun.add(lane);
    for (const minute of minutes) {
      const block = valuesBlock(1, SCHEMA, [minute], 0);
      session.apply(lane.epochId, lane.tick(BASE_MS + minute * MINUTE, [block]));
    }
    // What a session has taken is durable when the next one begins.
    await openHeardSession(writing.journal, HOST, EPOCHS);
  };
  await write(0, first);
  await writing.seal(60 * MINUTE);
  const store = createFollowingStorage({
    reader: writing.reader,
    identityOf: () => [['instance', 'a']],
    identitiesVersion: () => 0,
    clock: new FakeClock(NOW_MS),
    yieldToLoop: nextTurn,
    memory,
    blocks: {
      disk: nodeDisk,
      dir: join(dir.path, 'blocks'),
      cacheBytes: 10_000_000,
      damaged(text) {
        throw new Error(text);
      },
    },
  });
  const request = {
    matchers: [createMatcher('__name__', '=', 'load')],
    fromMs: BASE_MS,
    toMs: NOW_MS,
    samplesMax: 1_000,
  };
  const ask = async (): Promise<readonly number[]> => {
    const [series] = await store.select(request, new AbortController().signal);
    return [...(series?.timestamps ?? [])].map((timeMs) => (timeMs - BASE_MS) / MINUTE);
  };
  await store.catchUp();
  // That the journal has no late readings is found out by a question; recent columns are made by the one after `write`.
  if (untold === SEALED.untold) await ask();
  await write(1, [untold]);
  await ask();
  await store.catchUp();
  await write(1, [next]);
  await store.catchUp();
  expect(await ask()).toEqual([...first, untold, next].toSorted((left, right) => left - right));
  await writing.close();
});
