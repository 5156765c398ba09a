import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { createSchema } from '@rollcall/shared/protocol/schema.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../../journal/testing/test-journal.ts';
import { Labels } from '../../labels.ts';
import { eagerClock, openTestStorage } from '../testing/test-storage.ts';
import { BlockKeeper } from './keeper.ts';
import { threadWorkshop } from './thread-workshop.ts';

const BASE_MS = Date.UTC(2026, 5, 1, 12);
const SCHEMA = createSchema({
  sampler: 'load',
  intervalMs: 10_000,
  metrics: [
    { name: 'm', unit: '', type: 'gauge', encoding: 'float64', scale: 0, labelNames: [], series: [[]] },
  ],
});
const calm = new AbortController().signal;

test('a thread makes a block that is there under its name, and says so', async () => {
  using dir = tempDir();
  const { storage, close } = openTestStorage({ dir: dir.path, wallMs: BASE_MS });
  const labels = Labels.of({ __name__: 'm' });
  await storage.append([{ labels, samples: [{ timeMs: BASE_MS, value: 1 }] }]);
  const blocksDir = join(dir.path, 'blocks');
  nodeDisk.makeDir(blocksDir);
  const workshop = threadWorkshop({ journalFile: join(dir.path, 'journal.db'), dir: blocksDir });
  const task = { kind: 'seal' as const, file: 'a.block', windowMs: 3_600_000, endMs: BASE_MS + 3_600_000 };
  const result = await workshop.run(task, calm);
  expect(result).toMatchObject({ kind: 'made', blocks: [{ file: 'a.block', samples: 1, firstMs: BASE_MS }] });
  expect(nodeDisk.list(blocksDir)).toEqual(['a.block']);
  // The same thread takes the next task, and another one the task after a pause.
  await expect(workshop.run({ ...task, endMs: BASE_MS }, calm)).resolves.toEqual({ kind: 'idle' });
  workshop.rest();
  workshop.rest();
  await expect(workshop.run({ ...task, endMs: BASE_MS }, calm)).resolves.toEqual({ kind: 'idle' });
  workshop.rest();
  await close();
});

test('a thread gives the schemas of what it seals and merges, those of agents and of the collector', async () => {
  using dir = tempDir();
  const { storage, journal, reader, close } = openTestStorage({ dir: dir.path, wallMs: BASE_MS });
  const { session } = await openHeardSession(journal, 'a'.repeat(32), ['e'.repeat(16)]);
  const lane = new LaneWriter();
  session.apply(lane.epochId, lane.schema(1, SCHEMA, BASE_MS));
  session.apply(lane.epochId, lane.tick(BASE_MS, [valuesBlock(1, SCHEMA, [1])]));
  await storage.append([{ labels: Labels.of({ __name__: 'up' }), samples: [{ timeMs: BASE_MS, value: 1 }] }]);
  await openHeardSession(journal, 'a'.repeat(32), ['e'.repeat(16)]);
  const blocksDir = join(dir.path, 'blocks');
  nodeDisk.makeDir(blocksDir);
  const workshop = threadWorkshop({ journalFile: join(dir.path, 'journal.db'), dir: blocksDir });
  const ports = { journal, reader, workshop, disk: nodeDisk, dir: blocksDir, log: silentLogger, randomBytes };
  const settings = { windowMs: 3_600_000, graceMs: 0 };
  const keeper = new BlockKeeper({ ...ports, clock: eagerClock(BASE_MS + 3 * 86_400_000), settings });
  await keeper.round();
  await keeper.stop();
  const snapshot = reader.snapshot();
  const resolutions = snapshot.blocks().map(({ resolution }) => resolution);
  snapshot.close();
  await close();
  expect(resolutions.toSorted()).toEqual(['1h', '5m', 'raw']);
});

test('a task that is stopped says so, and one that fails tells why', async () => {
  using dir = tempDir();
  const workshop = threadWorkshop({ journalFile: join(dir.path, 'none.db'), dir: dir.path });
  const task = { kind: 'seal' as const, file: 'a.block', windowMs: 1, endMs: 1 };
  await expect(workshop.run(task, AbortSignal.abort())).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
  await expect(workshop.run(task, calm)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  const stopping = new AbortController();
  const stopped = workshop.run(task, stopping.signal);
  stopping.abort();
  await expect(stopped).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
  // After a failure and after a stop the next task is answered all the same.
  await expect(workshop.run(task, calm)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
});
