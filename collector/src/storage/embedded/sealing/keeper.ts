/**
 * Keeps the block files: decides what is sealed when, lets the workshop do it, and switches over to the result. It is the
 * only one that changes the catalogue of blocks. Everything that it does may be cut off at any moment and is taken up
 * again by the next round.
 */
import { join } from 'node:path';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { background } from '@rollcall/shared/lib/background.ts';
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { NewBlock } from '../../../journal/blocks.ts';
import type { SealableJournal } from '../../../journal/journal.ts';
import type { JournalReader } from '../../../journal/reader.ts';
import type { MadeBlock } from './seal.ts';
import type { Workshop } from './tasks.ts';

export interface KeeperOptions {
  readonly journal: SealableJournal;
  readonly reader: JournalReader;
  readonly workshop: Workshop;
  readonly disk: Disk;
  /** Folder of the block files. */
  readonly dir: string;
  readonly clock: Clock;
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
}

const KEEPER_DEFAULTS: KeeperSettings = {
  windowMs: 3_600_000,
  graceMs: 600_000,
  roundMs: 60_000,
};

export class BlockKeeper {
  readonly #options: KeeperOptions;
  readonly #settings: KeeperSettings;
  readonly #controller = new AbortController();
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  /** End of the newest window that was looked at; late records of older ones wait until the next one closes. */
  #sealedEndMs = Number.NEGATIVE_INFINITY;
  /** Files that the catalogue did not name at the last sweep. */
  #orphans: ReadonlySet<string> = new Set();
  #failure: string | undefined;

  /**
   * Makes the folder and removes what an earlier process left unfinished in it.
   * @throws AppError DISK_FAILED, STORAGE_UNAVAILABLE
   */
  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#settings = { ...KEEPER_DEFAULTS, ...options.settings };
    options.disk.makeDir(options.dir);
    this.#orphans = new Set(options.disk.list(options.dir));
    this.#sweep();
  }

  /** Begins with rounds of its own. */
  start(): void {
    this.#later();
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
    const { journal } = this.#options;
    const { signal } = this.#controller;
    await journal.deleteSealed(signal);
    await this.#sealAll(signal);
    this.#sweep();
  }

  async #sealAll(signal: AbortSignal): Promise<void> {
    const { clock, journal, workshop } = this.#options;
    const { windowMs, graceMs } = this.#settings;
    const endMs = Math.floor((clock.wallMs() - graceMs) / windowMs) * windowMs;
    if (endMs <= this.#sealedEndMs) return;
    for (;;) {
      const file = this.#fileName('raw');
      const result = await workshop.run({ kind: 'seal', file, windowMs, endMs }, signal);
      if (result.kind === 'idle') break;
      journal.changeBlocks({ add: this.#dated(result.blocks), remove: [], seal: result.seal });
      await journal.deleteSealed(signal);
    }
    this.#sealedEndMs = endMs;
  }

  #dated(blocks: readonly MadeBlock[]): readonly NewBlock[] {
    const madeMs = this.#options.clock.wallMs();
    return blocks.map((block) => ({ ...block, madeMs }));
  }

  #fileName(resolution: string): string {
    return `${resolution}-${this.#options.randomBytes(8).toString('hex')}.block`;
  }

  /**
   * Removes files that the catalogue does not name, and did not name at the last sweep either: by then every read that
   * began before has opened what it needs.
   */
  #sweep(): void {
    const { disk, dir, reader } = this.#options;
    const snapshot = reader.snapshot();
    const named = new Set(snapshot.blocks().map(({ file }) => file));
    snapshot.close();
    const orphans = disk.list(dir).filter((name) => !named.has(name));
    for (const name of orphans) if (this.#orphans.has(name)) disk.remove(join(dir, name));
    this.#orphans = new Set(orphans);
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

  /** A failure that repeats is told once. */
  #failed(error: unknown): void {
    if (!(error instanceof AppError)) throw error;
    const text = describeError(error);
    if (this.#controller.signal.aborted || text === this.#failure) return;
    this.#failure = text;
    this.#options.log.error('blocks cannot be kept', { error: text });
  }
}
