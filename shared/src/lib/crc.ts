/** CRC-32 (ISO 3309, polynomial 0xEDB88320), as zlib computes it. */
import { crc32 as zlibCrc32 } from 'node:zlib';

/** The checksum of `bytes` as an unsigned 32-bit integer. */
export function crc32(bytes: Uint8Array): number {
  return zlibCrc32(bytes);
}
