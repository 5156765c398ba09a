/**
 * The recent past in memory, so that a query over many hosts does not decode the journal each time. For each host and
 * sampler it knows from which time on it holds every reading; what is older is read from the journal. It reaches back as
 * far as reads lately asked for, sampler by sampler, as far as its memory goes. Long, because what comes in, what is missing and
 * what is given up change the same few numbers.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import type { Block } from '../blocks/block.ts';
import type { TimeRange } from '../catalogue.ts';
import type { EmbeddedLimits } from '../limits.ts';
import { Reach } from './reach.ts';
import { Readings, type ReadingChunk, type ReadingRun } from './readings.ts';

interface HostWindow {
  /** Every reading from this time on is here, of samplers that are not in `samplers`. */
  fromMs: number;
  readonly samplers: Map<string, Readings>;
}

/** Readings of a sampler that a fill takes in. */
interface Wanted {
  readonly beginMs: number;
  /** From then on all were here already. */
  readonly endMs: number;
  readonly blocks: Block[];
}

interface Held {
  readonly readings: Readings;
  readonly chunk: ReadingChunk;
}

/** A range of time that a fill is to bring. */
export interface FillTicket extends TimeRange {
  /** From when on each is wanted, some of them later than `fromMs`. */
  readonly samplers: ReadonlyMap<string, number>;
}

/** What a read knows of an agent. */
export interface AgentKnown {
  /** What is before this time does not all stand in the journal. */
  readonly leastMs: number;
  /** All that the agent has; asked for only when something is missing. */
  readonly samplers: () => ReadonlySet<string>;
}

const NOTHING_KNOWN: AgentKnown = { leastMs: Number.NEGATIVE_INFINITY, samplers: () => new Set() };

/** Which readings a read wants: those of a range that had been written up to a position. */
export interface WindowRange extends TimeRange {
  readonly lastPos: number;
}

export class RecentWindow {
  readonly #limits: EmbeddedLimits;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #reach: Reach;
  readonly #hosts = new Map<string, HostWindow>();
  /** How far back each sampler is going to be read. */
  #expected: ReadonlyMap<string, number> = new Map();
  /** In order of arrival; what stands before `#first` is gone already. */
  #queue: Held[] = [];
  #first = 0;
  #goneInQueue = 0;
  #bytes = 0;
  #newHostFromMs: number;

  /**
   * @param clock a reading is recent by this clock, so that one host with a wrong clock cannot push out the others
   * @param newHostFromMs of a host that was not started, everything from this time on will come in
   */
  constructor(
    limits: EmbeddedLimits,
    clock: Pick<Clock, 'wallMs' | 'monoMs'>,
    newHostFromMs = Number.NEGATIVE_INFINITY,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#reach = new Reach(clock);
    this.#newHostFromMs = newHostFromMs;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The window begins here for this host; what is older exists, but only in the journal. */
  startHost(agentId: string, fromMs: number): void {
    this.#hosts.set(agentId, { fromMs, samplers: new Map() });
  }

  /**
   * Forgets hosts that have nothing in the journal any more.
   * @param newHostFromMs as for the constructor, for these hosts too
   */
  forgetOthers(hosts: ReadonlyMap<string, unknown>, newHostFromMs: number): void {
    this.#newHostFromMs = newHostFromMs;
    for (const [agentId, { samplers }] of this.#hosts) {
      if (hosts.has(agentId) || agentId === COLLECTOR_AGENT_ID) continue;
      this.#hosts.delete(agentId);
      for (const readings of samplers.values()) {
        for (let chunk = readings.oldest; chunk !== undefined; chunk = readings.oldest)
          this.#remove({ readings, chunk });
      }
    }
    this.#tidyQueue();
  }

  /**
   * Of the collector's own series, what is before this time is not looked for here any more. Readings in block files stand under
   * other samplers than they came in with, which a read asks for as well only as long as the catalogue has them.
   */
  leaveSealed(sealedToMs: number): void {
    const own = this.#hosts.get(COLLECTOR_AGENT_ID);
    if (own === undefined) return;
    own.fromMs = Math.max(own.fromMs, sealedToMs);
    for (const readings of own.samplers.values()) readings.fromMs = Math.max(readings.fromMs, sealedToMs);
  }

  /** Takes in a reading that was just committed. */
  add(agentId: string, block: Block): void {
    const { sampler } = block.schema;
    const readings = readingsOf(this.#host(agentId), sampler);
    if (this.#isShort && !this.#isAsked(agentId, sampler)) this.#leaveOut(readings, block);
    if (block.timeMs < readings.fromMs) {
      readings.latePos = block.pos;
      return;
    }
    // What is too old goes by chunks, so it is looked for with each of them.
    const hasNewChunk = this.#insert(readings, block);
    if (hasNewChunk) this.#expire(readings, sampler);
    // All hosts of a fleet may begin new chunks in the same minute, and the old ones grow until then.
    if (hasNewChunk || this.#bytes > this.#limits.windowBytes) this.#evict();
  }

  /**
   * Says what is going to be read of all agents, so that a record that is read for one sampler is read for all of them.
   * @param backMs by sampler, how far back; 0 where the newest reading is enough. Replaces what was said before
   */
  expect(backMs: ReadonlyMap<string, number>): void {
    this.#expected = backMs;
    // What comes in is kept until the first of these reads.
    for (const sampler of backMs.keys()) this.#reach.note(sampler, 0);
  }

  /** Somebody wants the newest reading of a sampler, of whatever agent. */
  noteNewest(sampler: string): void {
    this.#reach.note(sampler, 0);
  }

  /**
   * A read looks at the newest sample at some times of a range. What comes in is kept for the next one, where the window could
   * hold all of it; nothing is read into it.
   */
  noteGrid(samplers: ReadonlySet<string>, { fromMs }: Pick<TimeRange, 'fromMs'>): void {
    const backMs = this.#clock.wallMs() - fromMs + this.#limits.windowSlackMs;
    if (backMs > this.#limits.windowMs) return;
    for (const sampler of samplers) this.#reach.note(sampler, backMs);
  }

  /** From which time on `runs` is complete for the sampler. */
  coveredFrom(agentId: string, sampler: string): number {
    const host = this.#hosts.get(agentId);
    if (host === undefined) return this.#newHostFromMs;
    return host.samplers.get(sampler)?.fromMs ?? host.fromMs;
  }

  /** From which time on `runs` is complete for each of some samplers. */
  allCoveredFrom(agentId: string, samplers: ReadonlySet<string>): number {
    let coveredFromMs = Number.NEGATIVE_INFINITY;
    for (const sampler of samplers)
      coveredFromMs = Math.max(coveredFromMs, this.coveredFrom(agentId, sampler));
    return coveredFromMs;
  }

  /** Readings of a sampler, in order of time. They stay what they are. */
  runs(agentId: string, sampler: string, { fromMs, toMs, lastPos }: WindowRange): readonly ReadingRun[] {
    return this.#hosts.get(agentId)?.samplers.get(sampler)?.runs(fromMs, toMs, lastPos) ?? [];
  }

  /** The newest reading of a sampler in a range. */
  newest(agentId: string, sampler: string, { fromMs, toMs, lastPos }: WindowRange): Block | undefined {
    return this.#hosts.get(agentId)?.samplers.get(sampler)?.newest(fromMs, toMs, lastPos);
  }

  /**
   * Remembers what a read looks at, and says what must be read from the journal so that the next one finds it here, and those
   * that are expected. Undefined when nothing is missing or memory is short, and for what lies so far back that much more than
   * the range itself would have to be read.
   * @param samplers the collector's own that are given are read together
   */
  missing(
    agentId: string,
    samplers: ReadonlySet<string>,
    range: TimeRange,
    known = NOTHING_KNOWN,
  ): FillTicket | undefined {
    const host = this.#hosts.get(agentId);
    const nowMs = this.#clock.wallMs();
    const beginMs = Math.max(range.fromMs, nowMs - this.#limits.windowMs);
    if (host === undefined || range.toMs < beginMs) return undefined;
    const backMs = Math.min(nowMs - beginMs + this.#limits.windowSlackMs, this.#limits.windowMs);
    for (const sampler of samplers) this.#reach.note(sampler, backMs);
    if (!this.#mayFill) return undefined;
    const fromMs = Math.max(beginMs, known.leastMs);
    const gapMsMax = Math.max(range.toMs - fromMs, this.#limits.windowSlackMs);
    if (agentId === COLLECTOR_AGENT_ID) {
      const coveredMs = this.allCoveredFrom(agentId, samplers);
      const isMissing = coveredMs > fromMs && coveredMs - range.toMs <= gapMsMax;
      if (!isMissing) return undefined;
      const wanted = new Map(Array.from(samplers, (sampler) => [sampler, fromMs]));
      // The last minutes of the others are asked for next.
      const shortMs = Math.max(fromMs, nowMs - this.#limits.windowLeastMs);
      for (const sampler of known.samplers()) {
        const otherMs = this.coveredFrom(agentId, sampler);
        if (!wanted.has(sampler) && otherMs > shortMs && otherMs <= coveredMs) wanted.set(sampler, shortMs);
      }
      return { fromMs, toMs: coveredMs - 1, samplers: wanted };
    }
    const found = new Map<string, number>();
    for (const sampler of samplers) {
      const coveredMs = this.coveredFrom(agentId, sampler);
      if (coveredMs > fromMs && coveredMs - range.toMs <= gapMsMax) found.set(sampler, fromMs);
    }
    return found.size === 0 ? undefined : this.#ticket(agentId, found, fromMs, known);
  }

  /**
   * The same for a read that wants the newest reading of some samplers and did not find them. Undefined also unless they are expected: reading a
   * few records backwards is cheaper than all of the last minutes.
   */
  missingNewest(
    agentId: string,
    samplers: ReadonlySet<string>,
    range: TimeRange,
    known: AgentKnown,
  ): FillTicket | undefined {
    if (this.#expected.size === 0 || !this.#mayFill || !this.#hosts.has(agentId)) return undefined;
    const nowMs = this.#clock.wallMs();
    const leastMs = Math.max(range.fromMs, nowMs - this.#limits.windowMs, known.leastMs);
    const found = new Map<string, number>();
    for (const sampler of samplers) {
      const backMs = this.#expected.get(sampler);
      if (backMs === undefined) continue;
      const coveredMs = this.coveredFrom(agentId, sampler);
      // What would be given up at once is read backwards, as what nobody expects.
      if (coveredMs <= this.#keptFrom(sampler)) continue;
      const shortMs = coveredMs - this.#limits.windowShortMs;
      const fromMs = Math.max(leastMs, backMs === 0 ? shortMs : Math.min(shortMs, nowMs - backMs));
      if (coveredMs > fromMs && coveredMs <= range.toMs + 1) found.set(sampler, fromMs);
    }
    return found.size === 0 ? undefined : this.#ticket(agentId, found, leastMs, known);
  }

  /** For these samplers, and for all others that are expected: as far back as they are, but not before `leastMs`. */
  #ticket(
    agentId: string,
    asked: ReadonlyMap<string, number>,
    leastMs: number,
    { samplers }: AgentKnown,
  ): FillTicket {
    const nowMs = this.#clock.wallMs();
    const found = new Map(asked);
    let toMs = Number.NEGATIVE_INFINITY;
    for (const sampler of asked.keys()) toMs = Math.max(toMs, this.coveredFrom(agentId, sampler) - 1);
    for (const sampler of this.#expected.size === 0 ? [] : samplers()) {
      const backMs = this.#expected.get(sampler);
      if (backMs === undefined || asked.has(sampler)) continue;
      const coveredMs = this.coveredFrom(agentId, sampler);
      const isNewest = backMs === 0;
      const hasAny = this.#hosts.get(agentId)?.samplers.get(sampler)?.oldest !== undefined;
      if (isNewest && hasAny) continue;
      const beginMs = Math.max(leastMs, isNewest ? coveredMs - this.#limits.windowShortMs : nowMs - backMs);
      // Of what begins later more would have to be read.
      if (coveredMs <= beginMs || coveredMs > toMs + 1) continue;
      if (!isNewest) this.#reach.note(sampler, nowMs - beginMs + this.#limits.windowSlackMs);
      found.set(sampler, beginMs);
    }
    return { fromMs: Math.min(...found.values()), toMs, samplers: found };
  }

  /**
   * Takes in readings of a host in the ticket's range.
   * @param read all of its samplers' that the journal had up to position `lastPos`; a sampler takes nothing when one came
   *   later, or when it has lost some of them meanwhile
   */
  fill(
    agentId: string,
    { toMs, samplers }: FillTicket,
    { blocks, lastPos }: { readonly blocks: readonly Block[]; readonly lastPos: number },
  ): void {
    const host = this.#hosts.get(agentId);
    if (host === undefined) return;
    for (const name of samplers.keys()) readingsOf(host, name);
    const wanted = new Map<string, Wanted>();
    for (const [name, readings] of host.samplers) {
      const beginMs = samplers.get(name);
      if (beginMs === undefined) continue;
      const isComplete = readings.latePos <= lastPos && readings.fromMs <= toMs + 1;
      if (!isComplete || readings.fromMs <= beginMs) continue;
      wanted.set(name, { beginMs, endMs: readings.fromMs, blocks: [] });
      readings.fromMs = beginMs;
    }
    for (const block of blocks) {
      const one = wanted.get(block.schema.sampler);
      if (one !== undefined && block.timeMs >= one.beginMs && block.timeMs < one.endMs)
        one.blocks.push(block);
    }
    for (const [name, { blocks: found }] of wanted) this.#insertAll(readingsOf(host, name), found);
    for (const name of wanted.keys()) this.#expire(readingsOf(host, name), name);
    this.#evict();
  }

  /** Whether reads may bring older readings. */
  get #mayFill(): boolean {
    return this.#bytes <= this.#limits.windowBytes * this.#limits.windowFillRatio;
  }

  #host(agentId: string): HostWindow {
    let host = this.#hosts.get(agentId);
    if (host === undefined) {
      host = { fromMs: this.#newHostFromMs, samplers: new Map() };
      this.#hosts.set(agentId, host);
    }
    return host;
  }

  /** Whether a large fleet uses so much that something must be left out. */
  get #isShort(): boolean {
    return this.#bytes > this.#limits.windowBytes * this.#limits.windowAmpleRatio;
  }

  #isAsked(agentId: string, sampler: string): boolean {
    return agentId === COLLECTOR_AGENT_ID || this.#reach.of(sampler) !== undefined;
  }

  /** Keeps nothing up to this reading; whoever asks finds it in the journal, and what comes then is kept. */
  #leaveOut(readings: Readings, { timeMs }: Block): void {
    for (let chunk = readings.oldest; chunk !== undefined; chunk = readings.oldest)
      this.#remove({ readings, chunk });
    readings.fromMs = Math.max(readings.fromMs, timeMs + 1);
  }

  /** Whether it took a new chunk. */
  #insert(readings: Readings, block: Block): boolean {
    const { made, gone, bytes } = readings.insert(block);
    for (const chunk of made) this.#queue.push({ readings, chunk });
    this.#bytes += bytes;
    if (gone !== undefined) this.#goneInQueue++;
    return made.length > 0;
  }

  #insertAll(readings: Readings, blocks: readonly Block[]): void {
    const made = readings.prepend(blocks);
    if (made === undefined) for (const block of blocks) this.#insert(readings, block);
    for (const chunk of made ?? []) {
      this.#queue.push({ readings, chunk });
      this.#bytes += chunk.bytes;
    }
  }

  /** Gives up what is older than anybody asks for. */
  #expire(readings: Readings, sampler: string): void {
    const { oldest } = readings;
    if (oldest === undefined) return;
    const beginMs = this.#keptFrom(sampler);
    for (let chunk = readings.oldest; chunk !== undefined && chunk.lastMs < beginMs; chunk = readings.oldest)
      this.#remove({ readings, chunk });
  }

  /** What ends before this time is given up. */
  #keptFrom(sampler: string): number {
    const { windowMs, windowLeastMs, windowShortMs } = this.#limits;
    const leastMs = this.#isShort ? Math.min(windowShortMs, windowLeastMs) : windowLeastMs;
    return this.#clock.wallMs() - Math.min(Math.max(this.#reach.of(sampler) ?? 0, leastMs), windowMs);
  }

  /** Gives up what came first while memory is short, and what no sampler may reach back to. */
  #evict(): void {
    const beginMs = this.#clock.wallMs() - this.#limits.windowMs;
    for (let held = this.#queue[this.#first]; held !== undefined; held = this.#queue[this.#first]) {
      const { chunk } = held;
      if (!chunk.isGone && this.#bytes <= this.#limits.windowBytes && chunk.lastMs >= beginMs) break;
      if (!chunk.isGone) this.#remove(held);
      this.#first++;
      this.#goneInQueue--;
    }
    this.#tidyQueue();
  }

  #remove({ readings, chunk }: Held): void {
    this.#bytes -= chunk.bytes;
    readings.remove(chunk);
    this.#goneInQueue++;
  }

  #tidyQueue(): void {
    const waste = this.#first + this.#goneInQueue;
    if (waste <= 1_024 || waste * 2 <= this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#first).filter(({ chunk }) => !chunk.isGone);
    this.#first = 0;
    this.#goneInQueue = 0;
  }
}

function readingsOf(host: HostWindow, name: string): Readings {
  let readings = host.samplers.get(name);
  if (readings === undefined) {
    readings = new Readings(host.fromMs);
    host.samplers.set(name, readings);
  }
  return readings;
}
