/**
 * Gets the readings of a host for a read: from the recent window; what is older than that from the journal, and for the
 * newest ones from block files too. Long, because it is all ways of reading the journal one after another.
 */
import { decodeSamples } from '@rollcall/shared/protocol/samples.ts';
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import type { JournalSnapshot, StoredTick } from '../../../journal/reader.ts';
import { storedBody } from '../../../journal/stored-body.ts';
import { toBlock, type Block } from './block.ts';
import { lanesIn, type CatalogueHost, type CatalogueLane, type TimeRange } from '../catalogue.ts';
import type { Column } from '../reads/collect.ts';
import type { EmptyRanges } from '../rollups/empty-ranges.ts';
import { newestRows } from './host-groups.ts';
import type { Pace } from '../reads/pace.ts';
import type { ReadingRun } from '../recent/readings.ts';
import type { HostGroup } from './stored-groups.ts';
import type { AgentKnown, FillTicket, RecentWindow } from '../recent/window.ts';

/** A grid is read time by time where a step is at least so many times as long as a reading may be away from its record. */
const OFFSETS_PER_STEP_MIN = 4;
/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 16;

export interface BlocksRequest {
  readonly host: CatalogueHost;
  readonly samplers: ReadonlySet<string>;
  readonly range: TimeRange;
  /** Present when only the newest sample up to each of these times matters; not for the collector's own. */
  readonly grid?: ReadGrid | undefined;
}

/** Times of evaluation: the last one, and others before it, each this long before the next. */
export interface ReadGrid {
  readonly lastMs: number;
  readonly stepMs: number;
}

/** Gets what was read of a host, each sampler's in order of time: what stands in the journal first. */
export interface ReadingsTaker {
  block(sampler: string, block: Block): void;
  /** What stands in memory, which is after that. */
  runs(sampler: string, runs: readonly ReadingRun[]): void;
}

const NOTHING_MISSING: ReadonlyMap<string, number> = new Map();

export class HostBlocks {
  readonly #snapshot: JournalSnapshot;
  readonly #window: RecentWindow;
  readonly #pace: Pace;
  readonly #sealedToMs: number;
  readonly #empty: EmptyRanges | undefined;
  /** Samplers whose newest readings were asked for. */
  readonly #noted = new Set<string>();

  /**
   * @param options.sealedToMs from this time on no reading stands in a block file
   * @param options.empty remembers where the journal has nothing, from read to read
   */
  constructor(
    snapshot: JournalSnapshot,
    options: {
      readonly window: RecentWindow;
      readonly pace: Pace;
      readonly sealedToMs: number;
      readonly empty: EmptyRanges | undefined;
    },
  ) {
    this.#snapshot = snapshot;
    this.#window = options.window;
    this.#pace = options.pace;
    this.#sealedToMs = options.sealedToMs;
    this.#empty = options.empty;
  }

  /**
   * The newest reading of each sampler in the range; a sampler without one in the range is left out.
   * @param groups what block files have of the host in the range, and the wanted series of a schema
   */
  async newest(
    { host, samplers, range }: BlocksRequest,
    groups: {
      readonly list: readonly HostGroup[];
      readonly columnsOf: (schema: Schema) => readonly Column[];
    },
  ): Promise<Iterable<Block>> {
    let { recent, missing } = this.#newestInWindow(host, samplers, range);
    const ticket =
      missing.size === 0
        ? undefined
        : this.#window.missingNewest(host.agentId, new Set(missing.keys()), range, this.#known(host));
    if (ticket !== undefined) {
      await this.#bring(host, ticket);
      ({ recent, missing } = this.#newestInWindow(host, samplers, range));
    }
    if (missing.size === 0) return recent;
    const names = new Set(missing.keys());
    const found = new Map<string, Block>();
    for (const lane of lanesIn(host, range)) await this.#newestOfLane(lane, range, names, found);
    const older = groups.list.filter(({ schema }) => missing.has(schema.sampler));
    newestRows(
      older,
      {
        columnsOf: groups.columnsOf,
        rangeOf: (sampler) => before(range, missing.get(sampler)),
      },
      found,
    );
    return [...recent, ...found.values()];
  }

  /** The same where the window knows the newest reading of each sampler, which is nearly always; undefined where it does not. */
  newestAtOnce({ host, samplers, range }: BlocksRequest): readonly Block[] | undefined {
    for (const sampler of samplers) {
      if (this.#noted.has(sampler)) continue;
      this.#window.noteNewest(sampler);
      this.#noted.add(sampler);
    }
    const { recent, missing } = this.#newestInWindow(host, samplers, range);
    return missing.size === 0 ? recent : undefined;
  }

  /** What the window has of these samplers, and from when on it has those that may have their newest reading before that. */
  #newestInWindow(
    host: CatalogueHost,
    samplers: ReadonlySet<string>,
    range: TimeRange,
  ): { readonly recent: readonly Block[]; readonly missing: ReadonlyMap<string, number> } {
    const recent: Block[] = [];
    let missing: Map<string, number> | undefined;
    for (const sampler of samplers) {
      const coveredFromMs = this.#window.coveredFrom(host.agentId, sampler);
      const fromMs = Math.max(range.fromMs, coveredFromMs);
      const { lastPos } = this.#snapshot;
      const block = this.#window.newest(host.agentId, sampler, { fromMs, toMs: range.toMs, lastPos });
      if (block !== undefined) recent.push(block);
      else if (coveredFromMs > range.fromMs) (missing ??= new Map()).set(sampler, coveredFromMs);
    }
    return { recent, missing: missing ?? NOTHING_MISSING };
  }

  /**
   * Gives the readings of some samplers of a host to `taker`, but for those in block files.
   * @returns per sampler the part of the range in which readings of it may stand in block files
   */
  async read(
    { host, samplers, range, grid }: BlocksRequest,
    taker: ReadingsTaker,
  ): Promise<ReadonlyMap<string, TimeRange>> {
    if (grid === undefined) await this.#fill(host, samplers, range);
    else this.#window.noteGrid(samplers, range);
    // What the window has is taken at once, before it can change; then the journal is read up to where it begins.
    const recent = new Map<string, readonly ReadingRun[]>();
    const coveredFrom = new Map<string, number>();
    let journalToMs = Number.NEGATIVE_INFINITY;
    // The collector's own series stand under other samplers when they are sealed.
    const isOwn = host.agentId === COLLECTOR_AGENT_ID;
    const ownFromMs = isOwn ? this.#window.allCoveredFrom(host.agentId, samplers) : Number.NEGATIVE_INFINITY;
    for (const sampler of samplers) {
      const fromMs = isOwn ? ownFromMs : this.#window.coveredFrom(host.agentId, sampler);
      coveredFrom.set(sampler, fromMs);
      journalToMs = Math.max(journalToMs, Math.min(range.toMs, fromMs - 1));
      const { lastPos } = this.#snapshot;
      const part = { fromMs: Math.max(range.fromMs, fromMs), toMs: range.toMs, lastPos };
      recent.set(sampler, this.#window.runs(host.agentId, sampler, part));
    }
    const inJournal = { fromMs: range.fromMs, toMs: journalToMs };
    if (journalToMs >= range.fromMs && this.#empty?.has(host.agentId, inJournal, this.#snapshot) !== true) {
      const toldPos = this.#empty?.toldPos ?? 0;
      const take = (block: Block): void => {
        const { sampler } = block.schema;
        if (block.timeMs < (coveredFrom.get(sampler) ?? Number.POSITIVE_INFINITY))
          taker.block(sampler, block);
      };
      const rows =
        grid === undefined
          ? await this.#ordered(host, inJournal, samplers, take)
          : await this.#onGrid(host, inJournal, { samplers, grid }, take);
      // On a grid not all that there is was looked at.
      const isEmpty = rows === 0 && (grid === undefined || this.#hasNoRecords(host, inJournal));
      if (isEmpty) this.#noteEmpty(host, inJournal, toldPos);
    }
    for (const [sampler, runs] of recent) taker.runs(sampler, runs);
    return new Map(Array.from(coveredFrom, ([sampler, fromMs]) => [sampler, before(range, fromMs)]));
  }

  /** Whether the journal has readings of some samplers in one of the ranges, which no block has replaced. */
  async hasAny(
    host: CatalogueHost,
    samplers: ReadonlySet<string>,
    ranges: readonly TimeRange[],
  ): Promise<boolean> {
    let isFound = false;
    for (const range of ranges) {
      if (this.#empty?.has(host.agentId, range, this.#snapshot) === true) continue;
      const toldPos = this.#empty?.toldPos ?? 0;
      const rows = await this.#journal(host, range, samplers, () => (isFound = true));
      if (isFound) return true;
      if (rows === 0) this.#noteEmpty(host, range, toldPos);
    }
    return false;
  }

  /** @param toldPos as it was before the look */
  #noteEmpty({ agentId }: CatalogueHost, range: TimeRange, toldPos: number): void {
    const { lastPos, blocksVersion } = this.#snapshot;
    this.#empty?.note(agentId, range, { lastPos, blocksVersion, toldPos });
  }

  /** Brings into the window what it does not have of the range; the next read finds it there. */
  async #fill(host: CatalogueHost, samplers: ReadonlySet<string>, range: TimeRange): Promise<void> {
    const ticket = this.#window.missing(host.agentId, samplers, range, this.#known(host));
    if (ticket !== undefined) await this.#bring(host, ticket);
  }

  async #bring(host: CatalogueHost, ticket: FillTicket): Promise<void> {
    const blocks: Block[] = [];
    await this.#journal(host, ticket, ticket.samplers, (block) => blocks.push(block));
    this.#window.fill(host.agentId, ticket, { blocks, lastPos: this.#snapshot.lastPos });
  }

  #known(host: CatalogueHost): AgentKnown {
    return { leastMs: this.#sealedToMs, samplers: () => samplersOf(host) };
  }

  /**
   * Gives of each sampler the newest reading up to each time of the grid, if it is after the time before: what other readings
   * say is not seen at any of these times. Much cheaper than all readings between them.
   * @returns rows that it looked at
   */
  async #onGrid(
    host: CatalogueHost,
    range: TimeRange,
    {
      samplers,
      grid: { lastMs, stepMs },
    }: { readonly samplers: ReadonlySet<string>; readonly grid: ReadGrid },
    take: (block: Block) => void,
  ): Promise<number> {
    const all = lanesIn(host, range);
    const offsetMsMax = all.reduce((most, lane) => Math.max(most, lane.offsetMsMax), 0);
    // Readings that are far from their records would have to be looked for in what lies between two times, and what one epoch
    // says of another one is known by all of their readings.
    if (offsetMsMax * OFFSETS_PER_STEP_MIN > stepMs || hasOverlap(all))
      return this.#ordered(host, range, samplers, take);
    const lanes = all.flatMap((lane) => {
      const wanted = samplersIn(lane, samplers);
      return wanted.size === 0 ? [] : [{ lane, wanted }];
    });
    let rows = 0;
    let isEmpty = true;
    for (let { fromMs } = range; fromMs <= range.toMs;) {
      // Most of a day is sealed, and has no records.
      if (isEmpty) fromMs = Math.max(fromMs, this.#firstMs(lanes, { fromMs, toMs: range.toMs }));
      if (fromMs > range.toMs) break;
      const toMs = Math.min(range.toMs, lastMs - Math.floor((lastMs - fromMs) / stepMs) * stepMs);
      const rowsBefore = rows;
      for (const { lane, wanted } of lanes) {
        const found = new Map<string, Block>();
        rows += await this.#newestOfLane(lane, { fromMs, toMs }, wanted, found);
        for (const block of found.values()) take(block);
      }
      isEmpty = rows === rowsBefore;
      fromMs = toMs + 1;
    }
    return rows;
  }

  #hasNoRecords(host: CatalogueHost, range: TimeRange): boolean {
    const lanes = lanesIn(host, range).map((lane) => ({ lane }));
    return this.#firstMs(lanes, range) === Number.POSITIVE_INFINITY;
  }

  /** No record of the lanes has a reading in the range before this time; infinity when none has any in it. */
  #firstMs(lanes: readonly { readonly lane: CatalogueLane }[], range: TimeRange): number {
    let firstMs = Number.POSITIVE_INFINITY;
    for (const { lane } of lanes) {
      for (const { timeMs } of this.#snapshot.ticks(rowRange(lane, range))) {
        firstMs = Math.min(firstMs, timeMs - lane.offsetMsMax);
        break;
      }
    }
    return firstMs;
  }

  /**
   * Reads a lane backwards until it has seen each of the samplers; `found` keeps the newest of all lanes.
   * @returns rows that it looked at
   */
  async #newestOfLane(
    lane: CatalogueLane,
    range: TimeRange,
    samplers: ReadonlySet<string>,
    found: Map<string, Block>,
  ): Promise<number> {
    const seen = new Set<string>();
    const schemaOf = schemasOf(lane, samplers);
    let rows = 0;
    for (const tick of this.#snapshot.ticksBackwards(rowRange(lane, range))) {
      rows++;
      for (const block of decodeTick(tick, schemaOf, false)) {
        const { sampler } = block.schema;
        if (!isIn(block, range.fromMs, range.toMs) || seen.has(sampler)) continue;
        seen.add(sampler);
        const other = found.get(sampler);
        if (other === undefined || isOlder(other, block)) found.set(sampler, block);
      }
      if (seen.size === samplers.size) break;
      if (this.#pace.isDue) await this.#pace.rest();
    }
    return rows;
  }

  /** Like `#journal`, in order of time also where epochs overlap. @returns rows that it looked at */
  async #ordered(
    host: CatalogueHost,
    range: TimeRange,
    samplers: ReadonlySet<string>,
    take: (block: Block) => void,
  ): Promise<number> {
    if (!hasOverlap(lanesIn(host, range))) return this.#journal(host, range, samplers, take);
    const blocks: Block[] = [];
    const rows = await this.#journal(host, range, samplers, (block) => blocks.push(block));
    blocks.sort((left, right) => left.timeMs - right.timeMs || left.pos - right.pos);
    for (const block of blocks) take(block);
    return rows;
  }

  /**
   * Reads lane after lane, those with the oldest data first.
   * @param samplers undefined for all; of a map, what is before their times is left out where that is cheap
   * @returns rows that it looked at, whatever they hold
   */
  async #journal(
    host: CatalogueHost,
    range: TimeRange,
    samplers: ReadonlySet<string> | ReadonlyMap<string, number> | undefined,
    take: (block: Block) => void,
  ): Promise<number> {
    const isOwn = host.agentId === COLLECTOR_AGENT_ID;
    const begins = samplers instanceof Map ? samplers : undefined;
    let allRows = 0;
    for (const lane of lanesIn(host, range)) {
      const ofLane = schemasOf(lane, samplers);
      let rowMs = 0;
      const schemaOf = (number: number): Schema | undefined => {
        const schema = ofLane(number);
        if (schema === undefined || begins === undefined) return schema;
        return rowMs + lane.offsetMsMax < (begins.get(schema.sampler) ?? rowMs) ? undefined : schema;
      };
      let rows = 0;
      for (const tick of this.#snapshot.ticks(rowRange(lane, range))) {
        rowMs = tick.timeMs;
        for (const block of decodeTick(tick, schemaOf, isOwn)) {
          if (isIn(block, range.fromMs, range.toMs)) take(block);
        }
        rows++;
        if (rows % ROWS_PER_LOOK === 0 && this.#pace.isDue) await this.#pace.rest();
      }
      allRows += rows;
    }
    return allRows;
  }
}

function samplersOf({ lanes }: CatalogueHost): Set<string> {
  const samplers = new Set<string>();
  for (const { uses } of lanes.values()) for (const { schema } of uses.values()) samplers.add(schema.sampler);
  return samplers;
}

/** Those of the samplers that a lane ever had. */
function samplersIn({ uses }: CatalogueLane, samplers: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { schema } of uses.values()) if (samplers.has(schema.sampler)) found.add(schema.sampler);
  return found;
}

function hasOverlap(lanes: readonly CatalogueLane[]): boolean {
  return lanes.some((lane, at) => {
    const before = lanes[at - 1];
    return before !== undefined && lane.oldestMs - lane.offsetMsMax <= before.newestMs + before.offsetMsMax;
  });
}

/** The schemas of a lane, all or only those of some samplers. */
export function schemasOf(lane: CatalogueLane, samplers: Pick<ReadonlySet<string>, 'has'> | undefined) {
  return (number: number): Schema | undefined => {
    const schema = lane.uses.get(number)?.schema;
    if (schema === undefined || samplers === undefined) return schema;
    return samplers.has(schema.sampler) ? schema : undefined;
  };
}

/** Record times of readings in the range. */
export function rowRange({ laneId, offsetMsMax }: CatalogueLane, { fromMs, toMs }: TimeRange) {
  return { laneId, fromMs: fromMs - offsetMsMax, toMs: toMs + offsetMsMax };
}

export function decodeTick(
  tick: StoredTick,
  schemaOf: (number: number) => Schema | undefined,
  isOwn: boolean,
): Block[] {
  const blocks: Block[] = [];
  const body = storedBody(tick.bytes);
  if (body === undefined) return blocks;
  for (const block of decodeSamples(body, schemaOf)) {
    if (block.kind === 'values') blocks.push(toBlock(block, tick, isOwn));
  }
  return blocks;
}

function before(range: TimeRange, endMs = Number.POSITIVE_INFINITY): TimeRange {
  return { fromMs: range.fromMs, toMs: Math.min(range.toMs, endMs - 1) };
}

/** Of two readings of one moment, as after a clock was set back, the one counts that was written later: as in the window. */
function isOlder(one: Block, than: Block): boolean {
  return one.timeMs < than.timeMs || (one.timeMs === than.timeMs && one.pos < than.pos);
}

function isIn({ timeMs }: Block, fromMs: number, toMs: number): boolean {
  return timeMs >= fromMs && timeMs <= toMs;
}
