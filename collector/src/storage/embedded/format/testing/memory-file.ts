/** A block file in memory: sink of a writer, then source of a reader. */
import type { BlockSource } from '../reader.ts';
import { BlockReader } from '../reader.ts';
import type { BlockHeader } from '../block-file.ts';
import type { GroupColumns, PackedGroup } from '../group.ts';
import { BlockWriter, type BlockSink, type BlockSummary } from '../writer.ts';

class MemoryFile implements BlockSink {
  readonly #pieces: Buffer[] = [];

  append(bytes: Uint8Array): void {
    this.#pieces.push(Buffer.from(bytes));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** The bytes as a source; counts what is read. */
export function sourceOf(bytes: Buffer): BlockSource & { bytesRead: number } {
  return {
    sizeBytes: bytes.length,
    bytesRead: 0,
    read(offset, length) {
      this.bytesRead += length;
      return Buffer.from(bytes.subarray(offset, offset + length));
    },
  };
}

/** A whole block of some groups. */
export function writeBlock(
  header: BlockHeader,
  groups: readonly GroupColumns[],
): { readonly bytes: Buffer; readonly summary: BlockSummary } {
  const file = new MemoryFile();
  const writer = new BlockWriter(file, header);
  for (const group of groups) writer.add(group);
  const summary = writer.finish();
  return { bytes: file.bytes(), summary };
}

/** A whole block of groups whose values are encoded already. */
export function writePacked(header: BlockHeader, groups: readonly PackedGroup[]): Buffer {
  const file = new MemoryFile();
  const writer = new BlockWriter(file, header);
  for (const group of groups) writer.addPacked(group);
  writer.finish();
  return file.bytes();
}

export function openBlock(bytes: Buffer): BlockReader {
  return new BlockReader(sourceOf(bytes), 'test.block');
}
