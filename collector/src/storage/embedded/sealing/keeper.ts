/**
 * Keeps the block files: decides what is sealed when, lets the workshop do it, and switches over to the result. It is the
 * only one that changes the catalogue of blocks. Everything that it does may be cut off at any moment and is taken up
 * again by the next round.
 */
import { join } from 'node:path';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { background } from '@rollcall/shared/lib/background.ts';
import { diskErrorCode, type Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type {
  BlockResolution,
  BlockRow,
  DeletedAgent,
  LooseFile,
  NewBlock,
} from '../../../journal/blocks.ts';
import type { SealableJournal } from '../../../journal/journal.ts';
import type { JournalReader } from '../../../journal/reader.ts';
import {
  ASIDE_DIR,
  UNFINISHED_SUFFIX,
  blocksOfAnother,
  isBlockName,
  isOfBlocks,
  newBlockName,
} from '../blocks/block-name.ts';
import { planExpiry, planFreeing, planMerges, type MergeJob, type Retention } from './plan.ts';
import type { MadeBlock } from './seal.ts';
import type { TaskResult, Workshop } from './tasks.ts';

export interface KeeperOptions {
  readonly journal: Pick<SealableJournal, 'changeBlocks' | 'deleteSealed' | 'hold'>;
  readonly reader: JournalReader;
  readonly workshop: Workshop;
  readonly disk: Disk;
  /** Folder of the block files. */
  readonly dir: string;
  readonly clock: Clock;
  /** The time by which blocks are too old, UTC milliseconds. @default that of the clock */
  readonly agesMs?: () => number;
  readonly log: Logger;
  readonly randomBytes: (count: number) => Buffer;
  readonly settings?: Partial<KeeperSettings>;
}

export interface KeeperSettings {
  /** Length of the windows that are sealed. */
  readonly windowMs: number;
  /** How long a window waits for late records after its end. */
  readonly graceMs: number;
  /** Time between two rounds. */
  readonly roundMs: number;
  readonly retention: Retention;
  /** Bytes that stay free on the disk: with less, the oldest samples go, and at last nothing is accepted any more. */
  readonly reserveBytes: number;
}

const DAY_MS = 86_400_000;

const KEEPER_DEFAULTS: KeeperSettings = {
  windowMs: 3_600_000,
  graceMs: 600_000,
  roundMs: 60_000,
  retention: { ageMs: { raw: 30 * DAY_MS, '5m': 365 * DAY_MS, '1h': 1_825 * DAY_MS }, bytesMax: undefined },
  reserveBytes: 512 * 1024 * 1024,
};

export class BlockKeeper {
  readonly #options: KeeperOptions;
  readonly #settings: KeeperSettings;
  readonly #controller = new AbortController();
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  /** End of the newest window that the last look was about; late records of older ones wait until the next one closes. */
  #sealedEndMs = Number.NEGATIVE_INFINITY;
  /** Files that the catalogue did not name at the last sweep. */
  #orphans: ReadonlySet<string> = new Set();
  /** Files that an earlier process was making and that may be all that is left of blocks of the catalogue. */
  readonly #needed: ReadonlySet<string>;
  #failure: string | undefined;
  #isAsideFailing = false;
  /** Merges that failed because of damage. */
  readonly #unmergeable = new Set<string>();

  /**
   * Makes the folder and removes what an earlier process left unfinished in it.
   * @throws AppError DISK_FAILED, STORAGE_UNAVAILABLE, DATA_DIR_UNUSABLE (the blocks of another journal are in it)
   */
  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#settings = { ...KEEPER_DEFAULTS, ...options.settings };
    options.disk.makeDir(options.dir);
    this.#refuseBlocksOfOthers();
    this.#orphans = new Set(options.disk.list(options.dir));
    this.#needed = this.#findNeeded();
    this.#sweep();
  }

  /** When blocks of the catalogue are not there, a later journal may have let them go for what was being made. */
  #findNeeded(): ReadonlySet<string> {
    const { rows, loose } = this.#catalogue();
    if (rows.every(({ file }) => this.#orphans.has(file))) return new Set();
    return new Set([...loose.keys()].filter((name) => loose.get(name) === 'making'));
  }

  /** Without the catalogue that knows them all blocks would be taken for orphans, and a year of history be removed. */
  #refuseBlocksOfOthers(): void {
    const { disk, dir, reader } = this.#options;
    const snapshot = reader.snapshot();
    const version = snapshot.blocksVersion;
    snapshot.close();
    const found = blocksOfAnother(version, disk.list(dir));
    if (found === 0) return;
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `${dir} holds ${found} block files, and journal.db is new and knows none of them: only the journal.db that they were made with can read them: put it back, restore a backup to another folder, or move them away`,
    );
  }

  /** Begins with rounds of its own. */
  start(): void {
    this.#later();
  }

  /** Why the last round failed, undefined when it did not: then nothing is sealed, merged or let go. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves when nothing is under way any more; a task is cut off. */
  async stop(): Promise<void> {
    this.#controller.abort();
    this.#timer?.cancel();
    await this.#round;
  }

  /**
   * Does all that is due. Never two at a time.
   * @throws AppError DISK_FAILED, STORAGE_UNAVAILABLE, QUERY_CANCELED (stopped); the next round takes it up again
   */
  async round(): Promise<void> {
    const { journal, workshop } = this.#options;
    const { signal } = this.#controller;
    await this.#expire();
    await journal.deleteSealed(signal);
    try {
      await this.#sealAll(signal);
      await this.#mergeAll(signal);
    } catch (error) {
      // What was made in vain must not pile up, round by round, nor must its names.
      try {
        this.#sweep();
        await this.#forgetGone();
      } catch (second) {
        this.#options.log.debug('cannot sweep the folder of blocks', { error: describeError(second) });
      }
      throw error;
    } finally {
      workshop.rest();
    }
    this.#sweep();
    await this.#forgetGone();
  }

  async #sealAll(signal: AbortSignal): Promise<void> {
    const { clock, journal, workshop } = this.#options;
    const { windowMs, graceMs } = this.#settings;
    const endMs = Math.floor((clock.wallMs() - graceMs) / windowMs) * windowMs;
    // Not only when it is later: a clock that was ahead once would keep everything from being sealed.
    if (endMs === this.#sealedEndMs) return;
    for (;;) {
      const file = this.#fileName('raw');
      await journal.changeBlocks({ add: [], remove: [], making: [file] });
      const result = await workshop.run({ kind: 'seal', file, windowMs, endMs }, signal);
      if (result.kind === 'idle') break;
      await journal.changeBlocks({ add: this.#dated(result.blocks), remove: [], seal: result.seal });
      this.#tellDamaged(result);
      await journal.deleteSealed(signal);
    }
    this.#sealedEndMs = endMs;
  }

  #tellDamaged({ damagedRecords = 0, seal }: Extract<TaskResult, { kind: 'made' }>): void {
    if (damagedRecords === 0) return;
    this.#options.log.error('records of the journal were damaged by the disk and are lost', {
      records: damagedRecords,
      fromMs: seal?.fromMs,
      toMs: seal?.toMs,
    });
  }

  async #mergeAll(signal: AbortSignal): Promise<void> {
    const { clock, journal, workshop, log } = this.#options;
    const skipped = new Set(this.#unmergeable);
    for (;;) {
      const nowMs = clock.wallMs();
      const { rows, deleted } = this.#catalogue();
      // One block at a time is freed of deleted hosts; that has time.
      const freed =
        skipped.size === this.#unmergeable.size
          ? planFreeing(
              rows.filter((row) => !this.#isUnmergeable(row)),
              deleted,
              nowMs,
            )
          : [];
      const jobs = [...planMerges(rows, this.#agesMs(), this.#settings.retention), ...freed];
      const job = jobs.find((candidate) => !skipped.has(keyOf(candidate)));
      if (job === undefined) return;
      skipped.add(keyOf(job));
      try {
        const outputs = job.outputs.map((resolution) => ({ resolution, file: this.#fileName(resolution) }));
        const inputs = job.inputs.map(({ id }) => id);
        await journal.changeBlocks({ add: [], remove: [], making: outputs.map(({ file }) => file) });
        const task = { kind: 'merge' as const, window: job.window, inputs, outputs };
        const result = await workshop.run(task, signal);
        const blocks = result.kind === 'made' ? result.blocks : [];
        await journal.changeBlocks({ add: this.#dated(blocks), remove: job.replaced });
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'BLOCK_DAMAGED') throw error;
        // What is whole in them can still be read; as they are they stay until they are too old.
        this.#unmergeable.add(keyOf(job));
        log.error('blocks are damaged and stay unmerged', { error: error.message });
      }
    }
  }

  #isUnmergeable(row: BlockRow): boolean {
    return this.#unmergeable.has(keyOf({ window: row, inputs: [row] }));
  }

  /** Lets go what is too old or too much, and holds the journal while the disk is nearly full. */
  async #expire(): Promise<void> {
    const { disk, dir, journal, log } = this.#options;
    const { retention, reserveBytes } = this.#settings;
    const missing = reserveBytes - disk.space(dir).freeBytes;
    const rows = this.#rows();
    const nowMs = this.#agesMs();
    const remove = planExpiry(rows, nowMs, { retention, bytesToFree: Math.max(0, missing) });
    if (remove.length > 0) {
      await journal.changeBlocks({ add: [], remove });
      const early = rows.filter(
        ({ id, resolution, lastMs }) => remove.includes(id) && lastMs >= nowMs - retention.ageMs[resolution],
      );
      if (early.length < remove.length)
        log.info('old samples were removed', { blocks: remove.length - early.length });
      if (early.length > 0) {
        const toMs = early.reduce((newest, { lastMs }) => Math.max(newest, lastMs), 0);
        log.warn('samples were removed before their time, to make room', { blocks: early.length, toMs });
      }
    }
    if (missing > 0) this.#sweep();
    const isFull = reserveBytes - disk.space(dir).freeBytes > reserveBytes / 2;
    journal.hold(
      'disk',
      isFull ? `less than ${Math.floor(reserveBytes / 2)} bytes are free on the disk` : undefined,
    );
  }

  #agesMs(): number {
    const { agesMs, clock } = this.#options;
    return agesMs?.() ?? clock.wallMs();
  }

  #rows(): readonly BlockRow[] {
    return this.#catalogue().rows;
  }

  #catalogue(): {
    readonly rows: readonly BlockRow[];
    readonly deleted: readonly DeletedAgent[];
    readonly loose: ReadonlyMap<string, LooseFile>;
  } {
    const snapshot = this.#options.reader.snapshot();
    try {
      return {
        rows: snapshot.blocks(),
        deleted: snapshot.deletedAgents(),
        loose: snapshot.looseFiles(),
      };
    } finally {
      snapshot.close();
    }
  }

  #dated(blocks: readonly MadeBlock[]): readonly NewBlock[] {
    const madeMs = this.#options.clock.wallMs();
    return blocks.map((block) => ({ ...block, madeMs }));
  }

  #fileName(resolution: BlockResolution): string {
    return newBlockName(resolution, this.#options.randomBytes);
  }

  /**
   * Removes files that the catalogue does not name, and did not name at the last sweep either: by then every read that
   * began before has opened what it needs. Whole blocks of which the journal knows nothing at all are put aside: it may be
   * an older one that somebody has put in its place, and they hold what it does not.
   */
  #sweep(): void {
    const { disk, dir } = this.#options;
    const { rows, loose } = this.#catalogue();
    const named = new Set(rows.map(({ file }) => file));
    const orphans = disk.list(dir).filter((name) => isOfBlocks(name) && !named.has(name));
    const idle = orphans.filter((name) => this.#orphans.has(name));
    const unknown = idle.filter((name) => isBlockName(name) && (!loose.has(name) || this.#needed.has(name)));
    for (const name of idle) if (!unknown.includes(name)) disk.remove(join(dir, name));
    if (unknown.length > 0) this.#putAside(unknown);
    this.#orphans = new Set(orphans);
  }

  /** Where the disk does not let it, they stay where they are: nothing reads them there. */
  #putAside(names: readonly string[]): void {
    const { disk, dir, log } = this.#options;
    const aside = join(dir, ASIDE_DIR);
    try {
      disk.makeDir(aside);
      for (const name of names) disk.rename(join(dir, name), join(aside, name));
      log.error('block files that journal.db does not know were put aside', { files: names.length, aside });
      this.#isAsideFailing = false;
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      if (!this.#isAsideFailing)
        log.warn('block files that journal.db does not know cannot be put aside', {
          error: describeError(error),
        });
      this.#isAsideFailing = true;
    }
  }

  async #forgetGone(): Promise<void> {
    const { disk, dir, journal } = this.#options;
    const { loose } = this.#catalogue();
    if (loose.size === 0) return;
    const there = new Set(disk.list(dir));
    const gone = [...loose.keys()].filter(
      (name) => !there.has(name) && !there.has(`${name}${UNFINISHED_SUFFIX}`),
    );
    if (gone.length > 0) await journal.changeBlocks({ add: [], remove: [], gone });
  }

  #later(): void {
    const { clock, log } = this.#options;
    this.#timer = clock.setTimer(
      this.#settings.roundMs,
      () => {
        this.#round = this.#ownRound();
        background(log, 'round of the block keeper', this.#round);
      },
      { isBackground: true },
    );
  }

  async #ownRound(): Promise<void> {
    try {
      await this.round();
      if (this.#failure !== undefined) this.#options.log.info('blocks can be kept again');
      this.#failure = undefined;
    } catch (error) {
      this.#failed(error);
    }
    if (!this.#controller.signal.aborted) this.#later();
  }

  /** A failure that repeats is told once. The database itself throws errors that are not ours, when its file is damaged. */
  #failed(error: unknown): void {
    const text = describeError(error);
    if (this.#controller.signal.aborted || text === this.#failure) return;
    this.#failure = text;
    this.#options.log.error('blocks cannot be kept', { error: text });
  }
}

/** Names a merge; another one of the same window has other inputs. */
function keyOf({ window, inputs }: Pick<MergeJob, 'window' | 'inputs'>): string {
  return `${window.fromMs} ${inputs.map(({ id }) => id).join()}`;
}
