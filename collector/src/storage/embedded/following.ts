/**
 * The embedded store as a thread sees it that only reads: it has its own connections, its own catalogue and its own
 * recent window, and catches up with the journal whenever it is asked to.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { JournalFollower } from '../../journal/follower.ts';
import type { JournalReader } from '../../journal/reader.ts';
import type { Labels } from '../labels.ts';
import type { FollowingReader, LabelsRequest, SelectRequest, Series, StorageStats } from '../storage.ts';
import { BlockSet, type BlockSetOptions } from './block-set.ts';
import { createEmbeddedStorage, type EmbeddedStorage } from './embedded.ts';
import type { EmbeddedLimits } from './limits.ts';
import type { Identity } from './matching.ts';

export interface FollowingOptions {
  /** Open for as long as the store is; the store does not close it. */
  readonly reader: JournalReader;
  /** As for the store that writes. */
  readonly identityOf: (agentId: string) => Identity | undefined;
  readonly clock: Clock;
  readonly yieldToLoop: () => Promise<void>;
  readonly limits?: Partial<EmbeddedLimits>;
  /** Where block files are; without it there are none. */
  readonly blocks?: BlockSetOptions;
}

/** Decoding more new records than this takes longer than reading anew what a query needs. */
const ROWS_PER_POLL_MAX = 20_000;
/** The picture is made anew this often, because it does not hear of what was deleted. */
const REOPEN_MS = 7_200_000;

interface Picture {
  readonly follower: JournalFollower;
  readonly storage: EmbeddedStorage;
  readonly openedMs: number;
}

/** @throws AppError STORAGE_UNAVAILABLE when the journal cannot be read */
export function createFollowingStorage(options: FollowingOptions): FollowingReader {
  return new Following(options);
}

class Following implements FollowingReader {
  readonly #options: FollowingOptions;
  readonly #blocks: BlockSet | undefined;
  #picture: Picture;

  constructor(options: FollowingOptions) {
    this.#options = options;
    this.#blocks = options.blocks === undefined ? undefined : new BlockSet(options.blocks);
    this.#picture = this.#open();
  }

  catchUp(): void {
    const nowMs = this.#options.clock.monoMs();
    const { follower, openedMs } = this.#picture;
    if (nowMs - openedMs < REOPEN_MS && follower.poll(ROWS_PER_POLL_MAX)) return;
    // Reads that are under way end on the old picture, which holds nothing but memory; block files belong to all.
    this.#picture = this.#open();
  }

  select(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    return this.#picture.storage.select(request, signal);
  }

  series(request: LabelsRequest, signal: AbortSignal): Promise<readonly Labels[]> {
    return this.#picture.storage.series(request, signal);
  }

  labelNames(request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    return this.#picture.storage.labelNames(request, signal);
  }

  labelValues(name: string, request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    return this.#picture.storage.labelValues(name, request, signal);
  }

  stats(): Promise<StorageStats> {
    return this.#picture.storage.stats();
  }

  #open(): Picture {
    const { reader, identityOf, clock, yieldToLoop, limits } = this.#options;
    const follower = new JournalFollower(reader);
    const storage = createEmbeddedStorage({
      journal: follower,
      reader,
      identityOf,
      clock,
      randomBytes: () => {
        throw new TypeError('a store that only reads makes no epochs');
      },
      yieldToLoop,
      windowHosts: 'columns',
      ...(limits === undefined ? {} : { limits }),
      ...(this.#blocks === undefined ? {} : { blocks: this.#blocks }),
    });
    return { follower, storage, openedMs: clock.monoMs() };
  }
}
