import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskError, nodeDisk, systemError } from '@rollcall/shared/lib/disk.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test, vi } from 'vitest';
import { Labels } from '../../labels.ts';
import { eagerClock, openTestStorage } from '../testing/test-storage.ts';
import { BlockKeeper } from './keeper.ts';
import { inlineWorkshop } from './tasks.ts';

/** A store with one sample, of the moment that its clock stands at. */
async function storeWithSample(dir: string) {
  const startMs = Date.UTC(2026, 5, 1);
  const store = openTestStorage({ dir, wallMs: startMs });
  await store.storage.append([
    { labels: Labels.of({ __name__: 'm' }), samples: [{ timeMs: startMs, value: 1 }] },
  ]);
  return { store, startMs };
}

test('rounds go on after an error of the database, which is told once and is a reason not to be ready', async () => {
  using dir = tempDir();
  const wallMs = Date.UTC(2026, 5, 1);
  const store = openTestStorage({ dir: dir.path, wallMs });
  let isMalformed = false;
  let asked = 0;
  const reader = {
    ...store.reader,
    snapshot: () => {
      asked++;
      if (isMalformed) throw new Error('database disk image is malformed');
      return store.reader.snapshot();
    },
  };
  const errors: object[] = [];
  const log = {
    ...silentLogger,
    error: (message: string, fields = {}) => errors.push({ message, ...fields }),
  };
  const ports = { disk: nodeDisk, dir: store.blocksDir, reader, randomBytes, clock: eagerClock(wallMs), log };
  const workshop = inlineWorkshop({ ...ports, yieldToLoop: nextTurn });
  const keeper = new BlockKeeper({ ...ports, journal: store.journal, workshop });
  isMalformed = true;
  keeper.start();
  const failedFrom = asked;
  await vi.waitFor(() => expect(asked).toBeGreaterThan(failedFrom + 2));
  expect(keeper.failure).toBe('database disk image is malformed');
  expect(errors).toEqual([{ message: 'blocks cannot be kept', error: 'database disk image is malformed' }]);
  isMalformed = false;
  while (keeper.failure !== undefined) await nextTurn();
  await keeper.stop();
  await store.close();
});

test('seals again after a clock that was a year ahead was put right', async () => {
  using dir = tempDir();
  const startMs = Date.UTC(2026, 5, 1);
  const store = openTestStorage({ dir: dir.path, wallMs: startMs });
  let wallMs = startMs + 365 * 86_400_000;
  const clock = { ...eagerClock(startMs), wallMs: () => wallMs };
  const { reader, journal } = store;
  const ports = { disk: nodeDisk, dir: store.blocksDir, reader, randomBytes, clock, log: silentLogger };
  const workshop = inlineWorkshop({ ...ports, yieldToLoop: nextTurn });
  const keeper = new BlockKeeper({ ...ports, journal, workshop });
  await keeper.round();
  wallMs = startMs + 3 * 3_600_000;
  const samples = [{ timeMs: startMs, value: 1 }];
  await store.storage.append([{ labels: Labels.of({ __name__: 'm' }), samples }]);
  await keeper.round();
  expect(nodeDisk.list(store.blocksDir)).toHaveLength(1);
  await keeper.stop();
  await store.close();
});

test('keeps a year of blocks while a clock that is a year ahead is not believed', async () => {
  using dir = tempDir();
  const startMs = Date.UTC(2026, 5, 1);
  const store = openTestStorage({ dir: dir.path, wallMs: startMs });
  let wallMs = startMs + 3 * 3_600_000;
  let agesMs = wallMs;
  const clock = { ...eagerClock(startMs), wallMs: () => wallMs };
  const { reader, journal } = store;
  const ports = { disk: nodeDisk, dir: store.blocksDir, reader, randomBytes, clock, log: silentLogger };
  const workshop = inlineWorkshop({ ...ports, yieldToLoop: nextTurn });
  const keeper = new BlockKeeper({ ...ports, journal, workshop, agesMs: () => agesMs });
  await store.storage.append([
    { labels: Labels.of({ __name__: 'm' }), samples: [{ timeMs: startMs, value: 1 }] },
  ]);
  await keeper.round();
  const blocks = nodeDisk.list(store.blocksDir);
  expect(blocks).toHaveLength(1);
  wallMs += 366 * 86_400_000;
  for (let round = 0; round < 3; round++) await keeper.round();
  expect(nodeDisk.list(store.blocksDir)).toEqual(blocks);
  agesMs = wallMs;
  for (let round = 0; round < 3; round++) await keeper.round();
  expect(nodeDisk.list(store.blocksDir)).not.toEqual(blocks);
  await keeper.stop();
  await store.close();
});

test('files of a merge that was cut off go, and the journal forgets them when they are gone', async () => {
  using dir = tempDir();
  const { store } = await storeWithSample(dir.path);
  await store.seal(3_600_000);
  const loose = (): readonly string[] => {
    const snapshot = store.reader.snapshot();
    const files = [...snapshot.looseFiles().keys()];
    snapshot.close();
    return files;
  };
  expect(loose()).toEqual([]);
  const name = 'raw-00000000000000aa.block';
  await store.journal.changeBlocks({ add: [], remove: [], making: [name] });
  writeFileSync(join(store.blocksDir, name), 'made, and not added');
  await store.seal(3_600_000);
  await store.seal(3_600_000);
  expect(nodeDisk.list(store.blocksDir)).toHaveLength(1);
  expect(loose()).toEqual([]);
  await store.close();
});

test('rounds that fail leave no names behind', async () => {
  using dir = tempDir();
  const { store, startMs } = await storeWithSample(dir.path);
  await store.seal(3_600_000);
  const { reader, journal } = store;
  const workshop = {
    run: () => Promise.reject(diskError('write a block', systemError('ENOSPC'))),
    rest: () => {},
  };
  const clock = eagerClock(startMs + 3 * 86_400_000);
  const ports = { disk: nodeDisk, dir: store.blocksDir, reader, randomBytes, clock, log: silentLogger };
  const keeper = new BlockKeeper({ ...ports, journal, workshop });
  for (let round = 0; round < 20; round++) await expect(keeper.round()).rejects.toThrow('write a block');
  const snapshot = reader.snapshot();
  expect(snapshot.looseFiles().size).toBe(0);
  snapshot.close();
  await keeper.stop();
  await store.close();
});

test('starts though a block that the journal does not know cannot be put aside, and leaves it there', async () => {
  using dir = tempDir();
  const { store, startMs } = await storeWithSample(dir.path);
  await store.seal(3_600_000);
  const name = 'raw-00000000000000aa.block';
  writeFileSync(join(store.blocksDir, name), 'of another journal');
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => warnings.push(message) };
  let isFull = true;
  const disk = {
    ...nodeDisk,
    makeDir(path: string) {
      if (isFull && path.endsWith('unknown')) throw diskError('make a folder', systemError('ENOSPC'));
      nodeDisk.makeDir(path);
    },
  };
  const { reader, journal } = store;
  const ports = { disk, dir: store.blocksDir, reader, randomBytes, clock: eagerClock(startMs), log };
  const workshop = inlineWorkshop({ ...ports, yieldToLoop: nextTurn });
  const keeper = new BlockKeeper({ ...ports, journal, workshop });
  for (let round = 0; round < 3; round++) await keeper.round();
  expect(warnings).toEqual(['block files that journal.db does not know cannot be put aside']);
  expect(nodeDisk.list(store.blocksDir)).toContain(name);
  isFull = false;
  await keeper.round();
  expect(nodeDisk.list(join(store.blocksDir, 'unknown'))).toEqual([name]);
  await keeper.stop();
  await store.close();
});

test('tells apart what was too old and what had to make room', async () => {
  using dir = tempDir();
  const { store, startMs } = await storeWithSample(dir.path);
  const lines: unknown[] = [];
  const log = {
    ...silentLogger,
    info: (message: string, fields = {}) => lines.push({ message, ...fields }),
    warn: (message: string, fields = {}) => lines.push({ message, ...fields }),
  };
  const { reader, journal } = store;
  const clock = eagerClock(startMs + 3 * 86_400_000);
  const ports = { disk: nodeDisk, dir: store.blocksDir, reader, randomBytes, clock, log };
  const workshop = inlineWorkshop({ ...ports, yieldToLoop: nextTurn });
  const ageMs = { raw: 30 * 86_400_000, '5m': 86_400_000, '1h': 365 * 86_400_000 };
  const settings = { retention: { ageMs, bytesMax: 1 } };
  const keeper = new BlockKeeper({ ...ports, journal, workshop, settings });
  await keeper.round();
  await keeper.round();
  expect(lines).toEqual([
    { message: 'old samples were removed', blocks: 1 },
    {
      message: 'samples were removed before their time, to make room',
      blocks: 2,
      toMs: startMs + 3_600_000 - 1,
    },
  ]);
  await keeper.stop();
  await store.close();
});
