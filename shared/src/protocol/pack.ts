/**
 * Records packed for the wire: the ticks of one host are much alike, so compressing many of them together takes a third
 * less than each alone, and two thirds less when the values of each series stand together. docs/protocol.md, "Packed
 * batches".
 */
import { deflateRawSync } from 'node:zlib';
import { AppError } from '../lib/errors.ts';
import { fromColumns, toColumns } from './columns.ts';
import type { SchemaLayouts } from './layouts.ts';
import { LIMITS } from './limits.ts';
import { decodeInflatedRecord, inflate, inflateRecord, type WireRecord } from './record.ts';

/** Both ends name it in HELLO and WELCOME when they can. */
export const PACK_FEATURE = 'pack';
/** The same for packed records in columns, beside the other. */
export const COLUMNS_FEATURE = 'columns';

/** Bytes in front of the deflated ones: their length when inflated. */
const HEADER_BYTES = 4;
/**
 * Costs no more than the default for records that are so much alike, and is half a percent smaller. Columns are not
 * alike: they take the default.
 */
const DEFLATE_ALIKE = { level: 9, memLevel: 9 } as const;

/**
 * The packed form of whole records, undefined when they cannot be packed, or when it would save nothing.
 * @param records as the spool holds them
 * @param layouts makes columns of them, with the layouts that are known
 */
export function packRecords(records: readonly Buffer[], layouts?: SchemaLayouts): Buffer | undefined {
  const parts: Buffer[] = [];
  let plainBytes = 0;
  let inflatedBytes = 0;
  for (const bytes of records) {
    const part = inflateRecord(bytes);
    if (part === undefined) return undefined;
    parts.push(part);
    plainBytes += bytes.length;
    inflatedBytes += part.length;
  }
  if (inflatedBytes > LIMITS.packedInflatedBytes) return undefined;
  const isColumns = layouts !== undefined;
  const content = isColumns
    ? toColumns(parts, (schemaNumber) => layouts.of(schemaNumber))
    : Buffer.concat(parts, inflatedBytes);
  if (content === undefined || content.length > LIMITS.packedInflatedBytes) return undefined;
  const deflated = deflateRawSync(content, isColumns ? {} : DEFLATE_ALIKE);
  if (HEADER_BYTES + deflated.length >= plainBytes) return undefined;
  if (content.length > deflated.length * LIMITS.recordInflateRatio) return undefined;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(content.length);
  return Buffer.concat([header, deflated]);
}

/**
 * Undoes `packRecords`, in memory of its own.
 * @param count how many records there must be
 * @param isColumns whether they were made columns
 * @throws AppError RECORD_CORRUPT
 */
export function unpackRecords(packed: Buffer, count: number, isColumns: boolean): readonly WireRecord[] {
  const content = inflatePacked(packed);
  const bytes = isColumns ? recordsOfColumns(content, count) : content;
  const records: WireRecord[] = [];
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const record = decodeInflatedRecord(bytes, offset);
    records.push(record);
    offset += record.bytes.length;
  }
  if (offset !== bytes.length) throw corrupt(`${bytes.length - offset} bytes after the last packed record`);
  return records;
}

function inflatePacked(packed: Buffer): Buffer {
  const deflated = packed.subarray(HEADER_BYTES);
  const length = packed.length < HEADER_BYTES ? 0 : packed.readUInt32LE(0);
  if (
    length === 0 ||
    length > LIMITS.packedInflatedBytes ||
    length > deflated.length * LIMITS.recordInflateRatio
  ) {
    throw corrupt(`${packed.length} bytes of packed records claim to be ${length}`);
  }
  let bytes: Buffer;
  try {
    bytes = inflate(deflated, length);
  } catch (error) {
    throw new AppError('RECORD_CORRUPT', 'packed records cannot be inflated', { cause: error });
  }
  if (bytes.length !== length) throw corrupt(`${bytes.length} bytes of packed records instead of ${length}`);
  return bytes;
}

function recordsOfColumns(content: Buffer, count: number): Buffer {
  try {
    return fromColumns(content, count);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError('RECORD_CORRUPT', `columns of packed records: ${error.message}`, { cause: error });
  }
}

function corrupt(text: string): AppError {
  return new AppError('RECORD_CORRUPT', text);
}
