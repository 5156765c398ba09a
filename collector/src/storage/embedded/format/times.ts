/**
 * The times of a group. Samplers of one host are read in the same ticks, so the times of a group are often those of
 * another group of the host, or those plus a little; a group says which one comes cheaper.
 */
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { damaged } from './block-file.ts';
import { ChunkReader, type Chunk, type ChunkWriter } from './chunk.ts';
import { readIntegers, writeIntegers } from './integers.ts';

/** Earlier groups that are looked at; they must stand on their own, so no reader follows a chain. */
const CANDIDATES = 4;

interface OwnTimes {
  readonly groupNumber: number;
  readonly timesMs: Float64Array;
}

/** Writes the times of the groups of one host, in their order. */
export class TimesWriter {
  #own: OwnTimes[] = [];
  #groupNumber = 0;
  readonly #trial: ChunkWriter = { bytes: new ByteWriter(), noise: new ByteWriter() };

  write(writer: ChunkWriter, timesMs: Float64Array): void {
    let best = this.#encode(0, timesMs);
    for (const candidate of this.#own) {
      if (candidate.timesMs.length !== timesMs.length) continue;
      const differences = timesMs.map((timeMs, row) => timeMs - (candidate.timesMs[row] ?? 0));
      const chunk = this.#encode(this.#groupNumber - candidate.groupNumber, differences);
      if (chunk.bytes.length + chunk.noise.length < best.bytes.length + best.noise.length) best = chunk;
    }
    if (best.bytes[0] === 0) {
      this.#own = [{ groupNumber: this.#groupNumber, timesMs: timesMs.slice() }, ...this.#own];
      this.#own.length = Math.min(this.#own.length, CANDIDATES);
    }
    this.#groupNumber++;
    writer.bytes.bytes(best.bytes);
    writer.noise.bytes(best.noise);
  }

  #encode(distance: number, integers: Float64Array): Chunk {
    const { bytes, noise } = this.#trial;
    bytes.reset();
    noise.reset();
    bytes.varint(distance);
    writeIntegers(this.#trial, integers);
    return { bytes: bytes.copy(), noise: noise.copy() };
  }
}

/**
 * Reads what `TimesWriter` wrote.
 * @param earlier the times chunk of the group that stands `distance` groups before this one, with its row count
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function readTimes(
  chunk: Chunk,
  rowCount: number,
  earlier: (distance: number) => { readonly chunk: Chunk; readonly rowCount: number } | undefined,
): Float64Array {
  const reader = new ChunkReader(chunk);
  const distance = reader.bytes.varint();
  const times = new Float64Array(rowCount);
  readIntegers(reader, times);
  reader.expectEnd();
  if (distance > 0) addEarlier(times, earlier(distance));
  for (let row = 1; row < rowCount; row++) {
    if (!((times[row - 1] ?? 0) < (times[row] ?? 0))) throw damaged('its times do not rise');
  }
  return times;
}

function addEarlier(
  times: Float64Array,
  group: { readonly chunk: Chunk; readonly rowCount: number } | undefined,
): void {
  if (group === undefined || group.rowCount !== times.length) throw damaged('its times refer to nothing');
  const reader = new ChunkReader(group.chunk);
  if (reader.bytes.varint() !== 0) throw damaged('its times refer to times that refer to others');
  const base = new Float64Array(group.rowCount);
  readIntegers(reader, base);
  for (let row = 0; row < times.length; row++) times[row] = (times[row] ?? 0) + (base[row] ?? 0);
}
