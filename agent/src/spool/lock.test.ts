import { expect, it } from 'vitest';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { lockDir } from './lock.ts';

it('lets one agent in at a time', async () => {
  using dir = tempDir();
  using other = tempDir();
  const lock = await lockDir(dir.path);
  await expect(lockDir(dir.path)).rejects.toThrow(/in use by another agent/);
  (await lockDir(other.path)).release();
  lock.release();
  (await lockDir(dir.path)).release();
});
