/**
 * The fixed parts of a block file, header and footer, and the words that writer and reader share. docs/storage-format.md
 * draws the bytes. A block file holds the samples of all hosts in one window of time at one resolution; it is written
 * once and never changed.
 */
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { ByteReader, ByteWriter } from '@rollcall/shared/lib/varint.ts';

/** Raw samples, or rollups of so much time each. */
export type Resolution = 'raw' | '5m' | '1h';

/** The streams of values that a column may have. `increase` is what a counter rose by, resets taken out. */
export type StreamName = 'value' | 'count' | 'min' | 'max' | 'sum' | 'last' | 'increase';

const ROLLUP_STREAMS = ['count', 'min', 'max', 'sum', 'last', 'increase'] as const;

/** Streams of each resolution, in the order in which `Column.streams` has them. */
export const STREAMS: Readonly<Record<Resolution, readonly StreamName[]>> = {
  raw: ['value'],
  '5m': ROLLUP_STREAMS,
  '1h': ROLLUP_STREAMS,
};

/** Limits of the format. What goes over one was not written by us. */
export const FORMAT_LIMITS = {
  /** Rows of one group: more than a day of one reading per second. Longer runs are several groups. */
  groupRows: 131_072,
  groupColumns: 10_000,
  hosts: 1_000_000,
  hostGroups: 65_536,
  /** Runs of rows of a group whose values are encoded apart. */
  groupSegments: 8_192,
  hostParts: 1_048_576,
  schemas: 1_048_576,
  /** A part is closed when it reaches the first; one chunk more may follow, so it stays below the second. */
  partTargetBytes: 64 * 1024,
  partBytes: 2 * 1024 * 1024,
  directoryBytes: 1024 * 1024 * 1024,
} as const;

/** What the header says. */
export interface BlockHeader {
  readonly resolution: Resolution;
  /** UTC milliseconds; first of the window. */
  readonly fromMs: number;
  /** UTC milliseconds; first after the window. */
  readonly toMs: number;
}

/** What the footer says. */
export interface BlockFooter {
  readonly directoryOffset: number;
  /** Bytes of the directory in the file, compressed. */
  readonly directoryLength: number;
  /** Bytes of the directory after decompression. */
  readonly directoryRawLength: number;
  /** CRC-32 of the directory as it stands in the file. */
  readonly directoryCrc: number;
  /** CRC-32 of the header. */
  readonly headerCrc: number;
  /** Present samples and stale markers of all columns. */
  readonly sampleCount: number;
}

const MAGIC = Buffer.from('RCBLOCK\n', 'latin1');
/** Version that is written; all from 1 on are read. Since 2 the values of a group may be cut into segments. */
export const FORMAT_VERSION = 2;
const RESOLUTIONS: readonly Resolution[] = ['raw', '5m', '1h'];

export const HEADER_BYTES = 26;
export const FOOTER_BYTES = 44;

export function encodeHeader({ resolution, fromMs, toMs }: BlockHeader): Buffer {
  const writer = new ByteWriter(HEADER_BYTES);
  writer.bytes(MAGIC);
  writer.u8(FORMAT_VERSION);
  writer.u8(RESOLUTIONS.indexOf(resolution));
  writer.u48(fromMs);
  writer.u48(toMs);
  writer.u32(crc32(writer.view()));
  return writer.copy();
}

/** @throws AppError BLOCK_DAMAGED; DATABASE_TOO_NEW for a version that this program does not know */
export function decodeHeader(bytes: Buffer): BlockHeader & { readonly version: number } {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw damaged('it does not begin like a block file');
  }
  if (crc32(bytes.subarray(0, HEADER_BYTES - 4)) !== bytes.readUInt32LE(HEADER_BYTES - 4)) {
    throw damaged('the checksum of its header is wrong');
  }
  const reader = new ByteReader(bytes.subarray(MAGIC.length));
  const version = reader.u8();
  if (version > FORMAT_VERSION) {
    throw new AppError(
      'DATABASE_TOO_NEW',
      `block file of format ${version}, this collector knows ${FORMAT_VERSION}: start the newer collector again`,
    );
  }
  const resolution = RESOLUTIONS[reader.u8()];
  const fromMs = reader.u48();
  const toMs = reader.u48();
  if (version === 0 || resolution === undefined || fromMs >= toMs) throw damaged('its header makes no sense');
  return { version, resolution, fromMs, toMs };
}

export function encodeFooter(footer: BlockFooter): Buffer {
  const writer = new ByteWriter(FOOTER_BYTES);
  writer.u48(footer.directoryOffset);
  writer.u32(footer.directoryLength);
  writer.u32(footer.directoryRawLength);
  writer.u32(footer.directoryCrc);
  writer.u32(footer.headerCrc);
  writer.u48(footer.sampleCount);
  writer.u32(0);
  writer.u32(crc32(writer.view()));
  writer.bytes(MAGIC);
  return writer.copy();
}

/**
 * @param sizeBytes of the whole file; the directory must end where the footer begins
 * @throws AppError BLOCK_DAMAGED
 */
export function decodeFooter(bytes: Buffer, sizeBytes: number): BlockFooter & { readonly checksum: number } {
  const checksumAt = FOOTER_BYTES - MAGIC.length - 4;
  if (bytes.length !== FOOTER_BYTES || !bytes.subarray(checksumAt + 4).equals(MAGIC)) {
    throw damaged('it does not end like a block file');
  }
  const checksum = bytes.readUInt32LE(checksumAt);
  if (crc32(bytes.subarray(0, checksumAt)) !== checksum) throw damaged('the checksum of its footer is wrong');
  const reader = new ByteReader(bytes);
  const footer = {
    directoryOffset: reader.u48(),
    directoryLength: reader.u32(),
    directoryRawLength: reader.u32(),
    directoryCrc: reader.u32(),
    headerCrc: reader.u32(),
    sampleCount: reader.u48(),
    checksum,
  };
  const end = footer.directoryOffset + footer.directoryLength;
  if (footer.directoryOffset < HEADER_BYTES || end !== sizeBytes - FOOTER_BYTES) {
    throw damaged('its directory does not end at the footer');
  }
  if (footer.directoryRawLength > FORMAT_LIMITS.directoryBytes) throw damaged('its directory is too large');
  return footer;
}

/** The error of bytes that make no sense; whoever knows the place adds it, see `readOrDamage`. */
export function damaged(reason: string): AppError {
  return new AppError('BLOCK_DAMAGED', reason);
}
