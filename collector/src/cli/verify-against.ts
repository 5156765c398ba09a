/** `rollcall-collector verify --against`: whether another store holds what the data folder holds. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { plainStores } from '../config/derive.ts';
import type { Config } from '../config/options.ts';
import { openExternalReader } from '../storage/open-reader.ts';
import { compareStores, type Difference, type Summary } from '../transfer/compare.ts';
import { openForReading } from './offline-store.ts';
import { table, timeText } from './output.ts';
import { grouped, progressPrinter } from './progress.ts';
import { timeOf } from './time.ts';

/** Samples read at a time, about 50 MB of each store. */
const SAMPLES_MAX = 2_000_000;
/** Differences that are shown; all are counted. */
const SHOWN_MAX = 1_000;
/** What is newer may not have arrived, or not be shown there yet. */
const SETTLED_MS = 60_000;

export interface AgainstOptions {
  /** Name of a mirror of the configuration, or `storage`. */
  readonly against: string;
  /** Unix seconds or RFC 3339; the oldest raw sample when absent. */
  readonly from?: string | undefined;
  /** A minute ago when absent. */
  readonly to?: string | undefined;
  readonly isJson: boolean;
}

export interface AgainstPorts {
  readonly clock: Clock;
  readonly print: (text: string) => void;
  /** Progress, for people. */
  readonly complain: (text: string) => void;
}

/**
 * Prints what differs.
 * @throws AppError STORES_DIFFER when anything does; BAD_CONFIG (name, times), DATA_DIR_UNUSABLE, STORE_FAILED
 */
export async function verifyAgainst(
  config: Config,
  options: AgainstOptions,
  ports: AgainstPorts,
): Promise<void> {
  const { clock, print, complain } = ports;
  const { against, isJson } = options;
  const settings = storeNamed(config, against);
  const toMs = options.to === undefined ? clock.wallMs() - SETTLED_MS : timeOf('--to', options.to);
  const givenMs = options.from === undefined ? undefined : timeOf('--from', options.from);
  const store = openForReading(config['data-dir'], ports);
  const other = openExternalReader(settings, { clock });
  try {
    const oldestMs = (await store.storage.stats()).oldestMs ?? toMs;
    const rawMs = clock.wallMs() - config['raw-retention'];
    const fromMs = givenMs ?? Math.min(toMs, Math.max(oldestMs, rawMs));
    if (fromMs > toMs) throw new AppError('BAD_CONFIG', '--from: must not be after --to');
    const request = { fromMs, toMs, samplesMax: SAMPLES_MAX };
    const progress = progressPrinter(clock, complain);
    const shown: Difference[] = [];
    let [series, samples, differing] = [0, 0, 0];
    const signal = new AbortController().signal;
    for await (const metric of compareStores({ own: store.storage, other }, request, signal)) {
      series += metric.series;
      samples += metric.samples;
      differing += metric.differences.length;
      shown.push(...metric.differences.slice(0, SHOWN_MAX - shown.length));
      progress(() => `compared ${grouped(samples)} samples, now at ${metric.name}`);
    }
    const report = { against, fromMs, toMs, series, samples, differing };
    print(isJson ? `${JSON.stringify({ ...report, differences: shown })}\n` : textOf(report, shown));
    if (differing > 0) {
      throw new AppError('STORES_DIFFER', `${differing} series differ from those in ${against}, see above`);
    }
  } finally {
    other.close();
    await store.close();
  }
}

function storeNamed(config: Config, against: string) {
  const stores = plainStores(config);
  const found = stores.find(({ name }) => name === against)?.store;
  if (found !== undefined) return found;
  const names = stores.map(({ name }) => name).join(', ');
  throw new AppError(
    'BAD_CONFIG',
    `--against ${against}: must be the name of a mirror, or storage; the configuration has ${names === '' ? 'neither' : names}`,
  );
}

function textOf(
  {
    against,
    fromMs,
    toMs,
    series,
    samples,
    differing,
  }: Readonly<Record<'fromMs' | 'toMs' | 'series' | 'samples' | 'differing', number>> & {
    readonly against: string;
  },
  shown: readonly Difference[],
): string {
  const what = `${grouped(series)} series with ${grouped(samples)} samples from ${timeText(fromMs)} to ${timeText(toMs)}`;
  if (differing === 0) return `${what}: the same in ${against}\n`;
  const rows = shown.flatMap(({ labels, own, other }) => [
    [labels.toString(), 'here', ...cellsOf(own)],
    ['', against, ...cellsOf(other)],
  ]);
  const rest = differing > shown.length ? `and ${grouped(differing - shown.length)} more\n` : '';
  return `${table(['SERIES', 'STORE', 'SAMPLES', 'FIRST', 'LAST', 'SUM'], rows)}${rest}${what}\n`;
}

function cellsOf(summary: Summary | undefined): readonly string[] {
  if (summary === undefined) return ['none'];
  const { count, firstMs, lastMs, sum } = summary;
  return [String(count), new Date(firstMs).toISOString(), new Date(lastMs).toISOString(), String(sum)];
}
