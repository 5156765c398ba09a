/** The body of a gap record: numbers that will never come, with exact counts and a reason. */
import { AppError } from '../lib/errors.ts';
import { ByteReader, ByteWriter } from '../lib/varint.ts';

/** Why records were lost. */
export const GAP_REASON = {
  BYTES: 1,
  AGE: 2,
  CORRUPT: 3,
  DISK_FULL: 4,
  COLLECTOR_ROLLBACK: 5,
  POISON: 6,
  SPOOL_UNREADABLE: 7,
  /** There were more epochs than an agent may have. */
  EPOCHS: 9,
} as const;

/** Reasons as they stand in metrics and in the API; a newer agent may have others. */
export const GAP_REASON_NAMES: Readonly<Record<number, string>> = {
  1: 'bytes',
  2: 'age',
  3: 'corrupt',
  4: 'disk_full',
  5: 'collector_rollback',
  6: 'poison',
  7: 'spool_unreadable',
  9: 'epochs',
};

/** A run of numbers that the agent had to drop. */
export interface Gap {
  /** Last number lost; the first is the record's own. */
  readonly to: number;
  /** One of GAP_REASON. */
  readonly reason: number;
  /** The counts could not be read and are a guess. */
  readonly isEstimated: boolean;
  /** Ticks and values of the epoch up to and including `to`; the loss is that minus what the collector holds. */
  readonly ticksThrough: number;
  readonly samplesThrough: number;
  /** Wall clock of the first and the last record lost, UTC milliseconds. */
  readonly firstWallMs: number;
  readonly lastWallMs: number;
}

/** The 32 bytes of a gap record's body. */
export function encodeGap(gap: Gap): Buffer {
  const writer = new ByteWriter(40);
  writer.u48(gap.to);
  writer.u8(gap.reason);
  writer.u8(gap.isEstimated ? 1 : 0);
  writer.u48(gap.ticksThrough);
  writer.u48(gap.samplesThrough);
  writer.u48(gap.firstWallMs);
  writer.u48(gap.lastWallMs);
  return writer.copy();
}

/**
 * Reads a gap record's body. Whether `to` fits the record's own number is for the reader of the record to judge.
 * @throws AppError RECORD_UNDECODABLE
 */
export function decodeGap(body: Buffer): Gap {
  const reader = new ByteReader(body);
  const to = reader.u48();
  const reason = reader.u8();
  const flags = reader.u8();
  if (flags > 1) throw new AppError('RECORD_UNDECODABLE', `gap flags ${flags} are unknown`);
  const gap = {
    to,
    reason,
    isEstimated: flags === 1,
    ticksThrough: reader.u48(),
    samplesThrough: reader.u48(),
    firstWallMs: reader.u48(),
    lastWallMs: reader.u48(),
  };
  reader.expectEnd();
  return gap;
}
