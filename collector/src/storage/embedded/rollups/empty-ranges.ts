/**
 * Where the journal has nothing of a host that block files do not have: late readings, which few hosts have. To ask the database
 * takes a transaction with each chart that reaches beyond an hour. For stores that are told of every tick.
 */
import type { CommittedSamples } from '../../../journal/journal.ts';
import type { JournalSnapshot } from '../../../journal/reader.ts';
import type { TimeRange } from '../catalogue.ts';

/** What was found out from a snapshot. */
interface Empty extends TimeRange {
  readonly lastPos: number;
  readonly blocksVersion: number;
  /** Ticks up to here had been told when the look began. Only their lanes were looked at, though the snapshot may be newer. */
  readonly toldPos: number;
}

type Moment = Pick<JournalSnapshot, 'lastPos' | 'blocksVersion'>;

export class EmptyRanges {
  /** One of each host; charts of several lengths mostly end at the same time. */
  readonly #ofHost = new Map<string, Empty>();
  /** Ticks up to this position have been told. */
  #toldPos: number;

  /** @param toldPos later ticks will come through `add` */
  constructor(toldPos: number) {
    this.#toldPos = toldPos;
  }

  get toldPos(): number {
    return this.#toldPos;
  }

  /** Takes in a tick that was just committed, of whatever host. */
  add({ pos, agentId, timeMs, blocks }: CommittedSamples): void {
    this.#toldPos = Math.max(this.#toldPos, pos);
    const empty = this.#ofHost.get(agentId);
    if (empty === undefined || pos <= empty.toldPos) return;
    const isLate = blocks.some(
      ({ offsetMs }) => timeMs + offsetMs >= empty.fromMs && timeMs + offsetMs <= empty.toMs,
    );
    if (isLate) this.#ofHost.delete(agentId);
  }

  /**
   * The journal was looked through, and has no tick of the host with a reading in a range.
   * @param snapshot.toldPos as it was before
   */
  note(
    agentId: string,
    { fromMs, toMs }: TimeRange,
    { lastPos, blocksVersion, toldPos }: Moment & { readonly toldPos: number },
  ): void {
    // Later ticks were told before there was anybody to take them in.
    if (lastPos < this.#toldPos) return;
    const found = { fromMs, toMs, lastPos, blocksVersion, toldPos };
    const known = this.#ofHost.get(agentId);
    const isUnion =
      known !== undefined &&
      known.fromMs <= toMs + 1 &&
      known.toMs >= fromMs - 1 &&
      this.has(agentId, known, { lastPos, blocksVersion });
    this.#ofHost.set(agentId, isUnion ? union(known, found) : found);
  }

  /** Whether it is known that there is none, as a snapshot sees it. */
  has(agentId: string, { fromMs, toMs }: TimeRange, { lastPos, blocksVersion }: Moment): boolean {
    const empty = this.#ofHost.get(agentId);
    if (empty === undefined || empty.fromMs > fromMs || empty.toMs < toMs) return false;
    // What blocks stand for is not read from the journal, so other blocks say nothing about it.
    if (empty.blocksVersion !== blocksVersion) return false;
    return lastPos === empty.lastPos || (lastPos > empty.lastPos && lastPos <= this.#toldPos);
  }

  /** Hosts and their lanes may be others now. */
  clear(): void {
    this.#ofHost.clear();
  }
}

/** Two ranges that touch, as the moment of the newer one sees them. */
function union(known: Empty, found: Empty): Empty {
  return {
    ...found,
    fromMs: Math.min(known.fromMs, found.fromMs),
    toMs: Math.max(known.toMs, found.toMs),
    toldPos: Math.min(known.toldPos, found.toldPos),
  };
}
