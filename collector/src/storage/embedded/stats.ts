/** How much the embedded store holds. */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { Journal } from '../../journal/journal.ts';
import type { JournalReader } from '../../journal/reader.ts';
import type { StorageStats } from '../storage.ts';
import type { Catalogue, CatalogueHost } from './catalogue.ts';

/**
 * What stands in the journal and in block files, each sample counted once. Looks at every host, at no sample.
 * @throws AppError STORAGE_UNAVAILABLE when the journal cannot be read
 */
export function storeStats(
  catalogue: Pick<Catalogue, 'hosts'>,
  { journal, reader }: { readonly journal: Pick<Journal, 'stats'>; readonly reader: JournalReader },
): StorageStats {
  let seriesCount = 0;
  let oldestMs: number | undefined;
  let newestMs: number | undefined;
  for (const host of catalogue.hosts.values()) {
    seriesCount += seriesInForce(host);
    for (const lane of host.lanes.values()) {
      oldestMs = Math.min(oldestMs ?? lane.oldestMs, lane.oldestMs);
      newestMs = Math.max(newestMs ?? lane.newestMs, lane.newestMs);
    }
  }
  let sampleCount = journal.stats().samples;
  let diskBytes = reader.fileBytes();
  const snapshot = reader.snapshot();
  const rows = snapshot.blocks();
  sampleCount -= snapshot.sealedSamples;
  snapshot.close();
  for (const { resolution, bytes, samples, firstMs, lastMs } of rows) {
    diskBytes += bytes;
    if (resolution === 'raw') sampleCount += samples;
    oldestMs = Math.min(oldestMs ?? firstMs, firstMs);
    // A rollup is dated with the end of its span.
    if (resolution === 'raw') newestMs = Math.max(newestMs ?? lastMs, lastMs);
  }
  return { seriesCount, sampleCount, diskBytes, oldestMs, newestMs };
}

/** Series of the schemas that the host used last, one per sampler. */
function seriesInForce(host: CatalogueHost): number {
  const newest = new Map<string, { readonly schema: Schema; readonly lastMs: number }>();
  for (const { uses } of host.lanes.values()) {
    for (const use of uses.values()) {
      const known = newest.get(use.schema.sampler);
      if (known === undefined || use.lastMs >= known.lastMs) newest.set(use.schema.sampler, use);
    }
  }
  let count = 0;
  for (const { schema } of newest.values()) count += schema.seriesCount;
  return count;
}
