/**
 * Records packed for the wire: the ticks of one host are much alike, so compressing many of them together takes a third
 * less than each alone, and undoing it costs a tenth. docs/protocol.md, "Packed batches".
 */
import { deflateRawSync } from 'node:zlib';
import { AppError } from '../lib/errors.ts';
import { LIMITS } from './limits.ts';
import { decodeInflatedRecord, inflate, inflateRecord, type WireRecord } from './record.ts';

/** Both ends name it in HELLO and WELCOME when they can. */
export const PACK_FEATURE = 'pack';

/** Bytes in front of the deflated ones: their length when inflated. */
const HEADER_BYTES = 4;
/** Costs no more than the default for records that are so much alike, and is half a percent smaller. */
const DEFLATE = { level: 9, memLevel: 9 } as const;

/**
 * The packed form of whole records, undefined when they cannot be packed, or when it would save nothing.
 * @param records as the spool holds them
 */
export function packRecords(records: readonly Buffer[]): Buffer | undefined {
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
  const deflated = deflateRawSync(Buffer.concat(parts, inflatedBytes), DEFLATE);
  if (HEADER_BYTES + deflated.length >= plainBytes) return undefined;
  if (inflatedBytes > deflated.length * LIMITS.recordInflateRatio) return undefined;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(inflatedBytes);
  return Buffer.concat([header, deflated]);
}

/**
 * Undoes `packRecords`, in memory of its own.
 * @param count how many records there must be
 * @throws AppError RECORD_CORRUPT
 */
export function unpackRecords(packed: Buffer, count: number): readonly WireRecord[] {
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
  const records: WireRecord[] = [];
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const record = decodeInflatedRecord(bytes, offset);
    records.push(record);
    offset += record.bytes.length;
  }
  if (offset !== length) throw corrupt(`${length - offset} bytes after the last packed record`);
  return records;
}

function corrupt(text: string): AppError {
  return new AppError('RECORD_CORRUPT', text);
}
