/**
 * Finds in the ticks that come late the spans in which a host measured while nobody saw it: the collector was away, or the
 * network between them.
 */
import type { CommittedSamples } from '../journal/journal.ts';
import { COLLECTOR_AGENT_ID } from '../journal/journal.ts';

/** A tick that is older than this when it is stored was not seen at its time. */
const LATE_MS = 30_000;
/** Two ticks this far apart still belong together; a missing one is told by the agent itself. */
const GAP_MS_MIN = 60_000;
/** How many of a sampler's intervals may lie between two ticks. */
const GAP_INTERVALS = 3;

/** A span under way. */
interface Span {
  fromMs: number;
  toMs: number;
}

export class LateRecords {
  readonly #spans = new Map<string, Span>();
  readonly #found: (hostId: string, span: Span) => void;

  /** @param found is told of each span when it begins, whenever it has grown in a commit, and when it ends */
  constructor(found: (hostId: string, span: { readonly fromMs: number; readonly toMs: number }) => void) {
    this.#found = found;
  }

  /** @param ticks that were just stored, oldest first of each host; @param nowMs wall clock */
  committed(ticks: readonly CommittedSamples[], nowMs: number): void {
    const grown = new Map<string, Span>();
    for (const tick of ticks) {
      const { agentId, timeMs } = tick;
      const isLate = nowMs - timeMs > LATE_MS;
      const span = this.#spans.get(agentId);
      // Nearly all ticks: in time, and of a host that was not away.
      if ((span === undefined && !isLate) || agentId === COLLECTOR_AGENT_ID) continue;
      if (span !== undefined && timeMs >= span.toMs && timeMs - span.toMs <= gapMs(tick)) {
        span.toMs = timeMs;
        grown.set(agentId, span);
      } else if (isLate) {
        const begun = { fromMs: timeMs, toMs: timeMs };
        if (span !== undefined && grown.get(agentId) === span) this.#found(agentId, span);
        this.#spans.set(agentId, begun);
        grown.set(agentId, begun);
      }
      // The host is up to date: from here on it is seen.
      if (!isLate) this.#spans.delete(agentId);
    }
    for (const [hostId, span] of grown) this.#found(hostId, span);
  }

  /** The host was deleted. */
  forget(hostId: string): void {
    this.#spans.delete(hostId);
  }
}

function gapMs({ blocks }: CommittedSamples): number {
  let intervalMs = 0;
  for (const block of blocks) {
    if (block.kind !== 'values') continue;
    const own = block.schema.intervalMs;
    intervalMs = intervalMs === 0 ? own : Math.min(intervalMs, own);
  }
  return Math.max(GAP_MS_MIN, GAP_INTERVALS * intervalMs);
}
