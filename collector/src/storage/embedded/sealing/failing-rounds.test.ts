import { randomBytes } from 'node:crypto';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { Labels } from '../../labels.ts';
import { eagerClock, openTestStorage } from '../testing/test-storage.ts';
import { BlockKeeper } from './keeper.ts';
import { inlineWorkshop } from './tasks.ts';

test('a new store whose journal could not be changed for three minutes is opened again', async () => {
  using dir = tempDir();
  const startMs = Date.UTC(2026, 5, 1);
  const store = openTestStorage({ dir: dir.path, wallMs: startMs });
  const { reader, journal } = store;
  const clock = eagerClock(startMs + 3 * 3_600_000);
  const failing = {
    deleteSealed: journal.deleteSealed.bind(journal),
    hold: journal.hold.bind(journal),
    changeBlocks: () =>
      Promise.reject(new AppError('STORAGE_UNAVAILABLE', 'write to the journal: disk I/O error')),
  };
  const ports = { disk: nodeDisk, dir: store.blocksDir, reader, randomBytes, clock, log: silentLogger };
  const workshop = inlineWorkshop({ ...ports, yieldToLoop: nextTurn });
  const keeper = new BlockKeeper({ ...ports, journal: failing, workshop });
  await store.storage.append([
    { labels: Labels.of({ __name__: 'm' }), samples: [{ timeMs: startMs, value: 1 }] },
  ]);
  for (let minute = 0; minute < 3; minute++) await keeper.round().catch(() => undefined);
  await keeper.stop();
  expect(nodeDisk.list(store.blocksDir).length).toBeLessThan(3);
  expect(() => new BlockKeeper({ ...ports, journal, workshop })).not.toThrow();
  await store.close();
});
