import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { CONFORMANCE_BASE_MS, storageConformance, type StorageUnderTest } from '../conformance.ts';
import { openTestStorage } from './testing/test-storage.ts';

/** @param wallMs the store's clock: near the samples they are read from the window, far away from the journal */
function create(wallMs: number): Promise<StorageUnderTest> {
  const dir = tempDir();
  const { storage, journal, reader } = openTestStorage({ dir: dir.path, wallMs });
  const release = async (): Promise<void> => {
    await journal.close();
    reader.close();
    dir[Symbol.dispose]();
  };
  return Promise.resolve({ storage, release });
}

storageConformance('embedded, from the recent window', () => create(CONFORMANCE_BASE_MS));
storageConformance('embedded, from the journal', () => create(CONFORMANCE_BASE_MS + 30 * 86_400_000));
