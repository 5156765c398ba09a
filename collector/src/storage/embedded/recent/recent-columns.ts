/**
 * The newest readings of hosts as columns, for threads that answer queries: a host is decoded once, when somebody first
 * asks about it, and then kept up with what is committed. All hosts share one budget; when it is used up they all reach
 * back less far. In a fleet for which the budget is small, only the samplers that somebody lately asked for are kept.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { CommittedSamples } from '../../../journal/journal.ts';
import type { JournalSnapshot } from '../../../journal/reader.ts';
import { toBlock, type Block } from '../blocks/block.ts';
import { lanesIn, type CatalogueHost, type TimeRange } from '../catalogue.ts';
import { ColumnRun, type RunPart } from '../reads/column-run.ts';
import { decodeTick, rowRange, schemasOf } from '../blocks/host-blocks.ts';
import type { EmbeddedLimits } from '../limits.ts';

/** Values that are decoded for a host in one go; one that has more is read from the journal each time. */
const VALUES_MAX = 2_000_000;
/** A host reaches back so much further than what was asked for, so that the next longer question finds it all there. */
const REACH_RATIO = 2;
/** How much older than the horizon rows may become before they are cut off, all at once. */
const SLACK_RATIO = 1.25;
/** Later than any reading. */
const LATEST_MS = 2 ** 52;
/** What remains of the horizon when memory is short. */
const SHRINK_RATIO = 0.75;
const HORIZON_MS_MIN = 1_000;
/** With less room than this for each host of the fleet, what nobody asks for is left out. */
const WHOLE_HOST_BYTES = 48 * 1024;
/** How long a sampler that nobody asks for is still asked for. */
const ASKED_MS = 900_000;
/** How long a host whose readings did not fit is not tried again. */
const REFUSED_MS = 300_000;
/** Making the columns of a host takes as long as reading its newest record about so many times. */
const NEWEST_PER_HOST = 16;

const NO_RUNS: readonly ColumnRun[] = [];

/** Complete from `fromMs` on, without an end, for every sampler or for some. */
export class HostColumns {
  /** Ticks up to this position are in it. */
  readonly lastPos: number;
  #fromMs: number;
  readonly #samplers: ReadonlySet<string> | undefined;
  readonly #bySampler = new Map<string, ColumnRun[]>();

  /** @param samplers that it is complete for; undefined for all */
  constructor(fromMs: number, lastPos: number, samplers: ReadonlySet<string> | undefined) {
    this.#fromMs = fromMs;
    this.lastPos = lastPos;
    this.#samplers = samplers;
  }

  /** Whether it is complete for every sampler. */
  get isWhole(): boolean {
    return this.#samplers === undefined;
  }

  /** What it has of a sampler, in order of time; each run has another schema than the one before. */
  runsOf(sampler: string): readonly ColumnRun[] {
    return this.#bySampler.get(sampler) ?? NO_RUNS;
  }

  /** All that it has, in no order. */
  *runs(): Iterable<ColumnRun> {
    for (const runs of this.#bySampler.values()) yield* runs;
  }

  /** Whether it is complete for these samplers. */
  covers(samplers: ReadonlySet<string>): boolean {
    return this.#samplers === undefined || isWithin(samplers, this.#samplers);
  }

  get fromMs(): number {
    return this.#fromMs;
  }

  get bytes(): number {
    let bytes = 0;
    for (const runs of this.#bySampler.values()) for (const run of runs) bytes += run.bytes;
    return bytes;
  }

  /** The rows of a sampler in a range, in order of time; each part has another schema than the one before. */
  parts(sampler: string, range: TimeRange): RunPart[] {
    const parts: RunPart[] = [];
    for (const run of this.#bySampler.get(sampler) ?? []) {
      const part = run.part(range);
      if (part !== undefined) parts.push(part);
    }
    return parts;
  }

  /** Takes in a reading; false when it is not the newest of its sampler, and nothing can be done with it. */
  append(block: Block): boolean {
    if (block.timeMs < this.#fromMs) return true;
    const { schema } = block;
    if (this.#samplers?.has(schema.sampler) === false) return true;
    let runs = this.#bySampler.get(schema.sampler);
    if (runs === undefined) this.#bySampler.set(schema.sampler, (runs = []));
    let run = runs.at(-1);
    if (run !== undefined && block.timeMs <= run.lastMs) return false;
    if (run?.schema !== schema) runs.push((run = new ColumnRun(schema)));
    run.append(block);
    return true;
  }

  trim(beforeMs: number): void {
    if (beforeMs <= this.#fromMs) return;
    this.#fromMs = beforeMs;
    for (const [sampler, runs] of this.#bySampler) {
      for (const run of runs) run.trim(beforeMs);
      const kept = runs.filter((run) => !run.isEmpty);
      if (kept.length === 0) this.#bySampler.delete(sampler);
      else this.#bySampler.set(sampler, kept);
    }
  }
}

/** What a read knows. */
export interface ColumnsRequest {
  readonly snapshot: JournalSnapshot;
  /** First millisecond wanted. */
  readonly fromMs: number;
  /** What is before this time does not all stand in the journal. */
  readonly sealedToMs: number;
  /** What is wanted of the host. */
  readonly samplers: ReadonlySet<string>;
  /** Hosts of the fleet. */
  readonly hostCount: number;
  /** Only the newest sample of each series is wanted. */
  readonly isNewest: boolean;
}

export class RecentColumns {
  readonly #limits: Pick<EmbeddedLimits, 'windowMs' | 'windowBytes'>;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #hosts = new Map<string, HostColumns>();
  /** Hosts whose readings did not fit, and when that was. */
  readonly #refusedMs = new Map<string, number>();
  /** How often only the newest readings were asked for, of hosts that are not there. */
  readonly #newestAsked = new Map<string, number>();
  /** When each sampler was last asked for, of whatever host. */
  readonly #askedMs = new Map<string, number>();
  /** Samplers that are kept where room is short; replaced when others are asked for. */
  #wanted: ReadonlySet<string> = new Set();
  /** Ticks up to this position have been told. */
  #toldPos: number;
  #horizonMs: number;
  #bytes = 0;

  /** @param toldPos later ticks will come through `add` */
  constructor(
    limits: Pick<EmbeddedLimits, 'windowMs' | 'windowBytes'>,
    clock: Pick<Clock, 'wallMs'>,
    toldPos: number,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#toldPos = toldPos;
    this.#horizonMs = limits.windowMs;
  }

  /** How far back hosts may reach at the moment. */
  get horizonMs(): number {
    return this.#horizonMs;
  }

  /** Memory that is in use, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in a tick of an agent that was just committed. */
  add(tick: CommittedSamples): void {
    this.#toldPos = Math.max(this.#toldPos, tick.pos);
    const host = this.#hosts.get(tick.agentId);
    if (host === undefined || tick.pos <= host.lastPos) return;
    const before = host.bytes;
    const isTaken = tick.blocks.every(
      (block) => block.kind !== 'values' || host.append(toBlock(block, tick, false)),
    );
    this.#bytes += host.bytes - before;
    // A reading that comes late: whoever asks next reads the host anew, in order.
    if (!isTaken) this.#forget(tick.agentId, host);
    else if (host.fromMs < this.#clock.wallMs() - SLACK_RATIO * this.#horizonMs) this.#trim(host);
    this.#fit();
  }

  /** The columns of a host, if they are there and complete for every sampler. Not to be kept beyond the turn. */
  whole(agentId: string): HostColumns | undefined {
    const host = this.#hosts.get(agentId);
    return host?.isWhole === true ? host : undefined;
  }

  /**
   * The columns of a host, which are made if they can be; undefined when its readings must be got another way. What is
   * before their `fromMs` is not in them. Not to be kept beyond the turn. For newest samples alone they are made after
   * some questions only: the first one after a start may be about a fleet, of which it looks at one record each.
   */
  of(host: CatalogueHost, request: ColumnsRequest): HostColumns | undefined {
    const { agentId } = host;
    const nowMs = this.#clock.wallMs();
    const samplers = this.#samplersFor(request, nowMs);
    const beginMs = Math.max(nowMs - this.#horizonMs, request.sealedToMs);
    const old = this.#hosts.get(agentId);
    const known = old?.covers(request.samplers) === true ? old : undefined;
    if (known !== undefined && known.fromMs <= Math.max(request.fromMs, beginMs)) return known;
    // Ticks that the snapshot does not have were told before there was anybody to take them in.
    if (request.snapshot.lastPos < this.#toldPos) return known;
    if (nowMs - (this.#refusedMs.get(agentId) ?? Number.NEGATIVE_INFINITY) < REFUSED_MS) return known;
    if (old === undefined && request.isNewest) {
      const asked = this.#newestAsked.get(agentId) ?? 0;
      this.#newestAsked.set(agentId, asked + 1);
      if (asked < NEWEST_PER_HOST) return undefined;
    }
    const fromMs = Math.max(beginMs, nowMs - REACH_RATIO * (nowMs - request.fromMs));
    const made = makeColumns(host, { fromMs, samplers, toldPos: this.#toldPos }, request.snapshot);
    if (made === undefined) {
      this.#refusedMs.set(agentId, nowMs);
      return known;
    }
    this.#refusedMs.delete(agentId);
    this.#newestAsked.delete(agentId);
    if (old !== undefined) this.#forget(agentId, old);
    this.#hosts.set(agentId, made);
    this.#bytes += made.bytes;
    this.#fit();
    return made;
  }

  /** What is kept of a host that is asked about now; undefined for everything. */
  #samplersFor({ samplers, hostCount }: ColumnsRequest, nowMs: number): ReadonlySet<string> | undefined {
    if (hostCount * WHOLE_HOST_BYTES <= this.#limits.windowBytes) return undefined;
    for (const sampler of samplers) this.#askedMs.set(sampler, nowMs);
    if (!isWithin(samplers, this.#wanted)) {
      for (const [sampler, askedMs] of this.#askedMs)
        if (askedMs < nowMs - ASKED_MS) this.#askedMs.delete(sampler);
      this.#wanted = new Set(this.#askedMs.keys());
    }
    return this.#wanted;
  }

  /** Forgets hosts that are gone, and tries again how far the others may reach back. */
  refresh(hosts: ReadonlyMap<string, unknown>): void {
    for (const [agentId, host] of this.#hosts) if (!hosts.has(agentId)) this.#forget(agentId, host);
    this.#newestAsked.clear();
    this.#refusedMs.clear();
    this.#horizonMs = this.#limits.windowMs;
  }

  #forget(agentId: string, host: HostColumns): void {
    this.#hosts.delete(agentId);
    this.#bytes -= host.bytes;
  }

  /** Lets all hosts reach back less far while they take too much. */
  #fit(): void {
    while (this.#bytes > this.#limits.windowBytes && this.#horizonMs > HORIZON_MS_MIN) {
      this.#horizonMs *= SHRINK_RATIO;
      for (const host of this.#hosts.values()) this.#trim(host);
    }
  }

  #trim(host: HostColumns): void {
    const before = host.bytes;
    host.trim(this.#clock.wallMs() - this.#horizonMs);
    this.#bytes += host.bytes - before;
  }
}

/** Reads a host from the journal; undefined when its readings are too many, or not in order of time. */
function makeColumns(
  host: CatalogueHost,
  {
    fromMs,
    samplers,
    toldPos,
  }: {
    readonly fromMs: number;
    readonly samplers: ReadonlySet<string> | undefined;
    readonly toldPos: number;
  },
  snapshot: JournalSnapshot,
): HostColumns | undefined {
  // A tick that was not told yet may be in a lane that is not looked at here; it comes through `add`.
  const columns = new HostColumns(fromMs, Math.min(snapshot.lastPos, toldPos), samplers);
  const range: TimeRange = { fromMs, toMs: LATEST_MS };
  let values = 0;
  for (const lane of lanesIn(host, range)) {
    const schemaOf = schemasOf(lane, samplers);
    for (const tick of snapshot.ticks(rowRange(lane, range))) {
      for (const block of decodeTick(tick, schemaOf, false)) {
        values += block.schema.seriesCount;
        if (values > VALUES_MAX || !columns.append(block)) return undefined;
      }
    }
  }
  return columns;
}

function isWithin(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  for (const each of some) if (!all.has(each)) return false;
  return true;
}
