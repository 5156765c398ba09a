/** Reads of samples that are no queries: they take turns with queries, and what they have in memory counts with theirs. */
import type { Series, SelectRequest, StorageReader } from '../storage/storage.ts';
import { SERIES_SAMPLES, type Pacer, type SampleBudget } from './evaluate/evaluation.ts';

/** What such a read works with, as long as it lasts. */
export interface Reading {
  readonly storage: Pick<StorageReader, 'select'>;
  readonly budget: SampleBudget;
  readonly pacer: Pacer;
  /** Aborted too when it takes longer than a query may. */
  readonly signal: AbortSignal;
}

/**
 * Reads series for as long as `use` takes: so long their samples count.
 * @throws AppError QUERY_LIMIT, QUERY_CANCELED, those of the store, and whatever `use` throws
 */
export async function withSeries(
  request: Omit<SelectRequest, 'samplesMax'> & { readonly samplesMax?: number },
  { storage, budget, signal }: Reading,
  use: (all: readonly Series[]) => Promise<void>,
): Promise<void> {
  const samplesMax = Math.min(request.samplesMax ?? Infinity, budget.left);
  const all = await storage.select({ ...request, samplesMax }, signal);
  const samples = all.reduce((sum, { timestamps }) => sum + timestamps.length + SERIES_SAMPLES, 0);
  budget.hold(samples);
  await use(all);
  budget.letGo(samples);
}

/** What so many bytes count, in samples. */
export function samplesOf(bytes: number): number {
  return Math.ceil(bytes / Float64Array.BYTES_PER_ELEMENT);
}
