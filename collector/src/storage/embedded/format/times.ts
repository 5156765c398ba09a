/**
 * The times of a group. Samplers of one host are read in the same ticks, so the times of a group are often those of
 * another group of the host, or those plus a little; a group says which one comes cheaper.
 */
import { ByteReader, ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { damaged } from './block-file.ts';
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
  readonly #trial = new ByteWriter();

  write(writer: ByteWriter, timesMs: Float64Array): void {
    const own = this.#trial;
    own.reset();
    own.varint(0);
    writeIntegers(own, timesMs);
    let best = own.copy();
    for (const candidate of this.#own) {
      if (candidate.timesMs.length !== timesMs.length) continue;
      const differences = timesMs.map((timeMs, i) => timeMs - (candidate.timesMs[i] ?? 0));
      own.reset();
      own.varint(this.#groupNumber - candidate.groupNumber);
      writeIntegers(own, differences);
      if (own.length < best.length) best = own.copy();
    }
    if (best[0] === 0) {
      this.#own.unshift({ groupNumber: this.#groupNumber, timesMs: timesMs.slice() });
      this.#own = this.#own.slice(0, CANDIDATES);
    }
    this.#groupNumber++;
    writer.bytes(best);
  }
}

/**
 * Reads what `TimesWriter` wrote.
 * @param earlier the chunk of the times of the group that stands `distance` groups before this one, with its row count
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function readTimes(
  chunk: Buffer,
  rowCount: number,
  earlier: (distance: number) => { readonly chunk: Buffer; readonly rowCount: number } | undefined,
): Float64Array {
  const reader = new ByteReader(chunk);
  const distance = reader.varint();
  const times = readIntegers(reader, rowCount);
  reader.expectEnd();
  if (distance > 0) addEarlier(times, earlier(distance));
  for (let i = 1; i < rowCount; i++) {
    if (!((times[i - 1] ?? 0) < (times[i] ?? 0))) throw damaged('its times do not rise');
  }
  return times;
}

function addEarlier(
  times: Float64Array,
  group: { readonly chunk: Buffer; readonly rowCount: number } | undefined,
): void {
  if (group === undefined || group.rowCount !== times.length) throw damaged('its times refer to nothing');
  const reader = new ByteReader(group.chunk);
  if (reader.varint() !== 0) throw damaged('its times refer to times that refer to others');
  const base = readIntegers(reader, group.rowCount);
  for (let i = 0; i < times.length; i++) times[i] = (times[i] ?? 0) + (base[i] ?? 0);
}
