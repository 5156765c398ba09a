/** One block file in force: opened at once, so that it outlives its name, and its directory read when it is needed. */
import type { Disk, DiskFile } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { BlockRow } from '../../../journal/blocks.ts';
import type { FileCache } from './block-cache.ts';
import type { RolledUpFile } from '../rollups/rollup-run.ts';
import type { ColumnValues, Group } from '../format/group.ts';
import { BlockReader, type RowRange } from '../format/reader.ts';
import { MadeRollups } from '../rollups/made-rollups.ts';
import {
  hostGroupsOf,
  type GroupSource,
  type HostGroup,
  type HostGroups,
  type SchemaSource,
} from './stored-groups.ts';

export interface BlockFileOptions {
  readonly disk: Disk;
  readonly path: string;
  readonly damaged: (error: unknown) => void;
  /** Called with each use. */
  readonly used: (file: BlockFile) => void;
  /** Keeps what was read lately. */
  readonly cache?: FileCache;
  /** Keeps the rollups that were made of it. */
  readonly madeCache?: FileCache;
}

/**
 * Damage is reported and not thrown: what is damaged reads as if it were not there. A disk that cannot be read at the
 * moment is no damage, and throws.
 */
export class BlockFile implements GroupSource {
  readonly row: BlockRow;
  /** The same without the cache: for what is put together with others, and kept as a whole. */
  readonly unkept: RolledUpFile;
  /** The rollups of a file of samples. */
  readonly made: RolledUpFile;
  /** Views that hold it. */
  holders = 0;
  /** Number of its last use; files that were not used for long give up their directories first. */
  lastUse = 0;
  readonly #options: BlockFileOptions;
  readonly #file: DiskFile | undefined;
  #reader: BlockReader | undefined;
  #isUnreadable = false;

  constructor(row: BlockRow, options: BlockFileOptions) {
    this.row = row;
    this.#options = options;
    this.unkept = {
      row,
      lastPos: row.lastPos,
      groups: (hostId, schemas) => this.#groups(hostId, schemas, this.unkept).all,
      times: (group) => this.#attempt((reader) => reader.times(group)),
      column: (group, index, stream, wanted) =>
        this.#attempt((reader) => reader.column(group, index, stream, wanted)),
    };
    this.made = new MadeRollups(this.unkept, options.madeCache);
    try {
      this.#file = options.disk.open(options.path, 'read');
    } catch (error) {
      this.#isUnreadable = true;
      options.damaged(error);
    }
  }

  /** Memory that the directory takes at the moment. */
  get directoryBytes(): number {
    return this.#reader?.memoryBytes ?? 0;
  }

  /** Agent ids in rising order. */
  hostIds(): Iterable<string> {
    return this.#readable()?.hostIds() ?? [];
  }

  get lastPos(): number {
    return this.row.lastPos;
  }

  /** What it has of a host; a group whose schema is lost is left out. Not to be changed. */
  hostGroups(hostId: string, schemas: SchemaSource): HostGroups {
    let found = NO_GROUPS;
    // Only what is whole may be kept.
    const read = (): HostGroups | undefined => {
      const { all, isWhole } = this.#groups(hostId, schemas, this);
      found = all.length === 0 ? NO_GROUPS : hostGroupsOf(all, schemas);
      return isWhole ? found : undefined;
    };
    const { cache } = this.#options;
    return (cache === undefined ? read() : cache.groups(hostId, read)) ?? found;
  }

  /** Times of the rows of a group, undefined when it is damaged; not to be changed. */
  times(group: Group): Float64Array | undefined {
    const { cache } = this.#options;
    return cache === undefined
      ? this.unkept.times(group)
      : cache.times(group, () => this.unkept.times(group));
  }

  /**
   * A stream of a column, undefined when there is none or when it is damaged.
   * Not to be changed.
   * @param wanted rows that are looked at; the others may not be decoded
   */
  column(group: Group, index: number, stream = 0, wanted?: RowRange): ColumnValues | undefined {
    const { cache } = this.#options;
    if (cache === undefined) return this.unkept.column(group, index, stream, wanted);
    return cache.column(group, { index, stream, wanted }, (rows) =>
      this.#attempt((reader) => reader.column(group, index, stream, rows) ?? 'absent'),
    );
  }

  /** Lets the directory go; the next use reads it again. */
  forget(): void {
    this.#reader = undefined;
  }

  close(): void {
    this.#reader = undefined;
    this.#options.cache?.close();
    this.#options.madeCache?.close();
    this.#file?.close();
  }

  #groups(
    hostId: string,
    schemas: SchemaSource,
    file: GroupSource,
  ): { readonly all: readonly HostGroup[]; readonly isWhole: boolean } {
    const groups = this.#attempt((reader) => reader.groups(hostId));
    const all = (groups ?? []).flatMap((group): HostGroup[] => {
      const schema = schemas.schemaOf(group.schemaHash);
      return schema === undefined ? [] : [{ file, group, schema }];
    });
    return { all, isWhole: all.length === groups?.length };
  }

  #readable(): BlockReader | undefined {
    if (this.#file === undefined || this.#isUnreadable) return undefined;
    this.#options.used(this);
    if (this.#reader !== undefined) return this.#reader;
    const file = this.#file;
    try {
      this.#reader = new BlockReader(
        {
          sizeBytes: file.sizeBytes,
          read(offset, length) {
            const target = Buffer.allocUnsafe(length);
            return target.subarray(0, file.read(target, offset));
          },
        },
        this.row.file,
      );
      if (this.#reader.checksum !== this.row.checksum)
        throw new AppError(
          'BLOCK_DAMAGED',
          `read block ${this.row.file}: it is another file than the catalogue says`,
        );
    } catch (error) {
      this.#reader = undefined;
      this.#isUnreadable = isDamage(error);
      this.#handle(error);
    }
    return this.#reader;
  }

  #attempt<T>(read: (reader: BlockReader) => T): T | undefined {
    const reader = this.#readable();
    if (reader === undefined) return undefined;
    try {
      return read(reader);
    } catch (error) {
      this.#handle(error);
      return undefined;
    }
  }

  #handle(error: unknown): void {
    if (!isDamage(error)) throw error;
    this.#options.damaged(error);
  }
}

const NO_GROUPS: HostGroups = { all: [], bySampler: new Map(), schemas: [] };

function isDamage(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'BLOCK_DAMAGED' || error.code === 'DATABASE_TOO_NEW');
}
