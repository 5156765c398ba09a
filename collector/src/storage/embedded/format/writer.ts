/** Writes a block file from front to back; memory does not grow with the block, but for its directory. */
import assert from 'node:assert/strict';
import { zstdCompressSync } from 'node:zlib';
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { STATE } from '../blocks/block.ts';
import { encodeFooter, encodeHeader, FORMAT_LIMITS, STREAMS, type BlockHeader } from './block-file.ts';
import { writeStates, writeValues } from './column.ts';
import { DirectoryWriter, type LocatedGroup } from './directory.ts';
import type { Column, GroupColumns, PackedGroup } from './group.ts';
import { PartWriter } from './parts.ts';
import { TimesWriter } from './times.ts';

/** Where the bytes go. The writer neither syncs nor closes. */
export interface BlockSink {
  /** Puts `bytes` behind what was written so far; they may change afterwards. Throws when it cannot. */
  append(bytes: Uint8Array): void;
}

/** What was written; the catalogue keeps it. */
export interface BlockSummary {
  readonly sizeBytes: number;
  /** CRC-32 over all checksums of the file, so it tells two files apart without reading them whole. */
  readonly checksum: number;
  /** Present samples and stale markers. */
  readonly sampleCount: number;
  readonly rowCount: number;
  readonly hostCount: number;
  readonly groupCount: number;
  /** Time of the first and the last row, UTC milliseconds; undefined when the block is empty. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

/** What a group has however its values come. */
interface GroupFrame extends Pick<GroupColumns, 'hostId' | 'schemaHash' | 'timesMs'> {
  readonly columns: readonly Pick<Column, 'states'>[];
}

const HOST_ID = /^[0-9a-f]{32}$/;
const SCHEMA_HASH = /^[0-9a-f]{64}$/;

export class BlockWriter {
  readonly #sink: BlockSink;
  readonly #header: BlockHeader;
  readonly #headerCrc: number;
  readonly #directory: DirectoryWriter;
  readonly #parts: PartWriter;
  #times = new TimesWriter();
  #hostId = '';
  #groups: LocatedGroup[] = [];
  /** Time of the last row per schema of the host. */
  #lastMsBySchema = new Map<string, number>();
  #sizeBytes = 0;
  #sampleCount = 0;
  #rowCount = 0;
  #groupCount = 0;
  #firstMs: number | undefined;
  #lastMs: number | undefined;

  /**
   * Writes the header.
   * @param options the window from `fromMs` on and before `toMs`, UTC milliseconds
   */
  constructor(sink: BlockSink, options: BlockHeader) {
    assert(options.fromMs < options.toMs, 'the window of a block is not empty');
    this.#sink = sink;
    this.#header = options;
    this.#directory = new DirectoryWriter(options.fromMs);
    this.#parts = new PartWriter((bytes) => this.#append(bytes));
    const header = encodeHeader(options);
    this.#headerCrc = crc32(header);
    this.#append(header);
  }

  /**
   * Writes a group. Hosts come in rising order of their ids, all groups of a host together; several groups of one host
   * and schema come in the order of time and do not overlap. Breaking this is a bug and throws.
   * @throws whatever the sink throws; the file is useless then
   */
  add(group: GroupColumns): void {
    const { timesMs, columns } = group;
    this.#checkColumns(group);
    const firstChunk = this.#begin(group);
    for (const column of columns) {
      for (const values of column.streams) {
        this.#parts.add((writer) => {
          if (values !== undefined) writeValues(writer, values, column.states);
        });
      }
    }
    this.#end(group, { firstChunk, segmentRows: [timesMs.length] });
  }

  /** Writes a raw group whose values are encoded already; else as `add`. */
  addPacked(group: PackedGroup): void {
    const { timesMs, columns, segmentRows } = group;
    assert(this.#header.resolution === 'raw', 'only raw values are taken over');
    assert(segmentRows.length <= FORMAT_LIMITS.groupSegments, 'segments within the limit');
    const rowCount = segmentRows.reduce((sum, rows) => sum + rows, 0);
    assert(rowCount === timesMs.length && segmentRows.every((rows) => rows > 0), 'segments are all rows');
    const firstChunk = this.#begin(group);
    for (const { segments } of columns) {
      assert(segments.length === segmentRows.length, 'values of each segment');
      for (const chunk of segments) this.#parts.addEncoded(chunk);
    }
    this.#end(group, { firstChunk, segmentRows });
  }

  /** Writes times and states; gives the number of the first chunk. */
  #begin({ hostId, schemaHash, timesMs, columns }: GroupFrame): number {
    if (hostId !== this.#hostId) this.#startHost(hostId);
    this.#check({ hostId, schemaHash, timesMs, columns });
    const firstChunk = this.#parts.nextChunk;
    this.#parts.add((writer) => this.#times.write(writer, timesMs));
    for (const { states } of columns) this.#parts.add((writer) => writeStates(writer, states));
    return firstChunk;
  }

  #end(
    { hostId, schemaHash, timesMs, columns }: GroupFrame,
    place: { readonly firstChunk: number; readonly segmentRows: readonly number[] },
  ): void {
    const firstMs = timesMs[0] ?? 0;
    const lastMs = timesMs.at(-1) ?? 0;
    const rowCount = timesMs.length;
    const columnCount = columns.length;
    const sampleCount = columns.reduce((sum, column) => sum + samplesOf(column, rowCount), 0);
    this.#groups.push({
      hostId,
      schemaHash,
      rowCount,
      columnCount,
      sampleCount,
      firstMs,
      lastMs,
      ...place,
    });
    this.#lastMsBySchema.set(schemaHash, lastMs);
    this.#groupCount++;
    this.#rowCount += rowCount;
    this.#sampleCount += sampleCount;
    this.#firstMs = Math.min(this.#firstMs ?? firstMs, firstMs);
    this.#lastMs = Math.max(this.#lastMs ?? lastMs, lastMs);
  }

  /** Writes directory and footer. The writer is of no use afterwards. */
  finish(): BlockSummary {
    this.#endHost();
    const raw = this.#directory.finish();
    const stored = zstdCompressSync(raw);
    const footer = encodeFooter({
      directoryOffset: this.#append(stored),
      directoryLength: stored.length,
      directoryRawLength: raw.length,
      directoryCrc: crc32(stored),
      headerCrc: this.#headerCrc,
      sampleCount: this.#sampleCount,
    });
    this.#append(footer);
    return {
      sizeBytes: this.#sizeBytes,
      checksum: checksumOf(footer),
      sampleCount: this.#sampleCount,
      rowCount: this.#rowCount,
      hostCount: this.#directory.hostCount,
      groupCount: this.#groupCount,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
    };
  }

  #startHost(hostId: string): void {
    assert(HOST_ID.test(hostId), 'a host id is 32 hexadecimal digits');
    assert(hostId > this.#hostId, 'hosts come in the order of their ids');
    this.#endHost();
    this.#hostId = hostId;
    this.#times = new TimesWriter();
    this.#lastMsBySchema = new Map();
  }

  #endHost(): void {
    if (this.#groups.length > 0) {
      this.#directory.addHost(this.#hostId, { parts: this.#parts.finishHost(), groups: this.#groups });
    }
    this.#groups = [];
  }

  #check({ schemaHash, timesMs, columns }: GroupFrame): void {
    const { fromMs, toMs } = this.#header;
    assert(SCHEMA_HASH.test(schemaHash), 'a schema hash is 64 hexadecimal digits');
    assert(timesMs.length > 0 && timesMs.length <= FORMAT_LIMITS.groupRows, 'rows within the limit');
    assert(columns.length > 0 && columns.length <= FORMAT_LIMITS.groupColumns, 'columns within the limit');
    let beforeMs = this.#lastMsBySchema.get(schemaHash) ?? Number.NEGATIVE_INFINITY;
    for (const timeMs of timesMs) {
      assert(Number.isInteger(timeMs) && timeMs > beforeMs, 'times are whole and rise');
      beforeMs = timeMs;
    }
    assert((timesMs[0] ?? 0) >= fromMs && beforeMs < toMs, 'times lie in the window');
    for (const { states } of columns)
      assert(states === undefined || states.length === timesMs.length, 'a state per row');
  }

  #checkColumns({ timesMs, columns }: GroupColumns): void {
    const { length } = STREAMS[this.#header.resolution];
    for (const { streams } of columns) {
      assert(streams.length === length, 'one array per stream of the resolution');
      assert(
        streams.every((values) => values === undefined || values.length === timesMs.length),
        'a value per row',
      );
    }
  }

  #append(bytes: Uint8Array): number {
    const offset = this.#sizeBytes;
    this.#sink.append(bytes);
    this.#sizeBytes += bytes.length;
    return offset;
  }
}

function checksumOf(footer: Buffer): number {
  return footer.readUInt32LE(footer.length - 12);
}

function samplesOf({ states }: Pick<Column, 'states'>, rowCount: number): number {
  if (states === undefined) return rowCount;
  let count = 0;
  for (const state of states) if (state !== STATE.ABSENT) count++;
  return count;
}
