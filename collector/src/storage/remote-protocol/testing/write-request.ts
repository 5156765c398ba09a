/** Write requests for tests and benchmarks. */
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import type { Series } from '../../storage.ts';
import { decodeWriteRequest, putSeries, type WrittenSeries } from '../messages.ts';
import { packSnappy } from '../snappy.ts';

/** Headers that a remote write request carries. */
export const WRITE_HEADERS = {
  'Content-Type': 'application/x-protobuf',
  'Content-Encoding': 'snappy',
  'X-Prometheus-Remote-Write-Version': '0.1.0',
} as const;

/** The packed body of a write request. */
export function writeRequest(all: readonly Series[]): Buffer {
  const writer = new ByteWriter(64 * 1024);
  for (const series of all) putSeries(writer, series);
  return packSnappy(writer.view());
}

/** The series of an unpacked write request. @throws AppError BAD_REQUEST */
export function seriesIn(bytes: Buffer): readonly WrittenSeries[] {
  return [...decodeWriteRequest(bytes)].flatMap((part) => (part.kind === 'series' ? [part] : []));
}
