/** Brings samples of an OpenMetrics text into the store, in portions, so that memory does not grow with the text. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Labels } from '../storage/labels.ts';
import type { AppendResult, AppendSample, AppendSeries, RejectReason } from '../storage/storage.ts';
import { parseSampleLine, parseSeries } from './sample-line.ts';
import { textLines } from './text-lines.ts';

/** How far an import is. */
export interface ImportProgress {
  readonly lines: number;
  /** Bytes of text read. */
  readonly bytes: number;
  /** Samples read. */
  readonly samples: number;
}

/** Why samples were left out; `reserved`: a host of the fleet reports under these labels itself. */
export type ImportRefusal = RejectReason | 'reserved';

export interface ImportResult extends ImportProgress {
  readonly stored: number;
  readonly refused: ReadonlyMap<ImportRefusal, number>;
}

export interface ImportOptions {
  /** Stores a portion; as `Storage.append`. */
  readonly append: (batch: readonly AppendSeries[]) => Promise<AppendResult>;
  /** Labels that nobody but a host of the fleet may use. */
  readonly reserved: { has(labels: Labels): boolean };
  /** Times after this are refused: a sample from the future would stand in the way of those to come. */
  readonly newestMs: number;
  /** Called after every portion of text. */
  readonly progress: (progress: ImportProgress) => void;
  readonly limits?: Partial<ImportLimits>;
}

interface ImportLimits {
  /** Samples stored at a time. */
  readonly portionSamples: number;
  /** Series remembered between lines. */
  readonly seriesKept: number;
}

const IMPORT_LIMITS: ImportLimits = { portionSamples: 200_000, seriesKept: 100_000 };
const END = '# EOF';

/**
 * Reads OpenMetrics text and stores its samples. Samples that are there already, or older than what is there of their
 * series, are counted as refused; so the same text can be imported again.
 * @param stream UTF-8
 * @throws AppError IMPORT_FAILED naming the line, or when the text has no `# EOF` at its end; STORAGE_UNAVAILABLE. What was
 *   stored until then stays
 */
export async function importOpenMetrics(
  stream: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportResult> {
  const limits = { ...IMPORT_LIMITS, ...options.limits };
  const portion = new Portion(options, limits);
  let hasEnded = false;
  let lines = 0;
  let bytes = 0;
  for await (const { firstNumber, lines: some, bytes: read } of textLines(stream)) {
    bytes = read;
    for (const [index, line] of some.entries()) {
      lines++;
      if (hasEnded) throw lineError(firstNumber + index, 'text behind # EOF');
      if (line === END) hasEnded = true;
      else if (!line.startsWith('#')) takeLine(portion, line, firstNumber + index);
      if (portion.isFull) await portion.store();
    }
    options.progress({ lines, bytes, samples: portion.samples });
  }
  await portion.store();
  if (!hasEnded) {
    throw new AppError(
      'IMPORT_FAILED',
      `read to line ${lines}: the text does not end with "# EOF", so a part of it may be missing`,
    );
  }
  return { lines, bytes, samples: portion.samples, stored: portion.stored, refused: portion.refused };
}

function takeLine(portion: Portion, line: string, number: number): void {
  try {
    portion.add(line);
  } catch (error) {
    if (error instanceof AppError && error.code === 'IMPORT_FAILED') throw lineError(number, error.message);
    throw error;
  }
}

/** The samples that are stored next. */
class Portion {
  /** Samples of all portions: read, and stored. */
  samples = 0;
  stored = 0;
  readonly refused = new Map<ImportRefusal, number>();
  readonly #options: ImportOptions;
  readonly #limits: ImportLimits;
  /** By their text. */
  readonly #known = new Map<string, Labels>();
  #waiting = new Map<string, { readonly labels: Labels; readonly samples: AppendSample[] }>();
  #waitingCount = 0;

  constructor(options: ImportOptions, limits: ImportLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#waitingCount >= this.#limits.portionSamples;
  }

  /** @throws AppError IMPORT_FAILED without the number of the line */
  add(line: string): void {
    const { series: text, value, timeMs } = parseSampleLine(line);
    if (timeMs > this.#options.newestMs) {
      throw new AppError('IMPORT_FAILED', `time ${timeMs / 1000} lies in the future`);
    }
    this.samples++;
    let series = this.#waiting.get(text);
    if (series === undefined) {
      series = { labels: this.#labelsOf(text), samples: [] };
      this.#waiting.set(text, series);
    }
    series.samples.push({ timeMs, value });
    this.#waitingCount++;
  }

  async store(): Promise<void> {
    const batch = [...this.#waiting.values()];
    this.#waiting = new Map();
    this.#waitingCount = 0;
    const allowed = batch.filter(({ labels, samples }) => {
      const isReserved = this.#options.reserved.has(labels);
      if (isReserved) this.#refuse('reserved', samples.length);
      return !isReserved;
    });
    if (allowed.length === 0) return;
    const { accepted, rejected } = await this.#options.append(allowed);
    this.stored += accepted;
    for (const { reason } of rejected) this.#refuse(reason, 1);
  }

  #refuse(reason: ImportRefusal, count: number): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + count);
  }

  #labelsOf(text: string): Labels {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const labels = parseSeries(text);
    if (this.#known.size >= this.#limits.seriesKept) this.#known.clear();
    this.#known.set(text, labels);
    return labels;
  }
}

function lineError(number: number, message: string): AppError {
  return new AppError('IMPORT_FAILED', `line ${number}: ${message}`);
}
