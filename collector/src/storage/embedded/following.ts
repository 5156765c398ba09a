/**
 * The embedded store as a thread sees it that only reads: it has its own connections, its own catalogue and its own
 * recent window, and catches up with the journal whenever it is asked to.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { JournalFollower, type PollLimits, type PollResult } from '../../journal/follower.ts';
import type { JournalReader } from '../../journal/reader.ts';
import type { Labels } from '../labels.ts';
import type {
  ExpectedRead,
  FollowingReader,
  LabelsRequest,
  SelectRequest,
  Series,
  StorageStats,
} from '../storage.ts';
import { BlockSet, type BlockSetOptions } from './blocks/block-set.ts';
import { createEmbeddedStorage, type EmbeddedStorage } from './embedded.ts';
import type { EmbeddedLimits } from './limits.ts';
import type { Identity } from './reads/matching.ts';

export interface FollowingOptions {
  /** Open for as long as the store is; the store does not close it. */
  readonly reader: JournalReader;
  /** As for the store that writes. */
  readonly identityOf: (agentId: string) => Identity | undefined;
  readonly identitiesVersion?: () => number;
  readonly clock: Clock;
  readonly yieldToLoop: () => Promise<void>;
  readonly limits?: Partial<EmbeddedLimits>;
  /**
   * What is kept of agents: a `window` that reaches back as far as somebody lately looked, sampler by sampler, as rules want
   * it; or `columns` of all that a host has, as far back as memory goes, for dashboards.
   * @default window
   */
  readonly memory?: 'window' | 'columns';
  /** Where block files are; without it there are none. */
  readonly blocks?: BlockSetOptions;
  /** For tests, which have few records. */
  readonly poll?: PollLimits;
}

/** Records that are decoded in one turn of the event loop. */
const ROWS_PER_POLL_MAX = 1_000;
/**
 * Decoding more new records than this takes longer than reading anew what a query needs. Rules look every few seconds and at
 * all hosts: more than this is behind only after minutes without a look, also in a fleet of ten thousand. Dashboards may not
 * have been looked at for hours.
 */
const ROWS_BEHIND_MAX = { window: 200_000, columns: 20_000 } as const;
/** How often it looks at which hosts there are, because it does not hear of what was deleted. */
const REFRESH_MS = 7_200_000;

interface Picture {
  readonly follower: JournalFollower;
  readonly storage: EmbeddedStorage;
  refreshedMs: number;
}

/** @throws AppError STORAGE_UNAVAILABLE when the journal cannot be read */
export function createFollowingStorage(options: FollowingOptions): FollowingReader {
  return new Following(options);
}

class Following implements FollowingReader {
  readonly #options: FollowingOptions;
  readonly #blocks: BlockSet | undefined;
  readonly #pollLimits: PollLimits;
  #expected: readonly ExpectedRead[] = [];
  #picture: Picture;
  #catchingUp: Promise<void> | undefined;

  constructor(options: FollowingOptions) {
    this.#options = options;
    const rowsBehindMax = ROWS_BEHIND_MAX[options.memory ?? 'window'];
    this.#pollLimits = options.poll ?? { rowsMax: ROWS_PER_POLL_MAX, rowsBehindMax };
    this.#blocks = options.blocks === undefined ? undefined : new BlockSet(options.blocks);
    this.#picture = this.#open();
  }

  async catchUp(): Promise<void> {
    if (this.#catchingUp === undefined && this.#poll() === 'behind') this.#catchingUp = this.#goOn();
    // Whoever comes while it is under way shares it: after each turn that it gives away it looks at the journal again.
    return this.#catchingUp;
  }

  expect(reads: readonly ExpectedRead[]): void {
    this.#expected = reads;
    this.#picture.storage.expect(reads);
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

  hostParts(): number {
    return this.#picture.storage.hostParts();
  }

  get windowBytes(): number {
    return this.#picture.storage.windowBytes;
  }

  stats(): Promise<StorageStats> {
    return this.#picture.storage.stats();
  }

  async #goOn(): Promise<void> {
    try {
      do await this.#options.yieldToLoop();
      while (this.#poll() === 'behind');
    } finally {
      this.#catchingUp = undefined;
    }
  }

  #poll(): PollResult {
    const nowMs = this.#options.clock.monoMs();
    const { follower, storage, refreshedMs } = this.#picture;
    const result = follower.poll(this.#pollLimits);
    if (result === 'lost') {
      // Reads that are under way end on the old picture, which holds nothing but memory; block files belong to all.
      this.#picture = this.#open();
    } else if (result === 'caught-up' && nowMs - refreshedMs >= REFRESH_MS) {
      storage.refresh();
      // There may be metrics by now that there were not.
      storage.expect(this.#expected);
      this.#picture.refreshedMs = nowMs;
    }
    return result;
  }

  #open(): Picture {
    const { reader, identityOf, identitiesVersion, clock, yieldToLoop, limits, memory } = this.#options;
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
      windowHosts: memory === 'columns' ? 'columns' : 'all',
      ...(identitiesVersion === undefined ? {} : { identitiesVersion }),
      ...(limits === undefined ? {} : { limits }),
      ...(this.#blocks === undefined ? {} : { blocks: this.#blocks }),
    });
    storage.expect(this.#expected);
    return { follower, storage, refreshedMs: clock.monoMs() };
  }
}
