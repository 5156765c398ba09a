import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { eagerClock, openTestStorage } from './embedded/testing/test-storage.ts';
import { openStorage } from './open.ts';

test('opens the store of the kind that is configured', async () => {
  using dir = tempDir();
  const { journal, reader, close } = openTestStorage({ dir: dir.path, wallMs: 1e12 });
  const options = {
    journal,
    reader,
    identityOf: () => undefined,
    clock: eagerClock(1e12),
    randomBytes,
    yieldToLoop: () => Promise.resolve(),
  };
  const embedded = openStorage('embedded', options);
  const memory = openStorage('memory', options);
  expect(embedded.capabilities.isDurable).toBe(true);
  expect(memory.capabilities.isDurable).toBe(false);
  await embedded.close();
  await memory.close();
  await close();
});
