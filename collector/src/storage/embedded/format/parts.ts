/**
 * Parts: what is compressed and checked as one. A part holds the chunks of some columns of one host, up to about 64 KiB of
 * them, so that reading one column of a large host does not decompress the whole host.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { ByteReader, ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { damaged, FORMAT_LIMITS } from './block-file.ts';

/** A part as the directory knows it. */
export interface Part {
  readonly offset: number;
  /** Bytes in the file. */
  readonly storedLength: number;
  /** Bytes after decompression. */
  readonly rawLength: number;
  /** CRC-32 of the bytes in the file. */
  readonly crc: number;
  /** Chunks in it, and the number of the first one within the host. */
  readonly chunkCount: number;
  readonly firstChunk: number;
}

/** Collects the chunks of one host and cuts them into parts. */
export class PartWriter {
  readonly #append: (bytes: Buffer) => number;
  readonly #level: number;
  readonly #chunks = new ByteWriter(FORMAT_LIMITS.partTargetBytes * 2);
  readonly #raw = new ByteWriter(FORMAT_LIMITS.partTargetBytes * 2);
  #lengths: number[] = [];
  #parts: Part[] = [];
  #chunkCount = 0;

  /** @param append writes to the file and tells at which offset; `level` is that of zstd */
  constructor(append: (bytes: Buffer) => number, level: number) {
    this.#append = append;
    this.#level = level;
  }

  /** Number of the next chunk within the host. */
  get nextChunk(): number {
    return this.#chunkCount;
  }

  /** Adds what `write` writes as one chunk. */
  add(write: (writer: ByteWriter) => void): void {
    if (this.#chunks.length >= FORMAT_LIMITS.partTargetBytes) this.#close();
    const before = this.#chunks.length;
    write(this.#chunks);
    this.#lengths.push(this.#chunks.length - before);
    this.#chunkCount++;
  }

  /** Ends the host and gives its parts. */
  finishHost(): readonly Part[] {
    this.#close();
    const parts = this.#parts;
    this.#parts = [];
    this.#chunkCount = 0;
    return parts;
  }

  #close(): void {
    if (this.#lengths.length === 0) return;
    this.#raw.reset();
    for (const length of this.#lengths) this.#raw.varint(length);
    this.#raw.bytes(this.#chunks.view());
    const stored = zstdCompressSync(this.#raw.view(), {
      params: { [constants.ZSTD_c_compressionLevel]: this.#level },
    });
    this.#parts.push({
      offset: this.#append(stored),
      storedLength: stored.length,
      rawLength: this.#raw.length,
      crc: crc32(stored),
      chunkCount: this.#lengths.length,
      firstChunk: this.#chunkCount - this.#lengths.length,
    });
    this.#chunks.reset();
    this.#lengths = [];
  }
}

/** A part after decompression. */
export interface OpenPart {
  readonly bytes: Buffer;
  /** Where each chunk begins in `bytes`, and where the last one ends. */
  readonly offsets: Uint32Array;
}

/**
 * Checks and decompresses a part.
 * @param stored as it stands in the file
 * @throws AppError BLOCK_DAMAGED
 */
export function openPart(part: Part, stored: Buffer): OpenPart {
  if (stored.length !== part.storedLength) throw damaged(`the file ends within a part at ${part.offset}`);
  if (crc32(stored) !== part.crc) throw damaged(`the checksum of the part at ${part.offset} is wrong`);
  const bytes = decompress(stored, part.rawLength);
  const reader = new ByteReader(bytes);
  const lengths = new Uint32Array(part.chunkCount);
  for (let i = 0; i < lengths.length; i++) lengths[i] = reader.varint();
  const offsets = new Uint32Array(part.chunkCount + 1);
  let at = reader.offset;
  offsets[0] = at;
  for (let i = 0; i < lengths.length; i++) {
    at += lengths[i] ?? 0;
    if (at > bytes.length) throw damaged('a chunk leaves its part');
    offsets[i + 1] = at;
  }
  if (at !== bytes.length) throw damaged('a part has bytes of no chunk');
  return { bytes, offsets };
}

/**
 * Decompresses exactly `rawLength` bytes.
 * @throws AppError BLOCK_DAMAGED
 */
export function decompress(stored: Buffer, rawLength: number): Buffer {
  let bytes: Buffer;
  try {
    bytes = zstdDecompressSync(stored, { maxOutputLength: Math.max(1, rawLength) });
  } catch (error) {
    throw damaged(`it cannot be decompressed: ${describeError(error)}`);
  }
  if (bytes.length !== rawLength) throw damaged(`${bytes.length} bytes instead of ${rawLength}`);
  return bytes;
}
