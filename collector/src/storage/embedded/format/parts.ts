/**
 * Parts: what is compressed and checked as one. A part holds the chunks of some columns of one host, up to about 64 KiB of
 * them, so that reading one column of a large host does not decompress the whole host.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { ByteReader, ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { damaged, FORMAT_LIMITS } from './block-file.ts';
import type { Chunk, ChunkWriter } from './chunk.ts';

/** Level of zstd. What could be predicted is gone already; higher levels gain 1 % and cost five times as much. */
const ZSTD_LEVEL = 1;
/** A chunk in the table of its part: the length of its bytes × 4 plus one of these. */
const TABLE = { PLAIN: 0, WITH_NOISE: 1, SAME: 2 } as const;

/** Bytes at either end of a chunk by which equal ones are found. */
const HASHED_BYTES = 32;

/** Room behind what is expected, so that zstd sees the end of its input at once. */
const DECOMPRESS_SLACK = 1_024;
/** Room for what does not become smaller. */
const COMPRESS_SLACK = 4_096;

/** A part as the directory knows it. */
export interface Part {
  readonly offset: number;
  /** Bytes in the file, checked by `crc`: first what is compressed, then the noise. */
  readonly storedLength: number;
  readonly noiseLength: number;
  /** Bytes of the first piece after decompression. */
  readonly rawLength: number;
  /** CRC-32 of the bytes in the file. */
  readonly crc: number;
  /** Chunks in it, and the number of the first one within the host. */
  readonly chunkCount: number;
  readonly firstChunk: number;
}

/** A chunk among those of the part that is being written. */
interface PlacedChunk {
  readonly number: number;
  readonly bytesAt: number;
  readonly bytesLength: number;
  readonly noiseAt: number;
  readonly noiseLength: number;
}

/** Collects the chunks of one host and cuts them into parts. */
export class PartWriter {
  readonly #append: (bytes: Buffer) => number;
  readonly #table = new ByteWriter();
  readonly #bytes = new ByteWriter(FORMAT_LIMITS.partTargetBytes * 2);
  readonly #noise = new ByteWriter(FORMAT_LIMITS.partTargetBytes * 2);
  readonly #chunk: ChunkWriter = { bytes: new ByteWriter(), noise: new ByteWriter() };
  /** Chunks of the part by a hash of their content. */
  readonly #seen = new Map<number, PlacedChunk>();
  #parts: Part[] = [];
  /** Chunks of the host, and of the part. */
  #hostCount = 0;
  #partCount = 0;

  /** @param append writes to the file and tells at which offset */
  constructor(append: (bytes: Buffer) => number) {
    this.#append = append;
  }

  /** Number of the next chunk within the host. */
  get nextChunk(): number {
    return this.#hostCount;
  }

  /** Adds what `write` writes as one chunk. */
  add(write: (writer: ChunkWriter) => void): void {
    const { bytes, noise } = this.#chunk;
    bytes.reset();
    noise.reset();
    write(this.#chunk);
    this.addEncoded({ bytes: bytes.view(), noise: noise.view() });
  }

  /** Adds a chunk as it is; copies it. */
  addEncoded(chunk: Chunk): void {
    if (this.#bytes.length + this.#noise.length >= FORMAT_LIMITS.partTargetBytes) this.#close();
    this.#place(chunk);
    this.#hostCount++;
    this.#partCount++;
  }

  /** Ends the host and gives its parts. */
  finishHost(): readonly Part[] {
    this.#close();
    const parts = this.#parts;
    this.#parts = [];
    this.#hostCount = 0;
    return parts;
  }

  /** Puts a chunk behind the others, or refers to an equal one. */
  #place({ bytes, noise }: Chunk): void {
    if (bytes.length === 0) {
      this.#table.varint(TABLE.PLAIN);
      return;
    }
    const key = hashOf(bytes, noise.length);
    const seen = this.#seen.get(key);
    if (seen !== undefined && this.#isAt(seen, { bytes, noise })) {
      this.#table.varint((this.#partCount - seen.number) * 4 + TABLE.SAME);
      return;
    }
    const place = { number: this.#partCount, bytesAt: this.#bytes.length, noiseAt: this.#noise.length };
    this.#seen.set(key, { ...place, bytesLength: bytes.length, noiseLength: noise.length });
    this.#table.varint(bytes.length * 4 + (noise.length > 0 ? TABLE.WITH_NOISE : TABLE.PLAIN));
    if (noise.length > 0) this.#table.varint(noise.length);
    this.#bytes.bytes(bytes);
    this.#noise.bytes(noise);
  }

  #isAt({ bytesAt, bytesLength, noiseAt, noiseLength }: PlacedChunk, { bytes, noise }: Chunk): boolean {
    return (
      bytes.equals(this.#bytes.view().subarray(bytesAt, bytesAt + bytesLength)) &&
      noise.equals(this.#noise.view().subarray(noiseAt, noiseAt + noiseLength))
    );
  }

  #close(): void {
    if (this.#partCount === 0) return;
    const raw = Buffer.concat([this.#table.view(), this.#bytes.view()]);
    const compressed = zstdCompressSync(raw, {
      params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
      // Known sizes make smaller tables and one pass: a third less time.
      pledgedSrcSize: raw.length,
      chunkSize: raw.length + COMPRESS_SLACK,
    });
    const stored = Buffer.concat([compressed, this.#noise.view()]);
    this.#parts.push({
      offset: this.#append(stored),
      storedLength: stored.length,
      noiseLength: this.#noise.length,
      rawLength: raw.length,
      crc: crc32(stored),
      chunkCount: this.#partCount,
      firstChunk: this.#hostCount - this.#partCount,
    });
    for (const writer of [this.#table, this.#bytes, this.#noise]) writer.reset();
    this.#seen.clear();
    this.#partCount = 0;
  }
}

/**
 * Equal for equal chunks, and seldom for others: over the two ends of the bytes, where method, first value and the newest
 * residues stand.
 */
function hashOf(bytes: Buffer, noiseLength: number): number {
  let hash = bytes.length * 31 + noiseLength;
  const headEnd = Math.min(HASHED_BYTES, bytes.length);
  for (let i = 0; i < headEnd; i++) hash = (Math.imul(hash, 16_777_619) ^ (bytes[i] ?? 0)) | 0;
  for (let i = Math.max(headEnd, bytes.length - HASHED_BYTES); i < bytes.length; i++)
    hash = (Math.imul(hash, 16_777_619) ^ (bytes[i] ?? 0)) | 0;
  return hash;
}

/** A part after decompression. Its chunks are views of one buffer, made when they are asked for. */
export interface OpenPart {
  /** @param index within the part; undefined when there is none */
  chunk(index: number): Chunk | undefined;
}

/**
 * Checks and decompresses a part.
 * @param stored as it stands in the file
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function openPart(part: Part, stored: Buffer): OpenPart {
  if (stored.length !== part.storedLength) throw damaged(`the file ends within a part at ${part.offset}`);
  if (crc32(stored) !== part.crc) throw damaged(`the checksum of the part at ${part.offset} is wrong`);
  const noiseAt = part.storedLength - part.noiseLength;
  const raw = decompress(stored.subarray(0, noiseAt), part.rawLength);
  const noise = stored.subarray(noiseAt);
  const table = readTable(raw, part.chunkCount);
  const { sameAs, byteEnds, noiseEnds } = table;
  if (table.end + (byteEnds.at(-1) ?? 0) !== raw.length || (noiseEnds.at(-1) ?? 0) !== noise.length) {
    throw damaged('the chunks of a part do not fill it');
  }
  return {
    chunk(index) {
      if (index < 0 || index >= part.chunkCount) return undefined;
      const at = sameAs[index] ?? 0;
      const from = at === 0 ? 0 : (byteEnds[at - 1] ?? 0);
      const noiseFrom = at === 0 ? 0 : (noiseEnds[at - 1] ?? 0);
      return {
        bytes: raw.subarray(table.end + from, table.end + (byteEnds[at] ?? 0)),
        noise: noise.subarray(noiseFrom, noiseEnds[at]),
      };
    },
  };
}

/** Where the chunks of a part are. */
interface Table {
  /** Index of the chunk that holds the content of each: mostly itself. */
  readonly sameAs: Uint32Array;
  /** Where each one ends among the bytes, and among the noise, of all. */
  readonly byteEnds: Float64Array;
  readonly noiseEnds: Float64Array;
  /** Length of the table itself. */
  readonly end: number;
}

function readTable(raw: Buffer, chunkCount: number): Table {
  const reader = new ByteReader(raw);
  const sameAs = new Uint32Array(chunkCount);
  const byteEnds = new Float64Array(chunkCount);
  const noiseEnds = new Float64Array(chunkCount);
  let byteEnd = 0;
  let noiseEnd = 0;
  for (let i = 0; i < chunkCount; i++) {
    const head = reader.varint();
    const kind = head % 4;
    const value = Math.floor(head / 4);
    if (kind > TABLE.SAME) throw damaged(`chunk of kind ${kind}`);
    if (kind === TABLE.SAME && (value === 0 || value > i)) throw damaged('a chunk refers to none');
    sameAs[i] = kind === TABLE.SAME ? (sameAs[i - value] ?? 0) : i;
    byteEnd += kind === TABLE.SAME ? 0 : value;
    noiseEnd += kind === TABLE.WITH_NOISE ? reader.varint() : 0;
    byteEnds[i] = byteEnd;
    noiseEnds[i] = noiseEnd;
  }
  return { sameAs, byteEnds, noiseEnds, end: reader.offset };
}

/**
 * Decompresses exactly `rawLength` bytes.
 * @throws AppError BLOCK_DAMAGED
 */
export function decompress(stored: Buffer, rawLength: number): Buffer {
  let bytes: Buffer;
  try {
    bytes = zstdDecompressSync(stored, {
      maxOutputLength: Math.max(1, rawLength),
      chunkSize: rawLength + DECOMPRESS_SLACK,
    });
  } catch (error) {
    throw damaged(`it cannot be decompressed: ${describeError(error)}`);
  }
  if (bytes.length !== rawLength) throw damaged(`${bytes.length} bytes instead of ${rawLength}`);
  return bytes;
}
