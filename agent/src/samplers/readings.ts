/**
 * Collects what a sampler reads in one tick and brings it into the order of its schema. While the sampler emits the
 * same series in the same order as the tick before, this costs a comparison and a copy per value: nothing is sorted,
 * hashed or looked up. When it emits something else a new layout, and with it a new schema, is made. Long, because what
 * need not be parsed again, files and lines, shares the account of what is read.
 */
import type { MetricName, MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import { SAMPLE_ERROR, type ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { AppError } from '@rollcall/shared/lib/errors.ts';
import {
  areSameLabels,
  createLayout,
  EMPTY_LAYOUT,
  fitsScale,
  type Emission,
  type Layout,
  type LayoutPart,
  type Metric,
} from './layout.ts';
import { NO_SOURCE, noLines, type LinesSource, type Source } from './source.ts';

/** Code of SAMPLE_ERROR. */
export type SampleErrorCode = (typeof SAMPLE_ERROR)[keyof typeof SAMPLE_ERROR];

/**
 * Why a value was left out without being part of the schema: duplicate (same labels as another once cleaned), unknown (not
 * in the catalogue) or limit (one too many).
 */
export const DROP_REASONS = ['duplicate', 'unknown', 'limit'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/**
 * Series that one sampler may have. An agent with more than LIMITS.seriesPerAgent would have some of its schemas refused,
 * so one with very many disks, mounts or network devices leaves out the last ones and says how many.
 */
export const SERIES_PER_SAMPLER = 3_000;

/** The values of one schema in one tick; all but the number that the spool gives to the schema. */
export type SchemaValues = Pick<ValuesBlock, 'values' | 'present' | 'errors'> & {
  readonly schema: HashedSchema;
};

/** A part of a sampler that failed while the rest of it did not. */
export interface Problem {
  /** Which part, for example the path of a file. */
  readonly what: string;
  readonly error: AppError;
}

const PRESENT = 0;
/** Room for a file to grow a little before it needs other memory. */
const SOURCE_BYTES_SPARE = 64;
const NO_ERRORS: SchemaValues['errors'] = [];
const NO_EMISSIONS: readonly Emission[] = [];

/** Belongs to one sampler for its whole life. `begin`, then values, then `finish`; not for concurrent use. */
export class Readings {
  readonly #sampler: string;
  readonly #intervalMs: number;
  readonly #floatMetrics = new Set<Metric>();
  readonly #dropped = { duplicate: 0, unknown: 0, limit: 0 };
  #layout: Layout = EMPTY_LAYOUT;
  /** The emissions of this tick as soon as they differ from the layout's. */
  #changed: Emission[] | undefined;
  /** What the layout says; empty as soon as this tick differs. */
  #expected: readonly Emission[] = NO_EMISSIONS;
  #count = 0;
  #values = new Float64Array(64);
  /** SAMPLE_ERROR per emission, or PRESENT; all PRESENT unless `hasErrors`. */
  #codes = new Uint8Array(64);
  #hasErrors = false;
  /** Of the tick before. */
  #hadErrors = false;
  #tick = 0;
  /** The last tick that was finished. */
  #tickFinished = 0;
  #problems: Problem[] = [];
  readonly #sources: Source[] = [];
  #sourceCount = 0;
  readonly #linesSources: LinesSource[] = [];
  #linesSourceCount = 0;

  constructor(options: { readonly sampler: string; readonly intervalMs: number }) {
    this.#sampler = options.sampler;
    this.#intervalMs = options.intervalMs;
  }

  /** The schemas of the last finished tick, empty before the first one. */
  get schemas(): readonly HashedSchema[] {
    return this.#layout.parts.map((part) => part.schema);
  }

  /** Values left out since the start. */
  get dropped(): Readonly<Record<DropReason, number>> {
    return this.#dropped;
  }

  /** Whether there were any. */
  get hasDropped(): boolean {
    const { duplicate, unknown, limit } = this.#dropped;
    return duplicate + unknown + limit > 0;
  }

  /** Starts a tick; what an unfinished one has left behind is forgotten. */
  begin(): void {
    this.#count = 0;
    this.#changed = undefined;
    this.#expected = this.#layout.emissions;
    if (this.#hasErrors) this.#codes.fill(PRESENT);
    this.#hadErrors = this.#hasErrors;
    this.#hasErrors = false;
    this.#tick += 1;
    this.#sourceCount = 0;
    this.#linesSourceCount = 0;
    this.#problems = [];
  }

  /**
   * Adds what a file says: `add` parses `content` and makes all its calls at once. When the file is byte for byte what it
   * was the tick before, and stands at the same place among the readings, `add` is not called and its values stand as
   * they are. Most small files of the kernel hardly ever change, and comparing costs a hundredth of parsing.
   * @param path names the content; another name is another content
   * @param content may be overwritten afterwards
   */
  addFrom(path: string, content: Buffer, add: (content: Buffer) => void): void {
    const index = this.#sourceCount;
    this.#sourceCount += 1;
    const known = this.#sources[index];
    if (known !== undefined && known.path === path && this.#standsAsItWas(known, content)) {
      this.#count = known.to;
      this.#dropped.unknown += known.unknown;
      this.#dropped.limit += known.limit;
      known.tick = this.#tick;
      return;
    }
    const from = this.#count;
    const before = { ...this.#dropped };
    const source = known ?? { ...NO_SOURCE };
    this.#sources[index] = source;
    // Copied first: what `add` reads may be overwritten while it works. It counts only if `add` gets to its end.
    if (source.content.length < content.length)
      source.content = Buffer.alloc(content.length + SOURCE_BYTES_SPARE);
    content.copy(source.content);
    source.path = path;
    source.length = content.length;
    source.tick = 0;
    add(content);
    source.from = from;
    source.to = this.#count;
    source.unknown = this.#dropped.unknown - before.unknown;
    source.limit = this.#dropped.limit - before.limit;
    source.tick = this.#tick;
  }

  /**
   * Adds what a file says line by line: `addLine` parses one and makes all its calls at once, and looks at nothing else than
   * the line and its number. A line that is letter for letter what stood in its place the tick before is not parsed, and its
   * values stand as they are: of most files a few lines change in a second, and comparing costs a fifth of parsing. Lines that
   * stood together the tick before are compared together.
   * @param path names the content; another name is another content
   * @param addLine gets where the line begins and ends in `text`, without its line break, and its number from 0
   * @returns how many lines there are; a text that ends with a line break has none behind it
   */
  addLines(path: string, text: string, addLine: (from: number, end: number, line: number) => void): number {
    const index = this.#linesSourceCount;
    this.#linesSourceCount += 1;
    const source = (this.#linesSources[index] ??= noLines());
    const { ends, tos, hasOther, runs, text: textBefore } = source;
    const isKnown = source.path === path && source.tick === this.#tickFinished && this.#followsPlainTick();
    const linesBefore = isKnown ? source.lineCount : 0;
    // It counts only if `addLine` gets to the end.
    source.tick = 0;
    let line = 0;
    let fromBefore = 0;
    let toBefore = source.from;
    /** Where the lines began that stand as they were, -1 behind one that does not. */
    let runFrom = -1;
    const start = this.#count;
    for (let from = 0; from < text.length; line++) {
      const isLine = line < linesBefore;
      if (isLine && hasOther[line] === 0 && this.#count === toBefore && this.#changed === undefined) {
        const last = Math.max(line, (runs[line] ?? 0) - 1);
        const endBefore = ends[last] ?? 0;
        if (text.startsWith(textBefore.slice(fromBefore, endBefore), from)) {
          const shift = from - fromBefore;
          if (shift !== 0) for (let i = line; i <= last; i++) ends[i] = (ends[i] ?? 0) + shift;
          from += endBefore - fromBefore;
          fromBefore = endBefore;
          toBefore = this.#count = tos[last] ?? 0;
          if (runFrom === -1) runFrom = line;
          else runs[line] = 0;
          line = last;
          runs[runFrom] = line + 1;
          continue;
        }
        if (last > line) {
          // One by one then.
          runs[line--] = 0;
          continue;
        }
      }
      runs[line] = 0;
      runFrom = -1;
      const endBefore = isLine ? (ends[line] ?? 0) : 0;
      if (isLine) toBefore = tos[line] ?? 0;
      fromBefore = endBefore;
      const newline = text.indexOf('\n', from);
      const { unknown, limit } = this.#dropped;
      addLine(from, newline === -1 ? text.length : newline, line);
      from = newline === -1 ? text.length : newline + 1;
      ends[line] = from;
      tos[line] = this.#count;
      // A line without its break may go on the next time.
      hasOther[line] =
        newline === -1 || unknown !== this.#dropped.unknown || limit !== this.#dropped.limit ? 1 : 0;
    }
    source.path = path;
    source.text = text;
    source.from = start;
    source.lineCount = line;
    source.tick = this.#tick;
    return line;
  }

  /**
   * Adds a value. Label values come in the catalogue's order and may be anything; NaN and infinities count as failed.
   * A series beyond SERIES_PER_SAMPLER is left out and counted.
   */
  add(metric: MetricWithLabels<0>, value: number): void;
  add(metric: MetricWithLabels<1>, value: number, label1: string): void;
  add(metric: MetricWithLabels<2>, value: number, label1: string, label2: string): void;
  add(metric: MetricWithLabels<3>, value: number, label1: string, label2: string, label3: string): void;
  add(metric: MetricName, value: number, label1?: string, label2?: string, label3?: string): void {
    const expected = this.#expected[this.#count];
    if (
      expected === undefined ||
      expected.metric !== metric ||
      expected.labels[0] !== label1 ||
      expected.labels[1] !== label2 ||
      expected.labels[2] !== label3
    ) {
      if (this.#isFull()) return;
      this.#diverge({ metric, labels: given(label1, label2, label3) });
    }
    this.#put(value);
  }

  /** Says that a series exists but could not be read in this tick. */
  fail(metric: MetricWithLabels<0>, code: SampleErrorCode): void;
  fail(metric: MetricWithLabels<1>, code: SampleErrorCode, label1: string): void;
  fail(metric: MetricWithLabels<2>, code: SampleErrorCode, label1: string, label2: string): void;
  fail(
    metric: MetricWithLabels<3>,
    code: SampleErrorCode,
    label1: string,
    label2: string,
    label3: string,
  ): void;
  fail(metric: MetricName, code: SampleErrorCode, label1?: string, label2?: string, label3?: string): void {
    this.failLabelled(metric, given(label1, label2, label3), code);
  }

  /** Adds the value 1 of a metric whose labels carry facts. */
  addFacts(metric: MetricName, labels: readonly string[]): void {
    this.addLabelled(metric, labels, 1);
  }

  /** Like `add`, for labels that come as a list, and for metrics of others. */
  addLabelled(metric: Metric, labels: readonly string[], value: number): void {
    if (this.#isNextLabelled(metric, labels)) this.#put(value);
  }

  /** Like `fail`, for labels that come as a list. */
  failLabelled(metric: MetricName, labels: readonly string[], code: SampleErrorCode): void {
    if (this.#isNextLabelled(metric, labels)) this.#putError(code);
  }

  /** Says why a part could not be read; it is logged and shown, and the rest of the sampler counts as read. */
  complain(what: string, error: AppError): void {
    this.#problems.push({ what, error });
  }

  /** What `complain` was told in this tick. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Counts a value that cannot be sent because the catalogue does not know its metric. */
  dropUnknown(): void {
    this.#dropped.unknown += 1;
  }

  /** Counts values that a sampler does not even read because it has too many. */
  dropOverLimit(count: number): void {
    this.#dropped.limit += count;
  }

  /**
   * Ends the tick.
   * @returns one entry per schema: a single one unless the sampler has more series than a schema may hold. An empty
   *   schema says that the sampler ran and found nothing. The arrays are valid until the next `finish`.
   * @throws AppError LIMIT_EXCEEDED
   */
  finish(): SchemaValues[] {
    const { emissions, parts } = this.#layout;
    if (this.#count < emissions.length || parts.length === 0) {
      this.#changed ??= emissions.slice(0, this.#count);
    }
    if (this.#changed === undefined && this.#copyPlain()) {
      this.#tickFinished = this.#tick;
      return parts.map(({ schema, values }) => ({ schema, values, present: undefined, errors: NO_ERRORS }));
    }
    if (this.#changed !== undefined) this.#relayout(this.#changed);
    if (this.#widenMetrics()) this.#relayout(this.#layout.emissions);
    this.#changed = undefined;
    this.#tickFinished = this.#tick;
    return this.#scatter();
  }

  /** Whether everything so far is what the layout says, and the tick before was finished and had no errors. */
  #followsPlainTick(): boolean {
    return this.#changed === undefined && !this.#hadErrors && this.#tickFinished === this.#tick - 1;
  }

  #standsAsItWas(source: Source, content: Buffer): boolean {
    return (
      this.#followsPlainTick() &&
      source.tick === this.#tickFinished &&
      source.from === this.#count &&
      source.length === content.length &&
      source.content.compare(content, 0, content.length, 0, content.length) === 0
    );
  }

  /** Whether there is no room for another series, which is then counted. */
  #isFull(): boolean {
    if (this.#count < SERIES_PER_SAMPLER) return false;
    this.#dropped.limit += 1;
    return true;
  }

  /** Makes sure that exactly this series comes next; false when there is no room for it. */
  #isNextLabelled(metric: Metric, labels: readonly string[]): boolean {
    const expected = this.#expected[this.#count];
    if (expected?.metric === metric && areSameLabels(labels, expected.labels)) return true;
    if (this.#isFull()) return false;
    this.#diverge({ metric, labels: [...labels] });
    return true;
  }

  /** Notes a series that the layout does not say. */
  #diverge(emission: Emission): void {
    this.#changed ??= this.#layout.emissions.slice(0, this.#count);
    this.#changed.push(emission);
    this.#expected = NO_EMISSIONS;
  }

  #put(value: number): void {
    const index = this.#count;
    if (index === this.#values.length) this.#grow();
    if (!Number.isFinite(value)) return this.#putError(SAMPLE_ERROR.NOT_FINITE);
    this.#values[index] = value;
    this.#count = index + 1;
  }

  #putError(code: number): void {
    const index = this.#count;
    if (index === this.#values.length) this.#grow();
    this.#values[index] = 0;
    this.#codes[index] = code;
    this.#hasErrors = true;
    this.#count = index + 1;
  }

  #grow(): void {
    const values = new Float64Array(this.#values.length * 4);
    values.set(this.#values);
    this.#values = values;
    const codes = new Uint8Array(values.length);
    codes.set(this.#codes);
    this.#codes = codes;
  }

  /**
   * Copies the values into the order of the schema, which is nearly always all there is to do: nothing failed, no value
   * needs another encoding. False when it is not; then all is done the long way.
   */
  #copyPlain(): boolean {
    const { indexes, scales, parts } = this.#layout;
    const target = parts[0]?.values;
    if (target === undefined || indexes === undefined || this.#hasErrors) return false;
    const values = this.#values;
    for (let i = 0; i < indexes.length; i++) {
      const value = values[i] ?? 0;
      const scale = scales[i] ?? -1;
      if (!fitsScale(value, scale)) return false;
      target[indexes[i] ?? 0] = value;
    }
    return true;
  }

  #relayout(emissions: readonly Emission[]): void {
    this.#layout = createLayout({
      sampler: this.#sampler,
      intervalMs: this.#intervalMs,
      emissions,
      floatMetrics: this.#floatMetrics,
      partsMin: this.#layout.parts.length,
    });
  }

  /** Turns metrics with a value that does not fit their decimals into float64, for good; whether there were any. */
  #widenMetrics(): boolean {
    const { emissions, scales } = this.#layout;
    let isWidened = false;
    for (let i = 0; i < this.#count; i++) {
      if (this.#codes[i] !== PRESENT || fitsScale(this.#values[i] ?? 0, scales[i] ?? -1)) continue;
      const emission = emissions[i];
      if (emission === undefined) continue;
      this.#floatMetrics.add(emission.metric);
      isWidened = true;
    }
    return isWidened;
  }

  /** Copies values from the order of emission into the order of the schemas. */
  #scatter(): SchemaValues[] {
    const { places, parts } = this.#layout;
    for (const part of parts) part.present.fill(0);
    let errors: Map<LayoutPart, { index: number; code: number }[]> | undefined;
    for (let i = 0; i < this.#count; i++) {
      const place = places[i];
      if (place === undefined) {
        this.#dropped.duplicate += 1;
        continue;
      }
      const { part, index } = place;
      const code = this.#codes[i] ?? PRESENT;
      if (code === PRESENT) {
        part.values[index] = this.#values[i] ?? 0;
        part.present[index] = 1;
        continue;
      }
      errors ??= new Map(parts.map((each) => [each, []]));
      errors.get(part)?.push({ index, code });
    }
    return parts.map((part) => ({
      schema: part.schema,
      values: part.values,
      present: part.present.includes(0) ? part.present : undefined,
      errors: errors?.get(part) ?? NO_ERRORS,
    }));
  }
}

function given(...labels: readonly (string | undefined)[]): string[] {
  return labels.filter((label) => label !== undefined);
}
