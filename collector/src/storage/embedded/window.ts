/**
 * The recent past in memory, so that a query over many hosts does not decode the journal each time. For each host and
 * sampler it knows from which time on it holds every block; what is older is read from the journal.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { blockBytes, type Block } from './block.ts';
import type { EmbeddedLimits } from './limits.ts';

/** Blocks of one sampler of one host, in order of time. */
interface SamplerWindow {
  readonly blocks: Block[];
  /** No block has a position beyond this. */
  lastPos: number;
  /** Every block from this time on is here. */
  fromMs: number;
}

interface HostWindow {
  /** From this time on every block of the host came in, whether it is still here or not. */
  fromMs: number;
  /** Position of the newest block that came too late to be taken in; see `fill`. */
  latePos: number;
  readonly samplers: Map<string, SamplerWindow>;
}

interface Held {
  readonly sampler: SamplerWindow;
  readonly block: Block;
  readonly bytes: number;
}

/** A range of time that a fill is to bring. */
export interface FillTicket {
  readonly fromMs: number;
  readonly toMs: number;
}

export class RecentWindow {
  readonly #limits: EmbeddedLimits;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #hosts = new Map<string, HostWindow>();
  /** In order of arrival; what stands before `#first` is gone already. */
  #queue: Held[] = [];
  #first = 0;
  #bytes = 0;

  readonly #newHostFromMs: number;

  /**
   * @param clock a block is recent by this clock, so that one host with a wrong clock cannot push out the others
   * @param newHostFromMs of a host that was not started, everything from this time on will come in
   */
  constructor(
    limits: EmbeddedLimits,
    clock: Pick<Clock, 'wallMs'>,
    newHostFromMs = Number.NEGATIVE_INFINITY,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#newHostFromMs = newHostFromMs;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The window begins here for this host; what is older exists, but only in the journal. */
  startHost(agentId: string, fromMs: number): void {
    this.#hosts.set(agentId, { fromMs, latePos: 0, samplers: new Map() });
  }

  /** Takes in a block that was just committed. */
  add(agentId: string, block: Block): void {
    const host = this.#host(agentId);
    const sampler = samplerOf(host, block.schema.sampler);
    if (block.timeMs < sampler.fromMs) {
      host.latePos = block.pos;
      return;
    }
    this.#insert(sampler, block);
    this.#evict();
  }

  /** From which time on `blocks` is complete for the sampler. */
  coveredFrom(agentId: string, sampler: string): number {
    const host = this.#hosts.get(agentId);
    if (host === undefined) return this.#newHostFromMs;
    return host.samplers.get(sampler)?.fromMs ?? host.fromMs;
  }

  /** From which time on `blocks` is complete for every sampler of the host. */
  allCoveredFrom(agentId: string): number {
    const host = this.#hosts.get(agentId);
    if (host === undefined) return this.#newHostFromMs;
    let coveredFromMs = host.fromMs;
    for (const { fromMs } of host.samplers.values()) coveredFromMs = Math.max(coveredFromMs, fromMs);
    return coveredFromMs;
  }

  /** Blocks of a sampler in order of time. Not to be kept beyond the turn. */
  blocks(agentId: string, sampler: string): readonly Block[] {
    return this.#hosts.get(agentId)?.samplers.get(sampler)?.blocks ?? [];
  }

  /** The blocks of a sampler in a range that had been written up to a position, in order of time. */
  blocksIn(
    agentId: string,
    sampler: string,
    { fromMs, toMs, lastPos }: FillTicket & { readonly lastPos: number },
  ): readonly Block[] {
    const held = this.#hosts.get(agentId)?.samplers.get(sampler);
    if (held === undefined) return [];
    const found = held.blocks.slice(firstAtLeast(held.blocks, fromMs), firstAtLeast(held.blocks, toMs + 1));
    return held.lastPos <= lastPos ? found : found.filter(({ pos }) => pos <= lastPos);
  }

  /**
   * What must be read from the journal, so that reads from `fromMs` on need not look there again. Undefined when nothing
   * is missing, when the time is before the window, or when memory is short.
   * @param leastMs what is before this time does not all stand in the journal
   */
  missing(agentId: string, fromMs: number, leastMs = Number.NEGATIVE_INFINITY): FillTicket | undefined {
    const host = this.#hosts.get(agentId);
    const beginMs = Math.max(this.#beginMs, leastMs);
    if (host === undefined || host.fromMs <= fromMs || fromMs < beginMs) return undefined;
    if (this.#bytes > this.#limits.windowBytes * this.#limits.windowFillRatio) return undefined;
    return { fromMs: beginMs, toMs: host.fromMs - 1 };
  }

  /**
   * Takes in all blocks of the host in the ticket's range.
   * @param read all of them that the journal had up to position `lastPos`; nothing is taken when one came later, or when
   *   another read has filled the window meanwhile
   */
  fill(
    agentId: string,
    ticket: FillTicket,
    { blocks, lastPos }: { readonly blocks: readonly Block[]; readonly lastPos: number },
  ): void {
    const host = this.#hosts.get(agentId);
    if (host === undefined || host.fromMs !== ticket.toMs + 1 || host.latePos > lastPos) return;
    const beforeMs = host.fromMs;
    host.fromMs = ticket.fromMs;
    for (const sampler of host.samplers.values()) {
      // A sampler that lost blocks since then keeps its own, later beginning.
      if (sampler.fromMs === beforeMs) sampler.fromMs = ticket.fromMs;
    }
    for (const block of blocks) {
      const sampler = samplerOf(host, block.schema.sampler);
      if (block.timeMs >= sampler.fromMs && block.timeMs < beforeMs) this.#insert(sampler, block);
    }
    this.#evict();
  }

  get #beginMs(): number {
    return this.#clock.wallMs() - this.#limits.windowMs;
  }

  #host(agentId: string): HostWindow {
    let host = this.#hosts.get(agentId);
    if (host === undefined) {
      host = { fromMs: this.#newHostFromMs, latePos: 0, samplers: new Map() };
      this.#hosts.set(agentId, host);
    }
    return host;
  }

  #insert(sampler: SamplerWindow, block: Block): void {
    const { blocks } = sampler;
    let at = blocks.length;
    while (at > 0 && isAfter(blocks[at - 1], block)) at--;
    blocks.splice(at, 0, block);
    sampler.lastPos = Math.max(sampler.lastPos, block.pos);
    const bytes = blockBytes(block);
    this.#queue.push({ sampler, block, bytes });
    this.#bytes += bytes;
  }

  #evict(): void {
    const beginMs = this.#beginMs;
    for (;;) {
      const held = this.#queue[this.#first];
      if (held === undefined) break;
      if (this.#bytes <= this.#limits.windowBytes && held.block.timeMs >= beginMs) break;
      this.#first++;
      this.#remove(held);
    }
    if (this.#first > 1_024 && this.#first * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Removes a block; the sampler is complete only after it from now on. */
  #remove({ sampler, block, bytes }: Held): void {
    this.#bytes -= bytes;
    const at = sampler.blocks.indexOf(block);
    if (at >= 0) sampler.blocks.splice(at, 1);
    sampler.fromMs = Math.max(sampler.fromMs, block.timeMs + 1);
  }
}

function samplerOf(host: HostWindow, name: string): SamplerWindow {
  let sampler = host.samplers.get(name);
  if (sampler === undefined) {
    sampler = { blocks: [], lastPos: 0, fromMs: host.fromMs };
    host.samplers.set(name, sampler);
  }
  return sampler;
}

/** Position of the first block at or after `timeMs`. */
function firstAtLeast(blocks: readonly Block[], timeMs: number): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((blocks[middle]?.timeMs ?? Infinity) < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isAfter(left: Block | undefined, right: Block): boolean {
  if (left === undefined) return false;
  return left.timeMs > right.timeMs || (left.timeMs === right.timeMs && left.pos > right.pos);
}
