/**
 * The embedded store: samples stand in the journal at first, and in block files later; a snapshot of the journal says
 * which, so a read sees each of them once. What is in memory is a catalogue of hosts and schemas and the recent window;
 * both are rebuilt after a restart. Long, because it is all ways of reading one after another.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { sortInTurns } from '@rollcall/shared/lib/turn.ts';
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { BlockResolution, BlockRow } from '../../journal/blocks.ts';
import {
  COLLECTOR_AGENT_ID,
  type CommittedSamples,
  type Journal,
  type PruneResult,
} from '../../journal/journal.ts';
import { SnapshotMoved, type JournalReader, type JournalSnapshot } from '../../journal/reader.ts';
import type { SchemaCache } from '../../journal/schema-cache.ts';
import { Labels, METRIC_NAME } from '../labels.ts';
import type { SeriesBatch } from '../moment-batch.ts';
import type {
  AppendResult,
  ExpectedRead,
  LabelsRequest,
  SelectRequest,
  Series,
  Storage,
  StorageStats,
} from '../storage.ts';
import { toBlock } from './blocks/block.ts';
import type { BlockFile } from './blocks/block-file.ts';
import type { BlockSet, BlockView } from './blocks/block-set.ts';
import { Catalogue, eachSchemaIn, type CatalogueHost, type TimeRange } from './catalogue.ts';
import { SeriesCollector, type Column } from './reads/collect.ts';
import type { GrowingSeries } from './reads/growing-series.ts';
import { ColumnReads } from './reads/column-reads.ts';
import { EmptyRanges } from './rollups/empty-ranges.ts';
import { HostBlocks } from './blocks/host-blocks.ts';
import { filesIn } from './blocks/host-groups.ts';
import {
  addRollupPart,
  addSamples,
  GRID_STEP_MS_MIN,
  isInstant,
  timelines,
  type ReadPart,
} from './reads/host-reading.ts';
import { HostSearch } from './reads/host-search.ts';
import { JoinedTimes } from './recent/joined-times.ts';
import { EMBEDDED_LIMITS, type EmbeddedLimits } from './limits.ts';
import { newMatch, seriesOf, wantedOf, type FoundHost } from './reads/known-matches.ts';
import { entryOf, labelsOf, labelValueOf, type Identity } from './reads/matching.ts';
import { lastSampleOf, matchersOfAll, seriesPerRead } from './recent/own-last.ts';
import { OwnSeriesWriter, type LastSample } from './own/own-series.ts';
import { Pace } from './reads/pace.ts';
import { RecentColumns } from './recent/recent-columns.ts';
import { coarsestFor, mayMakeRollups, segmentsIn, segmentsOf, type Segment } from './rollups/resolution.ts';
import { ROLLUP_MS } from './sealing/rollup.ts';
import { storeStats } from './stats.ts';
import { SchemaLists, wantedGroups, type HostGroups } from './blocks/stored-groups.ts';
import { RecentWindow } from './recent/window.ts';

export interface EmbeddedOptions {
  /** Open for as long as the store is; the store closes neither. */
  readonly journal: Journal;
  readonly reader: JournalReader;
  /** Those of the journal, so that what the collector itself stores is in memory once. @default none are shared */
  readonly schemas?: Pick<SchemaCache, 'intern'>;
  /** The labels of a host (`instance`, `job`, …), undefined when it is not (or no longer) known: then it is not read. */
  readonly identityOf: (agentId: string) => Identity | undefined;
  /**
   * Grows whenever `identityOf` gives something else for any host. With it the store remembers which hosts and series
   * matchers found; without, it looks anew with each read.
   */
  readonly identitiesVersion?: () => number;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Buffer;
  /** Resolves in a later turn of the event loop. */
  readonly yieldToLoop: () => Promise<void>;
  readonly limits?: Partial<EmbeddedLimits>;
  /** Block files; closed by whoever made it, after the store. */
  readonly blocks?: BlockSet;
  /**
   * Whose newest readings stay in memory. Where agents are seldom read, `own` (what the collector itself stores) saves
   * the work for each of their ticks, and every read of them goes to the journal. `columns` keeps agents that are read as
   * columns, within as much memory as the window, and takes only what is committed by others: for stores that follow.
   * @default all
   */
  readonly windowHosts?: 'all' | 'own' | 'columns';
}

export interface EmbeddedStorage extends Storage {
  /**
   * Deletes what is older than the time, in small steps.
   * @throws AppError as `Journal.prune`
   */
  prune(olderThanMs: number, signal: AbortSignal): Promise<PruneResult>;
  /**
   * Looks anew at which hosts and schemas there are: somebody else may have deleted some of them.
   * @throws AppError STORAGE_UNAVAILABLE
   */
  refresh(): void;
  hostParts(): number;
  /** As for `FollowingReader`, as the next. */
  expect(reads: readonly ExpectedRead[]): void;
  readonly windowBytes: number;
}

/** @throws AppError STORAGE_UNAVAILABLE when the journal cannot be read */
export function createEmbeddedStorage(options: EmbeddedOptions): EmbeddedStorage {
  return new Embedded(options);
}

/** What a read reads from. */
interface ReadSource {
  readonly snapshot: JournalSnapshot;
  readonly view: BlockView;
  readonly pace: Pace;
}

/** What is read, out of what, and where it goes. */
interface Collecting {
  readonly request: SelectRequest;
  readonly parts: readonly ReadPart[];
  /** The same without rollups that are made of samples; asked for when a host needs it. */
  readonly fromSamples: () => readonly ReadPart[];
  readonly collector: SeriesCollector;
  readonly source: ReadSource;
  /** Digests of the labels of those that are wanted among the series that fit. @default all */
  readonly only?: ReadonlySet<string>;
}

const NO_BLOCKS: BlockView = {
  blocks: [],
  schemas: { schemaOf: () => undefined, lists: new SchemaLists() },
  sources: () => [],
  made: undefined,
  joined: undefined,
  release: () => {},
};

class Embedded implements EmbeddedStorage {
  readonly capabilities = { isDurable: true, hasStaleMarkers: true };
  readonly #options: EmbeddedOptions;
  readonly #limits: EmbeddedLimits;
  readonly #hosts: HostSearch;
  readonly #window: RecentWindow;
  readonly #hasAgentsInWindow: boolean;
  readonly #recent: RecentColumns | undefined;
  readonly #columnReads: ColumnReads | undefined;
  readonly #empty: EmptyRanges | undefined;
  readonly #blocks: BlockSet | undefined;
  readonly #own: OwnSeriesWriter;
  readonly #stopListening: () => void;

  constructor(options: EmbeddedOptions) {
    this.#options = options;
    this.#limits = { ...EMBEDDED_LIMITS, ...options.limits };
    this.#blocks = options.blocks;
    const catalogue = new Catalogue();
    this.#hosts = new HostSearch(catalogue, options);
    const snapshot = options.reader.snapshot();
    let sealedToMs = Number.NEGATIVE_INFINITY;
    try {
      catalogue.load(snapshot.lanes(), snapshot.schemaUses());
      sealedToMs = sealedTo(snapshot.blocks());
    } finally {
      snapshot.close();
    }
    this.#hasAgentsInWindow = (options.windowHosts ?? 'all') === 'all';
    this.#recent =
      options.windowHosts === 'columns'
        ? new RecentColumns(this.#limits, options.clock, snapshot.lastPos)
        : undefined;
    this.#columnReads = this.#recent && new ColumnReads(this.#recent);
    this.#empty = this.#recent && new EmptyRanges(snapshot.lastPos);
    const own = catalogue.hosts.get(COLLECTOR_AGENT_ID);
    // Of a host that is left out nothing ever comes in.
    const newHostFromMs = this.#hasAgentsInWindow ? sealedToMs : Number.POSITIVE_INFINITY;
    this.#window = new RecentWindow(this.#limits, options.clock, newHostFromMs);
    this.#window.startHost(COLLECTOR_AGENT_ID, sealedToMs);
    for (const host of catalogue.hosts.values()) {
      if (this.#hasAgentsInWindow || host === own)
        this.#window.startHost(host.agentId, Math.max(sealedToMs, endOf(host) + 1));
    }
    this.#own = new OwnSeriesWriter({
      journal: options.journal,
      randomBytes: options.randomBytes,
      newestMs: Math.max(sealedToMs, own === undefined ? Number.NEGATIVE_INFINITY : endOf(own)),
      intern: (schema) => options.schemas?.intern(schema) ?? schema,
      findLast: (series, fromMs) => this.#findLast(series, fromMs),
      yieldToLoop: options.yieldToLoop,
    });
    this.#stopListening = options.journal.onCommitted((ticks) => this.#add(ticks));
  }

  append(batch: SeriesBatch): Promise<AppendResult> {
    return this.#own.append(batch);
  }

  async select(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    if (request.matchers.length === 0) throw new AppError('BAD_REQUEST', 'select needs at least one matcher');
    if (request.fromMs > request.toMs) return [];
    const pace = this.#pace(signal);
    return this.#onSnapshot(pace, (source) => this.#selectIn(request, source));
  }

  expect(reads: readonly ExpectedRead[]): void {
    if (!this.#hasAgentsInWindow) return;
    // Whoever looks further back than the window does so in block files, and mostly at few hosts; who wants a sample now and
    // then reads those alone.
    const isApart = ({ backMs, stepMs = 0 }: ExpectedRead): boolean =>
      backMs > this.#limits.windowMs || stepMs >= GRID_STEP_MS_MIN;
    const within = reads.map((read) => (isApart(read) ? { ...read, backMs: 0 } : read));
    this.#window.expect(this.#hosts.catalogue.expectedOf(within));
  }

  get windowBytes(): number {
    return this.#window.bytes + (this.#recent?.bytes ?? 0);
  }

  hostParts(): number {
    return Math.max(1, Math.ceil(this.#hosts.catalogue.hosts.size / this.#limits.partHosts));
  }

  async series(request: LabelsRequest, signal: AbortSignal): Promise<readonly Labels[]> {
    const pace = this.#pace(signal);
    const found = new Map<string, Labels>();
    await this.#eachMatch(request, pace, (schema, indices, { identity }) => {
      for (const index of indices) {
        const labels = labelsOf(schema, index, identity);
        found.set(labels.key, labels);
      }
      if (found.size > this.#limits.seriesMax) {
        throw new AppError('QUERY_LIMIT', `more than ${this.#limits.seriesMax} series: narrow the matchers`);
      }
    });
    return limited(await sortInTurns([...found.values()], Labels.compare, pace), request.limit);
  }

  async labelNames(request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    const names = new Set<string>();
    await this.#eachMatch(request, this.#pace(signal), (schema, indices, { identity }) => {
      names.add(METRIC_NAME);
      for (const [name, value] of identity) if (value !== '') names.add(name);
      for (const index of indices) {
        const entry = entryOf(schema, index);
        for (const [at, name] of entry?.metric.labelNames.entries() ?? []) {
          if (entry?.values[at] !== '') names.add(name);
        }
      }
    });
    return limited([...names].sort(compareUtf8), request.limit);
  }

  async labelValues(name: string, request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    const values = new Set<string>();
    await this.#eachMatch(request, this.#pace(signal), (schema, indices, { identity }) => {
      const own = identity.find(([label, value]) => label === name && value !== '');
      if (own !== undefined) {
        values.add(own[1]);
        return;
      }
      for (const index of indices) values.add(labelValueOf(schema, index, name));
    });
    values.delete('');
    return limited([...values].sort(compareUtf8), request.limit);
  }

  async flush(): Promise<void> {
    await this.#own.settled();
  }

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async stats(): Promise<StorageStats> {
    const { journal, reader } = this.#options;
    return storeStats(this.#hosts.catalogue, { journal, reader });
  }

  async prune(olderThanMs: number, signal: AbortSignal): Promise<PruneResult> {
    const result = await this.#options.journal.prune(olderThanMs, signal);
    this.#hosts.catalogue.prune(olderThanMs);
    return result;
  }

  async close(): Promise<void> {
    await this.#own.settled();
    this.#own.close();
    this.#stopListening();
  }

  refresh(): void {
    const snapshot = this.#options.reader.snapshot();
    try {
      const catalogue = new Catalogue();
      catalogue.load(snapshot.lanes(), snapshot.schemaUses());
      this.#hosts.replace(catalogue);
      this.#recent?.refresh(catalogue.hosts);
      this.#empty?.clear();
      const sealedToMs = sealedTo(snapshot.blocks());
      this.#window.leaveSealed(sealedToMs);
      if (this.#hasAgentsInWindow) this.#window.forgetOthers(catalogue.hosts, sealedToMs);
    } finally {
      snapshot.close();
    }
  }

  #add(ticks: readonly CommittedSamples[]): void {
    for (const tick of ticks) {
      this.#hosts.catalogue.add(tick);
      this.#empty?.add(tick);
      const isOwn = tick.agentId === COLLECTOR_AGENT_ID;
      if (!isOwn) this.#recent?.add(tick);
      if (!isOwn && !this.#hasAgentsInWindow) continue;
      for (const block of tick.blocks) {
        if (block.kind === 'values') this.#window.add(tick.agentId, toBlock(block, tick, isOwn));
      }
    }
  }

  /** Reads from all that is stored at this moment; `read` may be called twice. */
  async #onSnapshot<T>(pace: Pace, read: (source: ReadSource) => Promise<T>): Promise<T> {
    const { reader } = this.#options;
    try {
      return await this.#readFrom(reader.snapshot({ isLate: true }), pace, read);
    } catch (error) {
      if (!(error instanceof SnapshotMoved)) throw error;
      return this.#readFrom(reader.snapshot(), pace, read);
    }
  }

  async #readFrom<T>(
    snapshot: JournalSnapshot,
    pace: Pace,
    read: (source: ReadSource) => Promise<T>,
  ): Promise<T> {
    try {
      const view = this.#blocks?.view(snapshot) ?? NO_BLOCKS;
      try {
        return await read({ snapshot, view, pace });
      } finally {
        view.release();
      }
    } finally {
      snapshot.close();
    }
  }

  #pace(signal: AbortSignal): Pace {
    const { clock, yieldToLoop } = this.#options;
    return new Pace({ clock, turnMs: this.#limits.turnMs, yieldToLoop, signal });
  }

  async #selectIn(request: SelectRequest, source: ReadSource): Promise<readonly Series[]> {
    const { view, pace } = source;
    const coarsest = coarsestFor(request.hints);
    const parts = partsOf(view, request, coarsest, mayMakeRollups(request.hints));
    let plain: readonly ReadPart[] | undefined;
    const fromSamples = (): readonly ReadPart[] => (plain ??= partsOf(view, request, coarsest));
    const files = parts.flatMap((part) => part.files);
    // Most rules ask for something that no host of a fleet has.
    if (files.length === 0 && !this.#hosts.hasMetric(request.matchers)) return [];
    const { part } = request;
    const known = this.#hosts.known(request.matchers);
    const hosts = await this.#hosts.inCatalogue(known, pace, part);
    const onlyInFiles = await this.#hosts.onlyIn(files, known, pace, part);
    const all = onlyInFiles.length === 0 ? hosts : [...hosts, ...onlyInFiles];
    const read = async (some: readonly FoundHost[], samplesBefore: number): Promise<readonly Series[]> => {
      const collector = new SeriesCollector(request.samplesMax);
      collector.count(samplesBefore);
      await this.#collectOf(some, { request, parts, fromSamples, collector, source });
      return finished(await sortInTurns([...collector.grown()], compareGrown, pace), source);
    };
    const isRaw = parts.every(({ resolution }) => resolution === 'raw');
    // What these keep is about whole answers.
    if (this.#columnReads === undefined || !isRaw || part !== undefined) return read(all, 0);
    const hasFiles = ({ fromMs, toMs }: TimeRange): boolean =>
      files.some(({ row }) => row.firstMs <= toMs && row.lastMs >= fromMs);
    const isInFiles = (host: FoundHost): boolean =>
      wantedSamplers(host, request, storedOf(host.host, parts, view)) !== undefined;
    const found = await this.#columnReads.select({ request, known, hosts, hasFiles, isInFiles }, pace);
    if (found === undefined) return read(all, 0);
    const rest = [...found.rest, ...onlyInFiles];
    if (rest.length === 0) return found.series;
    return mergedSeries(found.series, await read(rest, found.samples)) ?? read(all, 0);
  }

  /** Collects what fits of these hosts. */
  async #collectOf(
    hosts: readonly FoundHost[],
    {
      request,
      parts: wholeParts,
      fromSamples,
      collector,
      source: { snapshot, view, pace },
      only,
    }: Collecting,
  ): Promise<void> {
    const sealedToMs = sealedTo(view.blocks.map(({ row }) => row));
    const readings = new HostBlocks(snapshot, { window: this.#window, pace, sealedToMs, empty: this.#empty });
    const made = wholeParts.flatMap(({ isMade, range }) => (isMade ? [range] : []));
    const hasSources = wholeParts.some(({ sources }) => sources.length > 0);
    const storedIn = (parts: readonly ReadPart[], host: CatalogueHost): (readonly HostGroups[])[] =>
      hasSources ? storedOf(host, parts, view) : [];
    for (const found of hosts) {
      if (pace.isDue) await pace.rest();
      const { host } = found;
      let parts = wholeParts;
      let stored = storedIn(parts, host);
      const samplers = wantedSamplers(found, request, stored);
      if (samplers === undefined) continue;
      if (
        made.length > 0 &&
        (isInterleaved(stored, samplers) || (await readings.hasAny(host, samplers, made)))
      ) {
        // What is late, or of another schema, belongs between the samples of which rollups would be made.
        parts = fromSamples();
        stored = storedIn(parts, host);
      }
      const columnsOf = (schema: Schema): Column[] => {
        const { indices, labels } = seriesOf(schema, found);
        const columns: Column[] = [];
        for (const [at, one] of labels.entries()) {
          if (only !== undefined && !only.has(one.digest)) continue;
          columns.push({ index: indices[at] ?? -1, series: collector.series(one) });
        }
        return columns;
      };
      const isOwn = host.agentId === COLLECTOR_AGENT_ID;
      const hostCount = this.#hosts.catalogue.hosts.size;
      const isNewest = isInstant(request.hints);
      const columns = isOwn
        ? undefined
        : (fromMs: number) =>
            this.#recent?.of(host, { snapshot, fromMs, sealedToMs, samplers, hostCount, isNewest });
      const { joined } = view;
      const reading = { host, samplers, columnsOf, columns, request, collector, readings, pace, joined };
      const timelineOf = timelines(collector, { columnsOf, hasDerivedEnds: !isOwn });
      for (const [at, part] of parts.entries()) {
        const wanted = wantedGroups(stored[at] ?? [], samplers, part.read);
        const adding =
          part.resolution === 'raw'
            ? addSamples(reading, { range: part.range, groups: wanted, timelineOf })
            : addRollupPart(reading, { part, groups: wanted });
        if (adding !== undefined) await adding;
      }
    }
  }

  /** Gives every schema that has fitting series to `take`, once per host and matcher set. */
  async #eachMatch(
    request: LabelsRequest,
    pace: Pace,
    take: (schema: Schema, indices: readonly number[], host: FoundHost) => void,
  ): Promise<void> {
    await this.#onSnapshot(pace, (source) => this.#eachMatchIn(request, source, take));
  }

  async #eachMatchIn(
    request: LabelsRequest,
    { view, pace }: ReadSource,
    take: (schema: Schema, indices: readonly number[], host: FoundHost) => void,
  ): Promise<void> {
    const files = partsOf(view, request, '1h').flatMap((part) => part.files);
    const sets = request.matcherSets.length === 0 ? [[]] : request.matcherSets;
    for (const matchers of sets) {
      const by = newMatch(matchers);
      for (const host of this.#hosts.all(files)) {
        if (pace.isDue) await pace.rest();
        const found = this.#hosts.found(host, by);
        if (found === undefined) continue;
        const schemas = new Set<Schema>();
        eachSchemaIn(host, request, (schema) => schemas.add(schema));
        for (const file of files) {
          const { all } = file.hostGroups(host.agentId, view.schemas);
          for (const { group, schema } of all)
            if (group.firstMs <= request.toMs && group.lastMs >= request.fromMs) schemas.add(schema);
        }
        for (const schema of schemas) {
          const indices = by.matching.series(schema, found.match);
          if (indices.length > 0) take(schema, indices, found);
        }
      }
    }
  }

  /** The newest samples of series of the collector's own; see `OwnSeriesOptions`. */
  async #findLast(series: readonly Labels[], fromMs: number): Promise<ReadonlyMap<string, LastSample>> {
    const found = new Map<string, LastSample>();
    const perRead = seriesPerRead(this.#options.clock.wallMs() - fromMs);
    for (let at = 0; at < series.length; at += perRead) {
      for (const one of await this.#ownSeries(series.slice(at, at + perRead), fromMs)) {
        const last = lastSampleOf(one);
        if (last !== undefined) found.set(one.labels.digest, last);
      }
    }
    return found;
  }

  /** Series of the collector's own from a time on, in no order. Looks at no host. */
  async #ownSeries(list: readonly Labels[], fromMs: number): Promise<readonly Series[]> {
    const agentId = COLLECTOR_AGENT_ID;
    const range = { fromMs, toMs: Number.MAX_SAFE_INTEGER };
    const request = { matchers: matchersOfAll(list), ...range, samplesMax: Number.POSITIVE_INFINITY };
    const host = this.#hosts.catalogue.hosts.get(agentId) ?? { agentId, lanes: new Map() };
    const own = this.#hosts.found(host, newMatch(request.matchers));
    if (own === undefined) return [];
    return this.#onSnapshot(this.#pace(new AbortController().signal), async (source) => {
      const collector = new SeriesCollector(request.samplesMax);
      const parts = partsOf(source.view, range, 'raw');
      const only = new Set(list.map(({ digest }) => digest));
      await this.#collectOf([own], { request, parts, fromSamples: () => parts, collector, source, only });
      return finished(collector.grown(), source);
    });
  }
}

/** What the files of each part have of a host. */
function storedOf(
  { agentId }: CatalogueHost,
  parts: readonly ReadPart[],
  { schemas }: BlockView,
): (readonly HostGroups[])[] {
  return parts.map(({ sources }) => sources.map((file) => file.hostGroups(agentId, schemas)));
}

/** Samplers with series that fit, in a range or in files; undefined when there is none. */
function wantedSamplers(
  found: FoundHost,
  range: TimeRange,
  stored: readonly (readonly HostGroups[])[],
): ReadonlySet<string> | undefined {
  let samplers: Set<string> | undefined;
  const look = (schema: Schema): void => {
    if (wantedOf(schema, found).length > 0) (samplers ??= new Set()).add(schema.sampler);
  };
  eachSchemaIn(found.host, range, look);
  if (stored.length > 0)
    for (const schemas of new Set(stored.flat().map((one) => one.schemas))) schemas.forEach(look);
  return samplers;
}

/** Series as they are answered, in the order in which they come. */
async function finished(
  grown: Iterable<GrowingSeries>,
  { pace, view }: Pick<ReadSource, 'pace' | 'view'>,
): Promise<readonly Series[]> {
  const result: Series[] = [];
  const times = new JoinedTimes(view.joined);
  for (const series of grown) {
    result.push(series.finish(times));
    if (pace.isDue) await pace.rest();
  }
  return result;
}

/** Two lists in label order as one; undefined when a series is in both. */
function mergedSeries(left: readonly Series[], right: readonly Series[]): readonly Series[] | undefined {
  if (right.length === 0) return left;
  const all: Series[] = [];
  let next = 0;
  for (const one of left) {
    for (; next < right.length; next++) {
      const other = right[next];
      const order = other === undefined ? 1 : Labels.compare(other.labels, one.labels);
      if (other === undefined || order > 0) break;
      if (order === 0) return undefined;
      all.push(other);
    }
    all.push(one);
  }
  for (; next < right.length; next++) {
    const other = right[next];
    if (other !== undefined) all.push(other);
  }
  return all;
}

/** Whether samplers have rollups that do not know what came before them. */
function isInterleaved(stored: readonly (readonly HostGroups[])[], samplers: ReadonlySet<string>): boolean {
  for (const { bySampler } of stored.flat())
    for (const sampler of samplers)
      if (bySampler.get(sampler)?.some((one) => one.isInterleaved === true) === true) return true;
  return false;
}

function partsOf(
  view: BlockView,
  { fromMs, toMs }: TimeRange,
  coarsest: BlockResolution,
  mayMake = false,
): readonly ReadPart[] {
  const isAllowed = mayMake && view.made !== undefined;
  const segments = segmentsIn(segmentsOfAll(view.blocks, coarsest, isAllowed), { fromMs, toMs });
  const samplesOf = ({ range }: Segment) => filesIn(view, { resolution: 'raw', range });
  // One for all stretches between hours with late samples, since few are kept.
  const rolledUp = new Set(segments.flatMap((segment) => (segment.isMade ? samplesOf(segment) : [])));
  const made =
    rolledUp.size === 0 ? [] : (view.made?.(view.blocks.filter((file) => rolledUp.has(file))) ?? []);
  return segments.map((segment) => {
    const { resolution, range, isMade } = segment;
    if (isMade) return { ...segment, read: range, files: samplesOf(segment), sources: made };
    const spanMs = resolution === 'raw' ? 0 : ROLLUP_MS[resolution];
    const read = { fromMs: segment.range.fromMs - spanMs, toMs: segment.range.toMs };
    const files = filesIn(view, { resolution, range: read });
    return { ...segment, read, files, sources: view.sources(files) };
  });
}

const ALL_TIME: TimeRange = { fromMs: Number.MIN_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER - 1 };

/** The segments of all time, by the files in force: to find them takes longer than to read a host's rollups of a month. */
const knownSegments = new WeakMap<readonly BlockFile[], Map<string, readonly Segment[]>>();

function segmentsOfAll(
  files: readonly BlockFile[],
  coarsest: BlockResolution,
  isAllowed: boolean,
): readonly Segment[] {
  let known = knownSegments.get(files);
  if (known === undefined) knownSegments.set(files, (known = new Map()));
  const key = `${coarsest} ${isAllowed}`;
  let segments = known.get(key);
  if (segments === undefined) {
    const rows = files.map(({ row }) => row);
    segments = segmentsOf(rows, ALL_TIME, coarsest, { isAllowed });
    known.set(key, segments);
  }
  return segments;
}

/** From this time on no sample stands in any of the blocks. */
function sealedTo(rows: readonly BlockRow[]): number {
  return rows.reduce(
    (toMs, { resolution, lastMs }) => (resolution === 'raw' ? Math.max(toMs, lastMs + 1) : toMs),
    Number.NEGATIVE_INFINITY,
  );
}

/** The time after which the host has no readings. */
function endOf(host: CatalogueHost): number {
  let endMs = Number.NEGATIVE_INFINITY;
  for (const lane of host.lanes.values()) endMs = Math.max(endMs, lane.newestMs + lane.offsetMsMax);
  return endMs;
}

function compareGrown(left: GrowingSeries, right: GrowingSeries): number {
  return Labels.compare(left.labels, right.labels);
}

function limited<T>(list: T[], limit: number): T[] {
  return limit > 0 ? list.slice(0, limit) : list;
}
