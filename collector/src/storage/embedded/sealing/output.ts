/** Writes a block file so that it is either whole and durable under its name, or not there. */
import { join } from 'node:path';
import type { Disk, DiskFile } from '@rollcall/shared/lib/disk.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { NewBlock } from '../../../journal/blocks.ts';
import { UNFINISHED_SUFFIX } from '../blocks/block-name.ts';
import { BlockWriter, type BlockSummary } from '../format/writer.ts';
import type { BlockHeader } from '../format/block-file.ts';

/** Bytes collected before they are written. */
const BUFFER_BYTES = 1024 * 1024;

/** Where a block is to be written. */
export interface BlockPlace {
  readonly disk: Disk;
  readonly dir: string;
  /** Name within the folder. */
  readonly file: string;
}

/** A block file on its way. */
export class BlockOutput {
  readonly writer: BlockWriter;
  readonly #place: BlockPlace;
  readonly #path: string;
  readonly #target: DiskFile;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #buffered = 0;
  #sizeBytes = 0;

  /** @throws AppError DISK_FAILED */
  constructor(place: BlockPlace, header: BlockHeader) {
    this.#place = place;
    this.#path = join(place.dir, `${place.file}${UNFINISHED_SUFFIX}`);
    this.#target = place.disk.open(this.#path, 'create');
    this.writer = new BlockWriter({ append: (bytes) => this.#append(bytes) }, header);
  }

  /**
   * Resolves when the file is durable under its name.
   * @throws AppError DISK_FAILED; the name may be taken all the same, but nothing refers to it
   */
  async finish(): Promise<BlockSummary> {
    const { disk, dir, file } = this.#place;
    try {
      const summary = this.writer.finish();
      this.#flush();
      await this.#target.sync();
      this.#target.close();
      disk.rename(this.#path, join(dir, file));
      await disk.syncDir(dir);
      return summary;
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  /** Gives up: the unfinished file goes, as far as the disk lets it. */
  drop(): void {
    try {
      this.#target.close();
      if (this.#place.disk.stat(this.#path) !== undefined) this.#place.disk.remove(this.#path);
    } catch {
      // The sweep removes it when the disk works again.
    }
  }

  #append(bytes: Uint8Array): void {
    if (this.#buffered + bytes.length > BUFFER_BYTES) this.#flush();
    if (bytes.length > BUFFER_BYTES) {
      this.#target.write(bytes, this.#sizeBytes);
      this.#sizeBytes += bytes.length;
      return;
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.length;
  }

  #flush(): void {
    this.#target.write(this.#buffer.subarray(0, this.#buffered), this.#sizeBytes);
    this.#sizeBytes += this.#buffered;
    this.#buffered = 0;
  }
}

/**
 * Schemas as a new block tells them. Plain, because a schema of the collector makes its bytes when it is asked for them, and
 * would come out of a thread without any.
 */
export function schemasOfBlock(schemas: Iterable<HashedSchema>): NewBlock['schemas'] {
  return Array.from(schemas, ({ hash, bytes }) => ({ hash, bytes }));
}
