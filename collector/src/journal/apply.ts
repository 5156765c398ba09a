/**
 * The table of answers (docs/protocol.md, "Exactly-once apply"): what becomes of a record that arrives. Pure: it looks
 * at the lane and at the record, and changes nothing.
 */
import { AppError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { decodeGap, type Gap } from '@rollcall/shared/protocol/gap.ts';
import { parseJsonObject } from '@rollcall/shared/protocol/json.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { RECORD_KIND, recordBody, type WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { FailedBlock } from '@rollcall/shared/protocol/samples.ts';
import { splitSchemaBody, type HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { surveySamples, type SurveyedBlock } from '@rollcall/shared/protocol/survey.ts';
import type { Lane } from './lane.ts';
import { JOURNAL_LIMITS } from './limits.ts';
import type { SchemaCache } from './schema-cache.ts';
import { allocateValues } from './values.ts';

export type Verdict =
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly text: string }
  | Rejection
  | { readonly kind: 'gap'; readonly gap: Gap; readonly lostTicks: number; readonly lostSamples: number }
  | { readonly kind: 'schema'; readonly number: number; readonly schema: HashedSchema }
  | SamplesVerdict
  /** An event, a probe or an inventory change: stored as it is. */
  | { readonly kind: 'other' };

interface Rejection {
  readonly kind: 'rejected';
  readonly code: ErrorCode;
  readonly text: string;
  readonly ticks: number;
  readonly samples: number;
  /** Whether `samples` is what the agent counts. */
  readonly isExact: boolean;
}

interface SamplesVerdict {
  readonly kind: 'samples';
  /** The record's body, inflated. */
  readonly body: Buffer;
  readonly blocks: readonly (SurveyedBlock | FailedBlock)[];
  readonly samples: number;
  readonly refusedBlocks: number;
  /** Largest distance of a block's reading from the record's time. */
  readonly offsetMsMax: number;
}

/** Our own clock; see ClockGuard. */
export interface ReceiveTime {
  readonly nowMs: number;
  readonly isTrusted: boolean;
}

/** What is known besides the lane. */
export interface JudgeContext {
  readonly received: ReceiveTime;
  /** When the record was taken; its wall clock may have been wrong. */
  readonly takenMs: number;
  /** Of all hosts. */
  readonly schemas: SchemaCache;
}

/** What to do with `record`; the numbers of the comments are the rows of the table. */
export function judge(lane: Lane, record: WireRecord, context: JudgeContext): Verdict {
  const { watermark } = lane.mark;
  const { seq } = record;
  if (seq < 1) return refused('PROTOCOL_ERROR', 'record number 0'); // 1
  if (seq <= watermark) {
    const crc = lane.crcOf(seq);
    if (crc === undefined || crc === record.crc) return { kind: 'duplicate' }; // 3, 5
    return refused('SEQ_CONFLICT', `record ${seq} differs from the one that is stored under this number`); // 4
  }
  if (seq > watermark + 1) {
    return refused('SEQ_HOLE', `record ${seq} came after record ${watermark}`); // 6
  }
  try {
    return judgeBody(lane, record, context); // 7, 8, 9
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return rejected(
      record,
      error.code === 'LIMIT_EXCEEDED' ? error.code : 'RECORD_UNDECODABLE',
      error.message,
    );
  }
}

function judgeBody(lane: Lane, record: WireRecord, context: JudgeContext): Verdict {
  switch (record.kind) {
    case RECORD_KIND.GAP:
      return judgeGap(lane, record);
    case RECORD_KIND.SCHEMA:
      return judgeSchema(lane, record, context.schemas);
    case RECORD_KIND.SAMPLES:
      return judgeSamples(lane, record, context);
    case RECORD_KIND.EVENT:
      return judgeJson(lane, record, context, LIMITS.eventBytes);
    case RECORD_KIND.PROBE:
      return judgeJson(lane, record, context, JOURNAL_LIMITS.probeBytes);
    case RECORD_KIND.INVENTORY_CHANGE:
      return judgeJson(lane, record, context, JOURNAL_LIMITS.inventoryChangeBytes);
    default:
      return rejected(record, 'UNKNOWN_KIND', `record kind ${record.kind} is unknown`);
  }
}

function judgeGap(lane: Lane, record: WireRecord): Verdict {
  const gap = decodeGap(recordBody(record));
  if (gap.to < record.seq || gap.to >= record.seq + LIMITS.gapNumbers) {
    return rejected(record, 'LIMIT_EXCEEDED', `gap from ${record.seq} to ${gap.to} is not allowed`);
  }
  return {
    kind: 'gap',
    gap,
    lostTicks: Math.max(0, gap.ticksThrough - lane.mark.ticks),
    lostSamples: Math.max(0, gap.samplesThrough - lane.mark.samples),
  };
}

function judgeSchema(lane: Lane, record: WireRecord, schemas: SchemaCache): Verdict {
  const { number, bytes } = splitSchemaBody(recordBody(record));
  const schema = schemas.decode(bytes, lane.origin);
  const known = lane.schemaNumber(number);
  if (known !== undefined && known.schema.hash !== schema.hash) {
    // Decoding blocks by the wrong schema would store wrong values; a new epoch starts with fresh numbers.
    return refused('SEQ_CONFLICT', `schema number ${number} already stands for another schema`);
  }
  if (lane.origin === 'agent') {
    const others = lane.inForceBesides(schema.sampler);
    if (others.samplers + 1 > LIMITS.schemasPerEpoch) {
      return rejected(record, 'LIMIT_EXCEEDED', `more than ${LIMITS.schemasPerEpoch} schemas in force`);
    }
    if (others.series + schema.seriesCount > LIMITS.seriesPerAgent) {
      const series = others.series + schema.seriesCount;
      return rejected(
        record,
        'LIMIT_EXCEEDED',
        `schema of sampler ${schema.sampler} would make ${series} series, at most ${LIMITS.seriesPerAgent} are allowed`,
      );
    }
  }
  return { kind: 'schema', number, schema };
}

function judgeSamples(lane: Lane, record: WireRecord, context: JudgeContext): Verdict {
  const schemaOf = (number: number) => lane.schemaNumber(number)?.schema;
  const body = recordBody(record);
  const found = surveySamples(body, schemaOf, allocateValues);
  const blocks: (SurveyedBlock | FailedBlock)[] = [];
  let samples = 0;
  let offsetMsMax = 0;
  for (const block of found) {
    if (block.kind === 'unknown') continue;
    offsetMsMax = Math.max(offsetMsMax, Math.abs(block.offsetMs));
    if (block.kind === 'values') samples += block.samples;
    blocks.push(block);
  }
  if (offsetMsMax > JOURNAL_LIMITS.blockOffsetMs) {
    return rejected(record, 'LIMIT_EXCEEDED', `a block was read ${offsetMsMax} ms from its record's time`);
  }
  const refusedBlocks = found.length - blocks.length;
  if (isOutside(lane, context)) {
    const text = timeText(context);
    const isExact = refusedBlocks === 0;
    return { kind: 'rejected', code: 'TIME_OUT_OF_WINDOW', text, ticks: 1, samples, isExact };
  }
  return { kind: 'samples', body, blocks, samples, refusedBlocks, offsetMsMax };
}

function judgeJson(lane: Lane, record: WireRecord, context: JudgeContext, bytesMax: number): Verdict {
  parseJsonObject(recordBody(record), bytesMax);
  if (isOutside(lane, context)) {
    return rejected(record, 'TIME_OUT_OF_WINDOW', timeText(context));
  }
  return { kind: 'other' };
}

function isOutside(lane: Lane, { takenMs, received: { nowMs, isTrusted } }: JudgeContext): boolean {
  // What the collector stores itself may be as old as whoever pushed it says.
  if (!isTrusted || lane.origin === 'collector') return false;
  return takenMs < nowMs - LIMITS.recordAgeMs || takenMs > nowMs + LIMITS.recordFutureMs;
}

function timeText({ takenMs, received: { nowMs } }: JudgeContext): string {
  return `record time ${takenMs} is ${takenMs - nowMs} ms from the collector's`;
}

function refused(code: ErrorCode, text: string): Verdict {
  return { kind: 'refused', code, text };
}

function rejected(record: WireRecord, code: ErrorCode, text: string): Verdict {
  const ticks = record.kind === RECORD_KIND.SAMPLES ? 1 : 0;
  return { kind: 'rejected', code, text, ticks, samples: 0, isExact: ticks === 0 };
}
