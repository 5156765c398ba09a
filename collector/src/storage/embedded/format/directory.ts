/**
 * The directory of a block file: which hosts it has, and for each host its parts and groups. It stays in memory as bytes;
 * only the entry of a host that is asked for becomes objects, because a block of ten thousand hosts has some 150,000
 * groups.
 */
import { ByteReader, ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { damaged, FORMAT_LIMITS } from './block-file.ts';
import type { Group } from './group.ts';
import type { Part } from './parts.ts';

const HOST_ID_BYTES = 16;
const SCHEMA_HASH_BYTES = 32;
/** A host's row of the index: its id, and where its entry begins. */
const INDEX_BYTES = HOST_ID_BYTES + 4;

/** A group with the number of its first chunk within the host. */
export interface LocatedGroup extends Group {
  readonly firstChunk: number;
}

/** What the directory says about a host. */
export interface HostEntry {
  readonly parts: readonly Part[];
  readonly groups: readonly LocatedGroup[];
}

/** Collects entries in the order of host ids. */
export class DirectoryWriter {
  readonly #fromMs: number;
  readonly #schemas = new Map<string, number>();
  readonly #index = new ByteWriter();
  readonly #entries = new ByteWriter();
  #hostCount = 0;

  /** @param fromMs beginning of the block's window, which times are counted from */
  constructor(fromMs: number) {
    this.#fromMs = fromMs;
  }

  get hostCount(): number {
    return this.#hostCount;
  }

  addHost(hostId: string, { parts, groups }: HostEntry): void {
    const entries = this.#entries;
    this.#index.bytes(Buffer.from(hostId, 'hex'));
    this.#index.u32(entries.length);
    this.#hostCount++;
    entries.varint(parts.length);
    entries.varint(parts[0]?.offset ?? 0);
    for (const part of parts) {
      entries.varint(part.storedLength);
      entries.varint(part.noiseLength);
      entries.varint(part.rawLength);
      entries.varint(part.chunkCount);
      entries.u32(part.crc);
    }
    entries.varint(groups.length);
    for (const group of groups) {
      entries.varint(this.#schemaNumber(group.schemaHash));
      entries.varint(group.rowCount);
      entries.varint(group.columnCount);
      entries.varint(group.sampleCount);
      entries.zigzag(group.firstMs - this.#fromMs);
      entries.varint(group.lastMs - group.firstMs);
      entries.varint(group.segmentRows.length);
      if (group.segmentRows.length > 1) for (const rows of group.segmentRows) entries.varint(rows);
    }
  }

  /** The bytes of the directory, not compressed. */
  finish(): Buffer {
    const writer = new ByteWriter(this.#index.length + this.#entries.length + 1024);
    writer.varint(this.#schemas.size);
    for (const hash of this.#schemas.keys()) writer.bytes(Buffer.from(hash, 'hex'));
    writer.varint(this.#hostCount);
    writer.bytes(this.#index.view());
    writer.bytes(this.#entries.view());
    return writer.copy();
  }

  #schemaNumber(hash: string): number {
    const known = this.#schemas.get(hash);
    if (known !== undefined) return known;
    const number = this.#schemas.size;
    this.#schemas.set(hash, number);
    return number;
  }
}

/** Reads the directory. Every method throws AppError BLOCK_DAMAGED or RECORD_UNDECODABLE when the bytes make no sense. */
export class Directory {
  readonly hostCount: number;
  /** Hashes of all schemas in the block, hexadecimal. */
  readonly schemaHashes: readonly string[];
  readonly #index: Buffer;
  readonly #entries: Buffer;
  readonly #fromMs: number;
  readonly #version: number;
  readonly #chunksOf: (columnCount: number, segmentCount: number) => number;
  /** Parts must lie before the directory. */
  readonly #partsEnd: number;

  constructor(
    bytes: Buffer,
    options: {
      readonly fromMs: number;
      readonly partsEnd: number;
      /** Of the format. */
      readonly version: number;
      /** Chunks of a group. */
      readonly chunksOf: (columnCount: number, segmentCount: number) => number;
    },
  ) {
    const reader = new ByteReader(bytes);
    const schemaCount = atMost(reader.varint(), FORMAT_LIMITS.schemas, 'schemas');
    const schemas = reader.bytes(schemaCount * SCHEMA_HASH_BYTES);
    this.schemaHashes = Array.from({ length: schemaCount }, (_, i) =>
      schemas.toString('hex', i * SCHEMA_HASH_BYTES, (i + 1) * SCHEMA_HASH_BYTES),
    );
    this.hostCount = atMost(reader.varint(), FORMAT_LIMITS.hosts, 'hosts');
    this.#index = reader.bytes(this.hostCount * INDEX_BYTES);
    this.#entries = reader.bytes(reader.remaining);
    this.#fromMs = options.fromMs;
    this.#partsEnd = options.partsEnd;
    this.#version = options.version;
    this.#chunksOf = options.chunksOf;
    for (let i = 1; i < this.hostCount; i++) {
      if (this.#compareId(i - 1, this.#index, i * INDEX_BYTES) >= 0)
        throw damaged('its hosts are out of order');
    }
  }

  /** Agent ids in rising order. */
  *hostIds(): Generator<string> {
    for (let i = 0; i < this.hostCount; i++) {
      yield this.#index.toString('hex', i * INDEX_BYTES, i * INDEX_BYTES + HOST_ID_BYTES);
    }
  }

  /** The entry of a host, undefined when the block has nothing of it. */
  host(hostId: string): HostEntry | undefined {
    const at = this.#find(Buffer.from(hostId, 'hex'));
    if (at === undefined) return undefined;
    const begin = this.#index.readUInt32LE(at * INDEX_BYTES + HOST_ID_BYTES);
    const end =
      at + 1 < this.hostCount
        ? this.#index.readUInt32LE((at + 1) * INDEX_BYTES + HOST_ID_BYTES)
        : this.#entries.length;
    if (begin > end || end > this.#entries.length) throw damaged('a host leaves the directory');
    const reader = new ByteReader(this.#entries.subarray(begin, end));
    const parts = this.#readParts(reader);
    const groups = this.#readGroups(reader, hostId);
    reader.expectEnd();
    const chunks = parts.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
    const wanted = groups.reduce(
      (sum, { columnCount, segmentRows }) => sum + this.#chunksOf(columnCount, segmentRows.length),
      0,
    );
    if (chunks !== wanted) throw damaged(`a host has ${chunks} chunks instead of ${wanted}`);
    return { parts, groups };
  }

  #readParts(reader: ByteReader): Part[] {
    const count = atMost(reader.varint(), FORMAT_LIMITS.hostParts, 'parts of a host');
    let offset = reader.varint();
    let firstChunk = 0;
    const parts: Part[] = [];
    for (let i = 0; i < count; i++) {
      const storedLength = reader.varint();
      const noiseLength = atMost(reader.varint(), storedLength, 'bytes of noise');
      const rawLength = atMost(reader.varint(), FORMAT_LIMITS.partBytes, 'bytes of a part');
      // Each chunk takes at least a byte in the table.
      const chunkCount = atMost(reader.varint(), rawLength, 'chunks of a part');
      const crc = reader.u32();
      if (offset + storedLength > this.#partsEnd) throw damaged('a part leaves the file');
      parts.push({ offset, storedLength, noiseLength, rawLength, crc, chunkCount, firstChunk });
      offset += storedLength;
      firstChunk += chunkCount;
    }
    return parts;
  }

  #readGroups(reader: ByteReader, hostId: string): LocatedGroup[] {
    const count = atMost(reader.varint(), FORMAT_LIMITS.hostGroups, 'groups of a host');
    let firstChunk = 0;
    const groups: LocatedGroup[] = [];
    for (let i = 0; i < count; i++) {
      const schemaHash = this.schemaHashes[reader.varint()];
      if (schemaHash === undefined) throw damaged('a group has an unknown schema');
      const rowCount = atMost(reader.varint(), FORMAT_LIMITS.groupRows, 'rows of a group');
      const columnCount = atMost(reader.varint(), FORMAT_LIMITS.groupColumns, 'columns of a group');
      const sampleCount = atMost(reader.varint(), rowCount * columnCount, 'samples of a group');
      const firstMs = this.#fromMs + reader.zigzag();
      const lastMs = firstMs + reader.varint();
      const segmentRows = this.#version === 1 ? [rowCount] : readSegments(reader, rowCount);
      groups.push({
        hostId,
        schemaHash,
        rowCount,
        columnCount,
        sampleCount,
        firstMs,
        lastMs,
        segmentRows,
        firstChunk,
      });
      firstChunk += this.#chunksOf(columnCount, segmentRows.length);
    }
    return groups;
  }

  #find(id: Buffer): number | undefined {
    if (id.length !== HOST_ID_BYTES) return undefined;
    let low = 0;
    let high = this.hostCount - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = this.#compareId(middle, id, 0);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  #compareId(at: number, other: Buffer, otherAt: number): number {
    const begin = at * INDEX_BYTES;
    return this.#index.compare(other, otherAt, otherAt + HOST_ID_BYTES, begin, begin + HOST_ID_BYTES);
  }
}

function readSegments(reader: ByteReader, rowCount: number): readonly number[] {
  const count = atMost(
    reader.varint(),
    Math.min(rowCount, FORMAT_LIMITS.groupSegments),
    'segments of a group',
  );
  if (count === 0) throw damaged('a group without segments');
  if (count === 1) return [rowCount];
  const rows = Array.from({ length: count }, () => reader.varint());
  const sum = rows.reduce((total, one) => total + one, 0);
  if (sum !== rowCount || rows.includes(0)) throw damaged('the segments of a group are not its rows');
  return rows;
}

function atMost(count: number, max: number, what: string): number {
  if (count > max) throw damaged(`${count} ${what}, at most ${max} are possible`);
  return count;
}
