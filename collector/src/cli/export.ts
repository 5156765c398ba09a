/** `rollcall-collector export`: samples of a data folder as text, also while a collector runs on it. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { parseSeriesSelector, type SeriesSelector } from '../query/parse/series-selector.ts';
import { exportSeries } from '../transfer/export.ts';
import { seriesWriter, type ExportFormat } from '../transfer/formats.ts';
import { openForReading } from './offline-store.ts';
import { grouped, progressPrinter } from './progress.ts';
import { timeOf } from './time.ts';

/** Samples read at a time, about 50 MB. */
const SAMPLES_MAX = 2_000_000;
const SHOWN_LENGTH_MAX = 200;

export interface ExportOptions {
  readonly dataDir: string;
  /** Selectors such as `node_load1{instance="web-1"}`; everything that any of them fits. */
  readonly match: readonly string[];
  /** Unix seconds or RFC 3339; the oldest sample when absent. */
  readonly from: string | undefined;
  /** Now when absent. */
  readonly to: string | undefined;
  readonly format: ExportFormat;
}

export interface ExportPorts {
  readonly clock: Clock;
  /** Resolves when more may be written. */
  readonly write: (text: string) => Promise<void>;
  /** Progress, for people. */
  readonly complain: (text: string) => void;
}

/**
 * Writes everything that fits.
 * @throws AppError BAD_CONFIG (a time), BAD_QUERY (a selector), DATA_DIR_UNUSABLE, STORAGE_UNAVAILABLE
 */
export async function exportSamples(options: ExportOptions, ports: ExportPorts): Promise<void> {
  const { clock, write, complain } = ports;
  const matcherSets = options.match.map(selectorOf);
  const toMs = options.to === undefined ? clock.wallMs() : timeOf('--to', options.to);
  const fromMs = options.from === undefined ? 0 : timeOf('--from', options.from);
  if (fromMs > toMs) throw new AppError('BAD_CONFIG', '--from: must not be after --to');
  const progress = progressPrinter(clock, complain);
  const store = openForReading(options.dataDir, ports);
  try {
    const oldestMs = (await store.storage.stats()).oldestMs ?? toMs;
    const request = {
      matcherSets,
      fromMs: Math.max(fromMs, Math.min(oldestMs, toMs)),
      toMs,
      samplesMax: SAMPLES_MAX,
    };
    const writer = seriesWriter(options.format);
    let samples = 0;
    await write(writer.head);
    for await (const series of exportSeries(store.storage, request, new AbortController().signal)) {
      for (const text of writer.write(series)) await write(text);
      samples += series.values.length;
      progress(() => `exported ${grouped(samples)} samples, now at ${series.labels.metricName}`);
    }
    await write(writer.tail);
    complain(`exported ${grouped(samples)} samples\n`);
  } finally {
    await store.close();
  }
}

function selectorOf(text: string): SeriesSelector {
  try {
    return parseSeriesSelector(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `--match ${cleanText(text, SHOWN_LENGTH_MAX)}: ${error.message}`);
  }
}
