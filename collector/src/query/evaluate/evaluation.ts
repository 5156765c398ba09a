/** What one running query carries through its evaluation: limits, time, notes for the user, access to the store. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Turns } from '@rollcall/shared/lib/turn.ts';
import type { HostPart, Series, SelectRequest, StorageReader } from '../../storage/storage.ts';
import type { Expr, Span } from '../parse/ast.ts';
import type { Grid, Value } from './columns.ts';
import { positionText } from '../errors.ts';
import type { GridTimes } from './grid-times.ts';
import type { StepSamples } from '../query-stats.ts';
import type { StepMemory } from './step-positions.ts';

/** The state of one query. Functions get it to read series, to be stopped in time and to leave notes. */
export interface Evaluation {
  /** Between what the whole query was asked for, for `@ start()` and `@ end()`. The last step may be before the end. */
  readonly startMs: number;
  readonly endMs: number;
  readonly lookbackMs: number;
  /** Step of subqueries that name none. */
  readonly subqueryStepMs: number;
  /** Names go from the final result only, instead of at each function. */
  readonly isNameRemovalDelayed: boolean;
  readonly budget: SampleBudget;
  /** What the node that is being evaluated has in memory: values of its operands, and room that it took for its own. */
  readonly operands: OperandRoom;
  readonly pacer: Pacer;
  readonly notes: Notes;
  /** Undefined unless somebody wants to know what the query cost. */
  readonly samples: StepSamples | undefined;
  readonly series: SeriesSource;
  /** Of the engine, for all its queries. */
  readonly steps: StepMemory;
  /** As `steps`. */
  readonly times: GridTimes;
  /** Evaluates an expression that is not a range vector. */
  evaluate(this: void, expr: Expr, grid: Grid): Promise<Value>;
}

/** How long a query may hold the event loop before others get a turn. */
const SLICE_MS = 8;

/** So much work passes between two looks at the clock. */
const WORK_PER_LOOK = 10_000;

/**
 * Keeps a long computation from blocking the event loop. Loops say `if (pacer.spend(n)) await pacer.pause()` with the
 * number of values they touched.
 */
export class Pacer implements Turns {
  readonly #clock: Clock;
  readonly #yieldTurn: () => Promise<void>;
  readonly #signal: AbortSignal;
  #work = 0;
  #sliceEndMs: number;

  constructor(options: {
    readonly clock: Clock;
    readonly yieldTurn: () => Promise<void>;
    readonly signal: AbortSignal;
  }) {
    this.#clock = options.clock;
    this.#yieldTurn = options.yieldTurn;
    this.#signal = options.signal;
    this.#sliceEndMs = options.clock.monoMs() + SLICE_MS;
  }

  /** Counts work; true when it is time to `pause`. */
  spend(work: number): boolean {
    this.#work += work;
    if (this.#work < WORK_PER_LOOK) return false;
    this.#work = 0;
    return this.isDue;
  }

  /** As `Turns`: whether this slice has lasted long enough, whatever was spent. */
  get isDue(): boolean {
    return this.#clock.monoMs() >= this.#sliceEndMs;
  }

  /** As `pause`. */
  rest(): Promise<void> {
    return this.pause();
  }

  /** Lets others run. @throws the reason of the signal when the query was stopped meanwhile */
  async pause(): Promise<void> {
    this.throwIfStopped();
    await this.#yieldTurn();
    this.throwIfStopped();
    this.#sliceEndMs = this.#clock.monoMs() + SLICE_MS;
  }

  throwIfStopped(): void {
    if (this.#signal.aborted) throw stopReason(this.#signal);
  }
}

/** Why an aborted signal ended a query: its deadline passed, or the caller left. */
export function stopReason({ reason }: { readonly reason: unknown }): AppError {
  if (reason instanceof AppError) return reason;
  return new AppError('QUERY_CANCELED', 'query was canceled in expression evaluation');
}

/** Bounds the memory of all queries of an engine together, counted in samples. */
export class SamplePool {
  readonly #samplesMax: number;
  #held = 0;

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
  }

  get left(): number {
    return this.#samplesMax - this.#held;
  }

  /** Takes samples, none when it throws. @throws AppError QUERY_LIMIT */
  take(count: number): void {
    if (count > this.left) {
      throw new AppError(
        'QUERY_LIMIT',
        `the queries that run now hold more than ${this.#samplesMax} samples: try again, or ask for less`,
      );
    }
    this.#held += count;
  }

  giveBack(count: number): void {
    this.#held -= count;
  }
}

/** Bounds the memory of a query, counted in samples. */
export class SampleBudget {
  readonly #samplesMax: number;
  readonly #pool: SamplePool;
  #loaded = 0;
  #held = 0;
  #peak = 0;
  #isReleased = false;

  /** @param pool what the query shares with others */
  constructor(samplesMax: number, pool: SamplePool) {
    this.#samplesMax = samplesMax;
    this.#pool = pool;
  }

  /** How many samples were loaded. */
  get loaded(): number {
    return this.#loaded;
  }

  /** The most that was in memory at once. */
  get peak(): number {
    return this.#peak;
  }

  /** How many samples may still be loaded. */
  get left(): number {
    return Math.min(this.#samplesMax - this.#loaded - this.#held, this.#pool.left);
  }

  /** Counts samples read from the store, as if all stayed in memory until the query ends. @throws AppError QUERY_LIMIT */
  load(count: number): void {
    this.#take(count);
    this.#loaded += count;
  }

  /**
   * Counts memory that a query fills without reading anything, in samples of 8 bytes, until it ends or `letGo`.
   * @throws AppError QUERY_LIMIT
   */
  hold(count: number): void {
    this.#take(count);
    this.#held += count;
  }

  /** What was held is no longer in memory. */
  letGo(count: number): void {
    if (this.#isReleased) return;
    this.#held -= count;
    this.#pool.giveBack(count);
  }

  /** The query has ended. What one side of it still does when another has failed takes nothing any more, and gives nothing back. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#pool.giveBack(this.#loaded + this.#held);
  }

  #take(count: number): void {
    if (this.#isReleased) throw stopReason({ reason: undefined });
    // Alone too large, it is so whatever else runs.
    if (this.#loaded + this.#held + count > this.#samplesMax) throw tooManySamples(this.#samplesMax);
    this.#pool.take(count);
    this.#peak = Math.max(this.#peak, this.#loaded + this.#held + count);
  }

  /** Refuses an intermediate result with more than the allowed number of values. */
  checkSize(columns: number, grid: Grid): void {
    if (columns * grid.count > this.#samplesMax) throw tooManySamples(this.#samplesMax);
  }
}

/** What a column takes besides its values, in the measure of a value: itself and its labels. */
const COLUMN_VALUES = 16;

/**
 * Counts the intermediate results that one node of a tree has in memory. Each of them is bounded alone, but a tree is hundreds
 * of nodes deep, and each node waits for its last operand with the others in memory.
 */
export class OperandRoom {
  readonly #budget: SampleBudget;
  #held = 0;

  /** @param budget of all intermediate results of a query */
  constructor(budget: SampleBudget) {
    this.#budget = budget;
  }

  /** Room for the operands of one of the operands. */
  inner(): OperandRoom {
    return new OperandRoom(this.#budget);
  }

  /** Takes room for so many columns, before they are made. @throws AppError QUERY_LIMIT */
  take(columns: number, grid: Grid): void {
    const count = columns * (grid.count + COLUMN_VALUES);
    this.#budget.hold(count);
    this.#held += count;
  }

  /** The node has its value: nobody needs its operands any more. */
  giveBack(): void {
    this.#budget.letGo(this.#held);
    this.#held = 0;
  }
}

function tooManySamples(samplesMax: number): AppError {
  return new AppError(
    'QUERY_LIMIT',
    `query processing would load too many samples into memory in query execution, at most ${samplesMax} are allowed`,
  );
}

/** Most warnings, and most infos, of a query. */
export const NOTES_MAX = 100;

/** Warnings and infos for the user, each once and in the order of appearance; of more than `NOTES_MAX` the number only. */
export class Notes {
  readonly #text: string;
  readonly #warnings = new Set<string>();
  readonly #infos = new Set<string>();
  #warningsOmitted = 0;
  #infosOmitted = 0;

  /** `text` is the query, from which positions are counted. */
  constructor(text: string) {
    this.#text = text;
  }

  /** `message` is made only when there is room for it. */
  warn(place: Span, message: () => string): void {
    if (this.#warnings.size >= NOTES_MAX) this.#warningsOmitted++;
    else this.#warnings.add(`PromQL warning: ${message()} (${positionText(this.#text, place.start)})`);
  }

  /** As `warn`. */
  inform(place: Span, message: () => string): void {
    if (this.#infos.size >= NOTES_MAX) this.#infosOmitted++;
    else this.#infos.add(`PromQL info: ${message()} (${positionText(this.#text, place.start)})`);
  }

  get warnings(): readonly string[] {
    const omitted = this.#warningsOmitted;
    return omitted === 0
      ? [...this.#warnings]
      : [...this.#warnings, `${omitted} more warning annotations omitted`];
  }

  get infos(): readonly string[] {
    const omitted = this.#infosOmitted;
    return omitted === 0 ? [...this.#infos] : [...this.#infos, `${omitted} more info annotations omitted`];
  }
}

/** What a series that was read takes besides its samples, in their measure. A query of thousands of selectors keeps all of theirs. */
export const SERIES_SAMPLES = 8;

type SelectionRequest = Omit<SelectRequest, 'samplesMax' | 'part'>;

/** What a query has read. */
interface Selection {
  readonly request: SelectionRequest;
  /** What it is compared by; undefined until there is a second one. */
  key: string | undefined;
  readonly series: readonly Series[];
}

/** Reads series for a query, the same selection only once. */
export class SeriesSource {
  readonly #storage: StorageReader;
  readonly #budget: SampleBudget;
  readonly #signal: AbortSignal;
  readonly #part: HostPart | undefined;
  readonly #selections: Selection[] = [];

  constructor(options: {
    readonly storage: StorageReader;
    readonly budget: SampleBudget;
    readonly signal: AbortSignal;
    /** @default all hosts */
    readonly part?: HostPart | undefined;
  }) {
    this.#part = options.part;
    this.#storage = options.storage;
    this.#budget = options.budget;
    this.#signal = options.signal;
  }

  async select(request: SelectionRequest): Promise<readonly Series[]> {
    const known = this.#known(request);
    if (known !== undefined) return known;
    const samplesMax = this.#budget.left;
    const whole = { ...request, samplesMax };
    const asked = this.#part === undefined ? whole : { ...whole, part: this.#part };
    const series = await this.#storage.select(asked, this.#signal);
    this.#budget.load(series.reduce((sum, { timestamps }) => sum + timestamps.length, 0));
    this.#budget.hold(series.length * SERIES_SAMPLES);
    this.#selections.push({ request, key: undefined, series });
    return series;
  }

  #known(request: SelectionRequest): readonly Series[] | undefined {
    // Most queries select once, and need no key.
    if (this.#selections.length === 0) return undefined;
    const key = JSON.stringify(request);
    return this.#selections.find((one) => (one.key ??= JSON.stringify(one.request)) === key)?.series;
  }
}
