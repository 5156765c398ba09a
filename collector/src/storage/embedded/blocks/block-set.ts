/**
 * The block files in force, open for reading. A read holds a view of them: the files that its snapshot of the journal
 * names, which stay readable until it lets go, whatever is merged or deleted meanwhile.
 */
import { join } from 'node:path';
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { BlockRow } from '../../../journal/blocks.ts';
import type { JournalSnapshot } from '../../../journal/reader.ts';
import { BlockCache } from './block-cache.ts';
import { BlockFile } from './block-file.ts';
import { JoinedMemory, JoinedRead } from '../recent/joined-memory.ts';
import { RollupRun, type RolledUpFile } from '../rollups/rollup-run.ts';
import { SchemaLists, type SchemaSource } from './stored-groups.ts';

/** The blocks that a snapshot of the journal names. */
export interface BlockView {
  /** In order of their windows. */
  readonly blocks: readonly BlockFile[];
  /** For `hostGroups` of the files. */
  readonly schemas: SchemaSource;
  /** What files of one resolution have: they themselves, or one that reads them as one. */
  sources(files: readonly BlockFile[]): readonly (BlockFile | RollupRun)[];
  /** Rollups that are made of files of samples, whose windows do not overlap; undefined where nobody would keep them. */
  readonly made: ((files: readonly BlockFile[]) => readonly RollupRun[]) | undefined;
  /** For arrays that are put together of several files; undefined where nothing is kept. */
  readonly joined: JoinedRead | undefined;
  /** Called once, when the read is done. */
  release(): void;
}

export interface BlockSetOptions {
  readonly disk: Disk;
  /** Folder of the block files. */
  readonly dir: string;
  /** Told about each damage once; reads go on without what is damaged. */
  readonly damaged: (text: string, file: string) => void;
  /** Memory for columns that were read lately; 0 keeps none. @default 0 */
  readonly cacheBytes?: number;
}

/** The part of the memory for columns that those have which were put together. */
const JOINED_RATIO = 3 / 16;

/** Bytes of directories that stay in memory, of all files together. */
const DIRECTORIES_BYTES_MAX = 128 * 1024 * 1024;

/** Rows of files that are read as one: charts of a fleet have a few lengths, and all move on by a day at midnight. */
const RUNS_MAX = 8;

export class BlockSet {
  readonly #options: BlockSetOptions;
  readonly #files = new Map<number, BlockFile>();
  readonly #schemas = new Map<string, HashedSchema>();
  readonly #reported = new Set<string>();
  readonly #cache: BlockCache | undefined;
  readonly #joined: JoinedMemory | undefined;
  readonly #lists = new SchemaLists();
  /** Rollups that were read as one, by the numbers of their files; in order of use, oldest first. */
  readonly #runs = new Map<string, RollupRun>();
  #version = Number.NaN;
  #blocks: readonly BlockFile[] = [];
  #uses = 0;

  constructor(options: BlockSetOptions) {
    this.#options = options;
    const { cacheBytes = 0 } = options;
    const joinedBytes = cacheBytes * JOINED_RATIO;
    this.#cache = cacheBytes > 0 ? new BlockCache(cacheBytes - joinedBytes) : undefined;
    this.#joined = cacheBytes > 0 ? new JoinedMemory(joinedBytes) : undefined;
  }

  /**
   * @param snapshot open for as long as the view is
   * @throws AppError STORAGE_UNAVAILABLE
   */
  view(snapshot: JournalSnapshot): BlockView {
    if (snapshot.blocksVersion !== this.#version) this.#load(snapshot);
    const blocks = this.#blocks;
    for (const block of blocks) block.holders++;
    return {
      blocks,
      schemas: { schemaOf: (hash) => this.#schemaOf(hash, snapshot), lists: this.#lists },
      sources: (files) => this.#sources(files),
      made: this.#cache === undefined ? undefined : (files) => this.#made(files),
      joined: this.#joined && new JoinedRead(this.#joined),
      release: () => {
        for (const block of blocks) this.#release(block);
      },
    };
  }

  /** Called once, after the last view was released. */
  close(): void {
    for (const block of this.#blocks) this.#release(block);
    this.#blocks = [];
    this.#version = Number.NaN;
  }

  #load(snapshot: JournalSnapshot): void {
    const before = this.#blocks;
    this.#blocks = snapshot.blocks().map((row) => {
      const block = this.#files.get(row.id) ?? this.#open(row);
      block.holders++;
      return block;
    });
    for (const block of before) this.#release(block);
    const inForce = new Set(this.#blocks.map(({ row }) => row));
    for (const [key, run] of this.#runs)
      if (!run.files.every(({ row }) => inForce.has(row))) this.#forget(key);
    // Schemas that are still in use are asked for again.
    this.#schemas.clear();
    this.#lists.clear();
    this.#version = snapshot.blocksVersion;
  }

  #open(row: BlockRow): BlockFile {
    const { disk, dir } = this.#options;
    const block = new BlockFile(row, {
      disk,
      path: join(dir, row.file),
      damaged: (error) => this.#report(describeError(error), row.file),
      used: (file) => this.#used(file),
      ...(this.#cache === undefined ? {} : { cache: this.#cache.ofFile(), madeCache: this.#cache.ofFile() }),
    });
    this.#files.set(row.id, block);
    return block;
  }

  /** Rollups are read as one where that can be remembered; samples are not, because each hour brings another file. */
  #sources(files: readonly BlockFile[]): readonly (BlockFile | RollupRun)[] {
    const isRolledUp = files.length > 1 && files.every(({ row }) => row.resolution !== 'raw');
    if (this.#cache === undefined || !isRolledUp) return files;
    return [
      this.#run(
        files.map(({ unkept }) => unkept),
        this.#cache,
      ),
    ];
  }

  #made(files: readonly BlockFile[]): readonly RollupRun[] {
    if (this.#cache === undefined || files.length === 0) return [];
    return [
      this.#run(
        files.map(({ made }) => made),
        this.#cache,
      ),
    ];
  }

  #run(files: readonly RolledUpFile[], cache: BlockCache): RollupRun {
    const key = files.map(({ row }) => row.id).join(' ');
    const run = this.#runs.get(key) ?? new RollupRun(files, cache.ofFile());
    this.#runs.delete(key);
    this.#runs.set(key, run);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > RUNS_MAX && oldest !== undefined) this.#forget(oldest);
    return run;
  }

  #forget(key: string): void {
    this.#runs.get(key)?.close();
    this.#runs.delete(key);
  }

  #release(block: BlockFile): void {
    block.holders--;
    if (block.holders > 0) return;
    this.#files.delete(block.row.id);
    block.close();
  }

  #report(text: string, file: string): void {
    if (this.#reported.has(text)) return;
    this.#reported.add(text);
    this.#options.damaged(text, file);
  }

  #schemaOf(hash: string, snapshot: JournalSnapshot): HashedSchema | undefined {
    const known = this.#schemas.get(hash);
    if (known !== undefined) return known;
    const found = snapshot.schemaByHash(hash);
    if (found !== undefined) this.#schemas.set(hash, found);
    return found;
  }

  /** Keeps the directories that were used last, as many as fit. */
  #used(file: BlockFile): void {
    file.lastUse = ++this.#uses;
    if (file.directoryBytes > 0) return;
    const open = [...this.#files.values()].filter(({ directoryBytes }) => directoryBytes > 0);
    let bytes = 0;
    for (const other of open.sort((left, right) => right.lastUse - left.lastUse)) {
      bytes += other.directoryBytes;
      if (bytes > DIRECTORIES_BYTES_MAX) other.forget();
    }
  }
}
