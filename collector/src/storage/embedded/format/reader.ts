/** Reads a block file: footer and directory when it is opened, and then only the parts that are asked for. */
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { STATE } from '../blocks/block.ts';
import {
  damaged,
  decodeFooter,
  decodeHeader,
  FOOTER_BYTES,
  HEADER_BYTES,
  STREAMS,
  type Resolution,
} from './block-file.ts';
import { ChunkReader, type Chunk } from './chunk.ts';
import { readStates, readValues } from './column.ts';
import { BlockDamage, readOrDamage, type DamagePlace } from './damage.ts';
import { Directory, type HostEntry, type LocatedGroup } from './directory.ts';
import type { ColumnValues, Group, PackedColumn } from './group.ts';
import { decompress, openPart, type OpenPart, type Part } from './parts.ts';
import { readTimes } from './times.ts';

/** Where the bytes come from: a file of which any piece can be read, as often as wanted. */
export interface BlockSource {
  readonly sizeBytes: number;
  /**
   * `length` bytes from `offset` on, fewer when the file ends before. The result belongs to the caller.
   * @throws whatever the disk does; passed on as it is
   */
  read(offset: number, length: number): Buffer;
}

/** Rows of a group from `fromRow` on and before `toRow`. */
export interface RowRange {
  readonly fromRow: number;
  readonly toRow: number;
}

interface GroupPlace {
  readonly entry: HostEntry;
  readonly located: LocatedGroup;
}

/** Decompressed parts kept, so that reading the columns of a host in order opens each part once. */
const PARTS_KEPT = 2;

/**
 * A block file that is open for reading. Keeps its directory in memory (about 20 bytes per host and 15 per group) and the
 * last parts. All failures to make sense of the bytes are BlockDamage.
 */
export class BlockReader {
  readonly resolution: Resolution;
  /** The window: from `fromMs` on and before `toMs`, UTC milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Present samples and stale markers of the whole block. */
  readonly sampleCount: number;
  /** As in BlockSummary. */
  readonly checksum: number;
  /** Bytes of memory that the directory takes, about. */
  readonly memoryBytes: number;
  readonly #source: BlockSource;
  readonly #file: string;
  readonly #directory: Directory;
  readonly #kept: { readonly part: Part; readonly open: OpenPart }[] = [];
  #host: { readonly hostId: string; readonly entry: HostEntry } | undefined;
  /** Where the groups are that `groups` gave. */
  readonly #places = new WeakMap<Group, GroupPlace>();

  /**
   * Reads header, footer and directory.
   * @param file name of the file, for messages
   * @throws BlockDamage without a host; AppError DATABASE_TOO_NEW
   */
  constructor(source: BlockSource, file: string) {
    this.#source = source;
    this.#file = file;
    const { header, footer, directory, memoryBytes } = readOrDamage({ file }, () => readIndex(source));
    this.resolution = header.resolution;
    this.fromMs = header.fromMs;
    this.toMs = header.toMs;
    this.sampleCount = footer.sampleCount;
    this.checksum = footer.checksum;
    this.memoryBytes = memoryBytes;
    this.#directory = directory;
  }

  get hostCount(): number {
    return this.#directory.hostCount;
  }

  /** Agent ids in rising order. */
  hostIds(): Iterable<string> {
    return this.#directory.hostIds();
  }

  /** Hashes of all schemas in the block, hexadecimal. */
  get schemaHashes(): readonly string[] {
    return this.#directory.schemaHashes;
  }

  /**
   * The groups of a host in the order in which they were written; none when the block has nothing of it. Reads no part.
   * @throws BlockDamage
   */
  groups(hostId: string): readonly Group[] {
    return this.#entry(hostId)?.groups ?? [];
  }

  /**
   * UTC milliseconds of the rows of a group, strictly rising; belongs to the caller.
   * @param group one that `groups` gave
   * @throws BlockDamage: the group is lost
   */
  times(group: Group): Float64Array {
    return readOrDamage(placeOf(this.#file, group), () => this.#times(group));
  }

  /**
   * A stream of a column; belongs to the caller. Undefined when the column has no such stream.
   * @param index of the column, from 0
   * @param stream index in STREAMS of the block's resolution; raw blocks have one only
   * @param wanted rows that the caller looks at, all unless given; what stands at others is of no meaning
   * @throws BlockDamage: the column is lost
   */
  column(group: Group, index: number, stream = 0, wanted?: RowRange): ColumnValues | undefined {
    const { hostId, schemaHash } = group;
    return readOrDamage({ file: this.#file, hostId, schemaHash, column: index }, () => {
      const streamCount = STREAMS[this.resolution].length;
      const { entry, located } = this.#locate(group);
      const { rowCount, columnCount, firstChunk, segmentRows } = located;
      const states = readStates(this.#chunk(entry, firstChunk + 1 + index), rowCount);
      const { length } = segmentRows;
      const at = firstChunk + 1 + columnCount + (index * streamCount + stream) * length;
      const values = new Float64Array(rowCount);
      if (length === 1)
        return readSegment(this.#chunk(entry, at), values, states) ? { values, states } : undefined;
      let row = 0;
      for (const [segment, rows] of segmentRows.entries()) {
        const end = row + rows;
        const isWanted = wanted === undefined || (row < wanted.toRow && end > wanted.fromRow);
        if (isWanted) {
          const chunk = this.#chunk(entry, at + segment);
          if (!readSegment(chunk, values.subarray(row, end), states?.subarray(row, end)))
            throw damaged('a segment has no values');
        } else {
          // Nobody looks at them; but whoever did would not take them for values.
          values.fill(Number.NaN, row, end);
        }
        row = end;
      }
      return { values, states };
    });
  }

  /**
   * The columns of a raw group as they are encoded. The chunks share memory with each other; nobody changes it.
   * @throws BlockDamage: the group is lost, or what can be read of it must be read column by column
   */
  packed(group: Group): readonly PackedColumn[] {
    return readOrDamage(placeOf(this.#file, group), () => {
      const { entry, located } = this.#locate(group);
      const { rowCount, columnCount, firstChunk, segmentRows } = located;
      const states = Array.from({ length: columnCount }, (_, index) =>
        readStates(this.#chunk(entry, firstChunk + 1 + index), rowCount),
      );
      const valuesAt = firstChunk + 1 + columnCount;
      return states.map((own, index) => ({
        states: own,
        segments: segmentRows.map((_, segment) =>
          this.#chunk(entry, valuesAt + index * segmentRows.length + segment),
        ),
      }));
    });
  }

  /**
   * Reads everything, host by host, and yields what is damaged there (nothing when the host is whole), so that the caller
   * can pause in between.
   * @throws whatever the source throws
   */
  *verify(): Generator<readonly BlockDamage[]> {
    if (crc32(this.#source.read(0, HEADER_BYTES)) !== this.#headerCrc()) {
      yield [new BlockDamage({ file: this.#file }, 'the header has changed')];
    }
    let sampleCount = 0;
    for (const hostId of this.hostIds()) {
      const damages: BlockDamage[] = [];
      const groups = collectDamage(damages, () => this.groups(hostId)) ?? [];
      for (const group of groups) {
        sampleCount += group.sampleCount;
        this.#verifyGroup(group, damages);
      }
      yield damages;
    }
    if (sampleCount !== this.sampleCount) {
      yield [new BlockDamage({ file: this.#file }, `${sampleCount} samples instead of ${this.sampleCount}`)];
    }
  }

  #verifyGroup(group: Group, damages: BlockDamage[]): void {
    if (collectDamage(damages, () => this.times(group)) === undefined) return;
    for (let index = 0; index < group.columnCount; index++) {
      for (let stream = 0; stream < STREAMS[this.resolution].length; stream++) {
        const before = damages.length;
        collectDamage(damages, () => this.column(group, index, stream));
        if (damages.length > before) break;
      }
    }
  }

  #headerCrc(): number {
    const footer = this.#source.read(this.#source.sizeBytes - FOOTER_BYTES, FOOTER_BYTES);
    return decodeFooter(footer, this.#source.sizeBytes).headerCrc;
  }

  #times(group: Group): Float64Array {
    const { entry, located } = this.#locate(group);
    const at = entry.groups.indexOf(located);
    const times = readTimes(this.#chunk(entry, located.firstChunk), located.rowCount, (distance) => {
      const earlier = entry.groups[at - distance];
      if (earlier === undefined) return undefined;
      return { chunk: this.#chunk(entry, earlier.firstChunk), rowCount: earlier.rowCount };
    });
    if (times[0] !== located.firstMs || times.at(-1) !== located.lastMs) {
      throw damaged('its times are not those that the directory has');
    }
    return times;
  }

  #entry(hostId: string): HostEntry | undefined {
    if (this.#host?.hostId === hostId) return this.#host.entry;
    const entry = readOrDamage({ file: this.#file, hostId }, () => this.#directory.host(hostId));
    if (entry === undefined) return undefined;
    this.#host = { hostId, entry };
    for (const located of entry.groups) this.#places.set(located, { entry, located });
    return entry;
  }

  #locate(group: Group): GroupPlace {
    const known = this.#places.get(group);
    if (known !== undefined) return known;
    // A group that another reader of the same file gave.
    const entry = this.#entry(group.hostId);
    const located = entry?.groups.find(
      ({ schemaHash, firstMs }) => schemaHash === group.schemaHash && firstMs === group.firstMs,
    );
    if (entry === undefined || located === undefined) throw damaged('no such group');
    const place = { entry, located };
    this.#places.set(group, place);
    return place;
  }

  #chunk({ parts }: HostEntry, number: number): Chunk {
    const part = partWith(parts, number);
    const chunk = part === undefined ? undefined : this.#open(part).chunk(number - part.firstChunk);
    if (chunk === undefined) throw damaged('a chunk is missing');
    return chunk;
  }

  #open(part: Part): OpenPart {
    const kept = this.#kept.find((candidate) => candidate.part.offset === part.offset);
    if (kept !== undefined) return kept.open;
    const open = openPart(part, this.#source.read(part.offset, part.storedLength));
    this.#kept.unshift({ part, open });
    this.#kept.length = Math.min(this.#kept.length, PARTS_KEPT);
    return open;
  }
}

/** Reads the values of a segment; false when there are none although rows are present. */
function readSegment(chunk: Chunk, values: Float64Array, states: Uint8Array | undefined): boolean {
  if (chunk.bytes.length === 0 && states?.includes(STATE.PRESENT) !== false) return false;
  const reader = new ChunkReader(chunk);
  readValues(reader, values, states);
  reader.expectEnd();
  return true;
}

/** The part that holds a chunk of the host. */
function partWith(parts: readonly Part[], chunkNumber: number): Part | undefined {
  let low = 0;
  let high = parts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((parts[middle]?.firstChunk ?? 0) <= chunkNumber) low = middle;
    else high = middle - 1;
  }
  return parts[low];
}

function readIndex(source: BlockSource) {
  const size = source.sizeBytes;
  if (size < HEADER_BYTES + FOOTER_BYTES) throw damaged(`${size} bytes are no block file`);
  const headerBytes = source.read(0, HEADER_BYTES);
  const header = decodeHeader(headerBytes);
  const footer = decodeFooter(source.read(size - FOOTER_BYTES, FOOTER_BYTES), size);
  if (crc32(headerBytes) !== footer.headerCrc) throw damaged('header and footer are of different files');
  const stored = source.read(footer.directoryOffset, footer.directoryLength);
  if (stored.length !== footer.directoryLength || crc32(stored) !== footer.directoryCrc) {
    throw damaged('the checksum of its directory is wrong');
  }
  const bytes = decompress(stored, footer.directoryRawLength);
  const streamCount = STREAMS[header.resolution].length;
  const directory = new Directory(bytes, {
    fromMs: header.fromMs,
    partsEnd: footer.directoryOffset,
    version: header.version,
    chunksOf: (columnCount, segmentCount) => 1 + columnCount + columnCount * streamCount * segmentCount,
  });
  return { header, footer, directory, memoryBytes: bytes.length };
}

function placeOf(file: string, { hostId, schemaHash }: Group): DamagePlace {
  return { file, hostId, schemaHash };
}

/** The result of `read`, or undefined after adding the damage that it met. */
function collectDamage<T>(damages: BlockDamage[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BlockDamage)) throw error;
    damages.push(error);
    return undefined;
  }
}
