/**
 * A chunk: the encoded times, states or values of one column. It has two pieces. `bytes` are worth compressing and go
 * through zstd with those of other chunks; `noise` are low bits of numbers, which nothing makes smaller, and which would
 * spoil the statistics of the rest.
 */
import { ByteReader, type ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { damaged } from './block-file.ts';

/** The chunk that is being written. */
export interface ChunkWriter {
  readonly bytes: ByteWriter;
  readonly noise: ByteWriter;
}

/** A chunk as it was written; both are views of their part. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly noise: Buffer;
}

/** Reads both pieces from their beginnings. Its methods throw AppError BLOCK_DAMAGED or RECORD_UNDECODABLE. */
export class ChunkReader {
  readonly bytes: ByteReader;
  readonly #noise: Buffer;
  #noiseAt = 0;

  constructor(chunk: Chunk) {
    this.bytes = new ByteReader(chunk.bytes);
    this.#noise = chunk.noise;
  }

  /** A view of the next `count` bytes of the noise. */
  noise(count: number): Buffer {
    const at = this.#noiseAt;
    if (count > this.#noise.length - at) throw damaged('a chunk ends too early');
    this.#noiseAt += count;
    return this.#noise.subarray(at, this.#noiseAt);
  }

  /** Throws unless everything has been read. */
  expectEnd(): void {
    this.bytes.expectEnd();
    if (this.#noiseAt !== this.#noise.length) throw damaged('a chunk has bytes left over');
  }
}
