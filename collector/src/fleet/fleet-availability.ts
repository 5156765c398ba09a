/**
 * How available all hosts were, worst first. It takes a look at the database for each of them, so that it is done in
 * slices between which everybody else has a turn, and once for whoever asks for the same span meanwhile.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import type { AvailabilityFigures, FleetAvailabilityAnswer, HostAvailability } from '../api/types.ts';
import { availabilityOf, sumOf } from './availability.ts';
import type { Host } from './hosts.ts';
import type { PresenceRecord } from './presence-history.ts';

/** How long hosts are looked at before others have a turn. */
const SLICE_MS = 5;
/** Spans that are worked on at one time. */
const SPANS_MAX = 4;

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface FleetAvailabilityOptions {
  readonly hosts: { all(): Iterable<Host>; get(id: string): Host | undefined };
  /** @throws AppError LIMIT_EXCEEDED */
  readonly history: (hostId: string, range: Range) => PresenceRecord;
  readonly clock: Pick<Clock, 'monoMs'>;
}

export class FleetAvailability {
  readonly #options: FleetAvailabilityOptions;
  readonly #running = new Map<string, Promise<readonly HostAvailability[]>>();

  constructor(options: FleetAvailabilityOptions) {
    this.#options = options;
  }

  /**
   * Hosts that are not revoked, from the least available on; last those whose figures cannot be made.
   * @param limit the most hosts of the answer, from 1
   * @throws AppError SLOW_DOWN when too many other spans are being worked on
   */
  async of(range: Range, limit: number): Promise<FleetAvailabilityAnswer> {
    const all = await this.#shared(range);
    const known = all.filter((host) => host.kind === 'known');
    return {
      ...range,
      hosts: all.slice(0, limit),
      omittedHosts: Math.max(0, all.length - limit),
      failedHosts: all.length - known.length,
      total: {
        seen: sumOf(known.map(({ seen }) => seen)),
        corrected: sumOf(known.map(({ corrected }) => corrected)),
      },
    };
  }

  #shared(range: Range): Promise<readonly HostAvailability[]> {
    const key = `${range.fromMs} ${range.toMs}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    if (this.#running.size >= SPANS_MAX) {
      const message = `the availability of all hosts is being worked out for ${SPANS_MAX} other spans: try again`;
      throw new AppError('SLOW_DOWN', message, { isRetryable: true });
    }
    const begun = this.#workOut(range).finally(() => this.#running.delete(key));
    this.#running.set(key, begun);
    return begun;
  }

  async #workOut(range: Range): Promise<readonly HostAvailability[]> {
    const { hosts, clock } = this.#options;
    const ids = Array.from(hosts.all(), ({ id }) => id);
    const found: HostAvailability[] = [];
    let sliceEndMs = clock.monoMs() + SLICE_MS;
    for (const id of ids) {
      if (clock.monoMs() >= sliceEndMs) {
        await nextTurn();
        sliceEndMs = clock.monoMs() + SLICE_MS;
      }
      // It may have been deleted or shut out since.
      const host = hosts.get(id);
      if (host?.revokedMs === null) found.push(this.#host(host, range));
    }
    return found.sort(worstFirst);
  }

  #host({ id, name }: Host, range: Range): HostAvailability {
    try {
      const { seen, corrected } = this.#options.history(id, range);
      return {
        hostId: id,
        name,
        kind: 'known',
        seen: figuresOf(availabilityOf(seen, range)),
        corrected: figuresOf(availabilityOf(corrected, range)),
      };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { hostId: id, name, kind: 'failed', error: { code: error.code, message: error.message } };
    }
  }
}

/** Without the spans. */
function figuresOf({
  upMs,
  downMs,
  plannedMs,
  unknownMs,
  availableRatio,
}: AvailabilityFigures): AvailabilityFigures {
  return { upMs, downMs, plannedMs, unknownMs, availableRatio };
}

function worstFirst(left: HostAvailability, right: HostAvailability): number {
  const byRank = rankOf(left) - rankOf(right);
  if (byRank !== 0 && !Number.isNaN(byRank)) return byRank;
  return left.name < right.name ? -1 : 1;
}

/** The ratio, above it those of whom nothing is known, then those that failed: however many, they do not hide the worst. */
function rankOf(host: HostAvailability): number {
  return host.kind === 'failed' ? 3 : (host.corrected.availableRatio ?? 2);
}
