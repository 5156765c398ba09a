import { join } from 'node:path';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { Labels } from '../../labels.ts';
import { openTestStorage } from '../testing/test-storage.ts';
import { threadWorkshop } from './thread-workshop.ts';

const BASE_MS = Date.UTC(2026, 5, 1, 12);
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
