/** `rollcall-collector import`: OpenMetrics text into the store of a collector that does not run. */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { AppendResult } from '../storage/storage.ts';
import { importOpenMetrics, type ImportRefusal, type ImportResult } from '../transfer/import.ts';
import { openForWriting } from './offline-store.ts';
import { grouped, progressPrinter } from './progress.ts';

/** The file name that stands for standard input. */
const STANDARD_INPUT = '-';
/** Clocks differ a little; what lies further ahead would stand in the way of samples to come. */
const FUTURE_MS_MAX = 600_000;

const REFUSALS: Readonly<Record<ImportRefusal, string>> = {
  out_of_order: 'older than what is stored of their series',
  duplicate_timestamp: 'with a time that their series has already',
  invalid_labels: 'with labels that cannot be stored',
  reserved: 'of hosts that report here themselves',
};

export interface ImportPorts {
  readonly clock: Clock;
  /** Standard input. */
  readonly input: () => AsyncIterable<Uint8Array>;
  /** Progress, for people. */
  readonly complain: (text: string) => void;
}

/**
 * Imports a file; it is read twice, first to the end without storing anything, so that a bad line leaves no half of it.
 * Standard input is read once.
 * @param file a path, packed with gzip when it ends with `.gz`, or `-`
 * @returns what to print
 * @throws AppError IMPORT_FAILED, DATA_DIR_UNUSABLE, STORAGE_UNAVAILABLE, READ_FAILED
 */
export async function importFile(dataDir: string, file: string, ports: ImportPorts): Promise<string> {
  try {
    return await importAll(dataDir, file, ports);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'IMPORT_FAILED') throw error;
    const name = file === STANDARD_INPUT ? 'standard input' : file;
    throw new AppError('IMPORT_FAILED', `import ${name}: ${error.message}`, { cause: error.cause });
  }
}

async function importAll(dataDir: string, file: string, ports: ImportPorts): Promise<string> {
  const { clock, complain } = ports;
  const progress = progressPrinter(clock, complain);
  const newestMs = clock.wallMs() + FUTURE_MS_MAX;
  if (file !== STANDARD_INPUT) {
    await importOpenMetrics(streamOf(file), {
      append: countOnly,
      reserved: { has: () => false },
      newestMs,
      progress: ({ lines }) => progress(() => `checked ${grouped(lines)} lines`),
    });
  }
  const store = openForWriting(dataDir, ports);
  try {
    const result = await importOpenMetrics(file === STANDARD_INPUT ? ports.input() : streamOf(file), {
      append: (batch) => store.storage.append(batch),
      reserved: store.reserved,
      newestMs,
      progress: ({ samples }) => progress(() => `read ${grouped(samples)} samples`),
    });
    await store.storage.flush();
    return summary(result);
  } finally {
    await store.close();
  }
}

/** Stands in for a store while a file is checked. */
function countOnly(batch: readonly { readonly samples: readonly unknown[] }[]): Promise<AppendResult> {
  return Promise.resolve({
    accepted: batch.reduce((sum, { samples }) => sum + samples.length, 0),
    rejected: [],
  });
}

function summary({ samples, stored, refused }: ImportResult): string {
  const lines = [`stored ${grouped(stored)} of ${grouped(samples)} samples`];
  for (const [reason, count] of refused) lines.push(`left out ${grouped(count)} ${REFUSALS[reason]}`);
  return `${lines.join('\n')}\n`;
}

async function* streamOf(file: string): AsyncGenerator<Uint8Array> {
  const source = createReadStream(file);
  const stream: AsyncIterable<unknown> = file.endsWith('.gz')
    ? pipeline(source, createGunzip(), () => {})
    : source;
  try {
    for await (const piece of stream) if (piece instanceof Uint8Array) yield piece;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('READ_FAILED', `read ${file}: ${describeError(error)}`, { cause: error });
  }
}
