/**
 * Reads of hosts that are in memory as columns, which are most of what dashboards ask: where each series of a list of matchers
 * stands, and in which order series are answered, is worked out once for as long as the matchers are known. What is left for
 * a read is to look at the samples.
 */
import { sortInTurns } from '@rollcall/shared/lib/turn.ts';
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { Labels } from '../../labels.ts';
import { tooManySamples } from '../../limits.ts';
import type { SelectRequest, Series } from '../../storage.ts';
import { eachSchemaIn, lanesIn, type TimeRange } from '../catalogue.ts';
import { SamplerTimeline, SeriesCollector, type Column } from './collect.ts';
import type { ColumnRun } from './column-run.ts';
import { isInstant } from './host-reading.ts';
import { JoinedTimes } from '../recent/joined-times.ts';
import { seriesOf, WEIGHT_MAX, type FoundHost, type KnownMatch } from './known-matches.ts';
import type { Pace } from './pace.ts';
import type { HostColumns, RecentColumns } from '../recent/recent-columns.ts';

/** The wanted series of a schema of a host. */
interface PlannedSchema {
  readonly schema: Schema;
  readonly indices: readonly number[];
  readonly labels: readonly Labels[];
  /** Where each of them stands in the answer; series with equal labels have the same place. */
  readonly places: Int32Array;
}

interface PlannedSampler {
  readonly name: string;
  readonly found: FoundHost;
  /** Those with wanted series that the host used from the time of the plan on. */
  readonly schemas: readonly PlannedSchema[];
}

interface PlannedHost {
  readonly found: FoundHost;
  /** Those with wanted series, at any time. */
  readonly samplers: readonly PlannedSampler[];
}

/**
 * Where everything is that a list of matchers finds from some time on. Holds no samples, and stays good when columns come
 * and go, until a host uses a schema again that it has not used since that time.
 */
interface Plan {
  readonly fromMs: number;
  /** With wanted series at any time. */
  readonly hosts: readonly PlannedHost[];
  /** Without, unless block files have some. */
  readonly others: readonly FoundHost[];
  readonly placeCount: number;
}

/** What a read asks, and of which hosts. */
export interface ColumnRead {
  readonly request: SelectRequest;
  readonly known: KnownMatch;
  /** What `known` found in the catalogue. */
  readonly hosts: readonly FoundHost[];
  /** Whether there are block files with readings of any host in a range. */
  readonly hasFiles: (range: TimeRange) => boolean;
  /** Whether wanted series of a host without any in columns may be in the range. */
  readonly isInFiles: (found: FoundHost) => boolean;
}

/** What columns alone say. */
export interface ColumnAnswer {
  /** In label order. */
  readonly series: readonly Series[];
  readonly samples: number;
  /** Hosts of which they do not say everything; nothing of these is in `series`. */
  readonly rest: readonly FoundHost[];
}

export class ColumnReads {
  readonly #recent: Pick<RecentColumns, 'whole'>;
  readonly #plans = new WeakMap<KnownMatch, Plan>();

  constructor(recent: Pick<RecentColumns, 'whole'>) {
    this.#recent = recent;
  }

  /**
   * What `Storage.select` answers for hosts that are in memory; undefined when several of them have the same series, or one
   * has series that were not to be expected.
   * @throws AppError QUERY_LIMIT, QUERY_CANCELED
   */
  async select(read: ColumnRead, pace: Pace): Promise<ColumnAnswer | undefined> {
    const { request, known, hosts, hasFiles, isInFiles } = read;
    let plan = this.#plans.get(known);
    if (plan === undefined || plan.fromMs > request.fromMs) {
      const nothing = { series: [], samples: 0, rest: hosts };
      // Not worked out before it can be of use: this very read brings hosts into memory.
      if (!hosts.some((found) => this.#columnsFor(found, read) !== undefined)) return nothing;
      const seriesMax = Math.min(request.samplesMax, PLAN_SERIES_MAX);
      plan = await makePlan(hosts, { recent: this.#recent, fromMs: request.fromMs, seriesMax }, pace);
      if (plan === undefined) return nothing;
      this.#plans.set(known, plan);
    }
    const rest: FoundHost[] = [];
    const answer = new Answer(plan.placeCount, request);
    for (const { found, samplers } of plan.hosts) {
      if (pace.isDue) await pace.rest();
      const columns = this.#columnsFor(found, read);
      if (columns === undefined) {
        rest.push(found);
        continue;
      }
      const outcome = answer.addHost(columns, samplers);
      // The next read plans anew.
      if (outcome === 'unplanned') this.#plans.delete(known);
      if (outcome !== 'added') return undefined;
    }
    if (hasFiles(request))
      // The collector itself has no columns and fits nearly all matchers: to read of it for nothing costs more than the rest.
      for (const found of plan.others)
        if (this.#columnsFor(found, read) === undefined && isInFiles(found)) rest.push(found);
    return { ...answer.finish(), rest };
  }

  /** The columns of a host, if they have all that there is of it in the range. */
  #columnsFor({ host }: FoundHost, { request, hasFiles }: ColumnRead): HostColumns | undefined {
    const columns = this.#recent.whole(host.agentId);
    if (columns === undefined || columns.fromMs <= request.fromMs) return columns;
    // Of a host that is new, nothing may be older.
    const older = { fromMs: request.fromMs, toMs: columns.fromMs - 1 };
    return lanesIn(host, older).length === 0 && !hasFiles(older) ? columns : undefined;
  }
}

/** With more series than this a plan would be forgotten as soon as two lists of matchers take turns. */
const PLAN_SERIES_MAX = WEIGHT_MAX / 2;
const ALWAYS: TimeRange = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };

interface Planning {
  readonly recent: Pick<RecentColumns, 'whole'>;
  /** First millisecond that is to be read. */
  readonly fromMs: number;
  readonly seriesMax: number;
}

/** Undefined when there are too many series; then no label set was made. */
async function makePlan(
  all: readonly FoundHost[],
  { recent, fromMs, seriesMax }: Planning,
  pace: Pace,
): Promise<Plan | undefined> {
  const wanted: { readonly found: FoundHost; readonly bySampler: ReadonlyMap<string, readonly Schema[]> }[] =
    [];
  const others: FoundHost[] = [];
  let seriesCount = 0;
  for (const found of all) {
    if (pace.isDue) await pace.rest();
    const { bySampler, count } = wantedSchemas(found, recent, fromMs);
    seriesCount += count;
    if (seriesCount > seriesMax) return undefined;
    if (bySampler.size > 0) wanted.push({ found, bySampler });
    else others.push(found);
  }
  const hosts: PlannedHost[] = [];
  /** Series without their places yet. */
  const open: { readonly labels: Labels; readonly places: Int32Array; readonly at: number }[] = [];
  const planned = (schema: Schema, found: FoundHost): PlannedSchema => {
    const { indices, labels } = seriesOf(schema, found);
    const places = new Int32Array(indices.length);
    for (const [at, one] of labels.entries()) open.push({ labels: one, places, at });
    return { schema, indices, labels, places };
  };
  for (const { found, bySampler } of wanted) {
    if (pace.isDue) await pace.rest();
    const samplers = Array.from(bySampler, ([name, schemas]) => ({
      name,
      found,
      schemas: schemas.map((schema) => planned(schema, found)),
    }));
    hosts.push({ found, samplers });
  }
  let placeCount = 0;
  let before: Labels | undefined;
  for (const { labels, places, at } of await sortInTurns(open, compareOpen, pace)) {
    if (before === undefined || Labels.compare(before, labels) !== 0) placeCount++;
    before = labels;
    places[at] = placeCount - 1;
  }
  return { fromMs, hosts, others, placeCount };
}

function compareOpen(left: { readonly labels: Labels }, right: { readonly labels: Labels }): number {
  return Labels.compare(left.labels, right.labels);
}

/**
 * The samplers that have wanted series at any time, since a host may use a schema again; each with those of its schemas
 * that have some and that were in use from a time on, or of which columns have readings since. And how many series those have.
 */
function wantedSchemas(
  found: FoundHost,
  recent: Pick<RecentColumns, 'whole'>,
  fromMs: number,
): { readonly bySampler: ReadonlyMap<string, readonly Schema[]>; readonly count: number } {
  const { host } = found;
  const inUse = new Set<Schema>();
  eachSchemaIn(host, { ...ALWAYS, fromMs }, (schema) => inUse.add(schema));
  for (const run of recent.whole(host.agentId)?.runs() ?? []) if (run.lastMs >= fromMs) inUse.add(run.schema);
  const bySampler = new Map<string, Schema[]>();
  let count = 0;
  for (const schema of inUse) {
    const { length } = found.by.matching.series(schema, found.match);
    if (length === 0) continue;
    count += length;
    const list = bySampler.get(schema.sampler);
    if (list === undefined) bySampler.set(schema.sampler, [schema]);
    else list.push(schema);
  }
  eachSchemaIn(host, ALWAYS, (schema) => {
    if (!bySampler.has(schema.sampler) && isWanted(schema, found)) bySampler.set(schema.sampler, []);
  });
  return { bySampler, count };
}

function isWanted(schema: Schema, { by, match }: FoundHost): boolean {
  return by.matching.series(schema, match).length > 0;
}

const NOTHING_PLANNED = { indices: [], labels: [], places: new Int32Array(0) };

/** `shared`: several hosts or samplers have the same series. `unplanned`: a schema is in use again. */
type Outcome = 'added' | 'shared' | 'unplanned';

/** Series on their way into an answer, each in its place. */
class Answer {
  readonly #request: SelectRequest;
  readonly #isInstant: boolean;
  readonly #series: (Series | undefined)[] = [];
  /** The newest values, for all series of a read of one moment. */
  readonly #newest: Float64Array;
  readonly #times = new JoinedTimes();
  #samples = 0;

  constructor(placeCount: number, request: SelectRequest) {
    this.#request = request;
    this.#isInstant = isInstant(request.hints);
    for (let place = 0; place < placeCount; place++) this.#series.push(undefined);
    this.#newest = new Float64Array(this.#isInstant ? placeCount : 0);
  }

  /**
   * After anything but `added` the answer is not to be used.
   * @throws AppError QUERY_LIMIT
   */
  addHost(columns: HostColumns, samplers: readonly PlannedSampler[]): Outcome {
    for (const sampler of samplers) {
      const runs = columns.runsOf(sampler.name);
      const outcome = this.#isInstant ? this.#addNewest(runs, sampler) : this.#addAll(runs, sampler);
      if (outcome !== 'added') return outcome;
    }
    if (this.#samples > this.#request.samplesMax) throw tooManySamples(this.#request.samplesMax);
    return 'added';
  }

  finish(): Omit<ColumnAnswer, 'rest'> {
    const series: Series[] = [];
    for (const one of this.#series) if (one !== undefined) series.push(one);
    return { series, samples: this.#samples };
  }

  /** What the newest reading in the range has. */
  #addNewest(runs: readonly ColumnRun[], sampler: PlannedSampler): Outcome {
    for (let at = runs.length - 1; at >= 0; at--) {
      const run = runs[at];
      const row = run?.lastRow(this.#request) ?? -1;
      if (run === undefined || row < 0) continue;
      const planned = plannedOf(sampler, run.schema);
      if (planned === undefined) return 'unplanned';
      const { indices, labels, places } = planned;
      const timestamps = run.timeOf(row);
      for (let i = 0; i < indices.length; i++) {
        const value = run.valueAt(indices[i] ?? -1, row);
        if (value === undefined) continue;
        const place = places[i] ?? 0;
        this.#newest[place] = value;
        const values = this.#newest.subarray(place, place + 1);
        if (!this.#put(place, { labels: labels[i] ?? Labels.empty, timestamps, values, stale: undefined }))
          return 'shared';
      }
      return 'added';
    }
    return 'added';
  }

  #addAll(runs: readonly ColumnRun[], sampler: PlannedSampler): Outcome {
    let last: ColumnRun | undefined;
    for (const run of runs) {
      if (run.lastRow(this.#request) < 0) continue;
      if (last !== undefined) return this.#addInOrder(runs, sampler);
      last = run;
    }
    if (last === undefined) return 'added';
    const planned = plannedOf(sampler, last.schema);
    if (planned === undefined) return 'unplanned';
    const part = last.part(this.#request);
    if (part === undefined) return 'added';
    const { indices, labels, places } = planned;
    for (const index of indices) if (last.hasGaps(index)) return this.#addInOrder(runs, sampler);
    for (let i = 0; i < indices.length; i++) {
      const { values } = last.rows(indices[i] ?? -1, part.low, part.high);
      const series = {
        labels: labels[i] ?? Labels.empty,
        timestamps: part.timesMs,
        values,
        stale: undefined,
      };
      if (!this.#put(places[i] ?? 0, series)) return 'shared';
    }
    return 'added';
  }

  /** As `#addAll`, where series begin and end within the range. */
  #addInOrder(runs: readonly ColumnRun[], sampler: PlannedSampler): Outcome {
    const collector = new SeriesCollector(this.#request.samplesMax - this.#samples);
    const places = new Map<Labels, number>();
    let isPlanned = true;
    const columnsOf = (schema: Schema): readonly Column[] => {
      const planned = plannedOf(sampler, schema);
      isPlanned &&= planned !== undefined;
      return (planned?.indices ?? []).map((index, i) => {
        const series = collector.series(planned?.labels[i] ?? Labels.empty);
        places.set(series.labels, planned?.places[i] ?? 0);
        return { index, series };
      });
    };
    const timeline = new SamplerTimeline({ collector, columnsOf, hasDerivedEnds: true });
    for (const run of runs) {
      const part = run.part(this.#request);
      if (part === undefined) continue;
      for (const { index, series } of timeline.startRows(run.schema, part.timesMs))
        timeline.addColumn(series, run.rows(index, part.low, part.high));
    }
    if (!isPlanned) return 'unplanned';
    for (const grown of collector.grown()) {
      const place = places.get(grown.labels);
      if (place === undefined || !this.#put(place, grown.finish(this.#times))) return 'shared';
    }
    return 'added';
  }

  /** False when another host or sampler has the same series: they would have to be put together. */
  #put(place: number, series: Series): boolean {
    if (this.#series[place] !== undefined) return false;
    this.#series[place] = series;
    this.#samples += series.timestamps.length;
    return true;
  }
}

/** Undefined when the schema has wanted series that were not planned. */
function plannedOf(
  { found, schemas }: PlannedSampler,
  schema: Schema,
): Omit<PlannedSchema, 'schema'> | undefined {
  for (const planned of schemas) if (planned.schema === schema) return planned;
  return isWanted(schema, found) ? undefined : NOTHING_PLANNED;
}
