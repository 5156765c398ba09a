/**
 * Looks a samples body through as the decoder does, and puts the values off: whoever takes records in must refuse what
 * cannot be decoded, but seldom wants to know what the values are. It accepts exactly what `decodeSamples` accepts.
 */
import { AppError } from '../lib/errors.ts';
import { ByteReader } from '../lib/varint.ts';
import { LIMITS } from './limits.ts';
import {
  BLOCK_FLAG,
  countSeries,
  INTEGER_MAX,
  readBlock,
  type FailedBlock,
  type UnknownBlock,
  type ValuesBlock,
} from './samples.ts';
import type { Schema } from './schema.ts';

/** Memory for so many values, of any content; whoever gets it keeps it. */
export type AllocateValues = (count: number) => Float64Array<ArrayBuffer>;

/**
 * The largest difference that fits into so many bytes. Longer ones are left to the decoder.
 */
const DIFFERENCE_MAX = [0, 1, 2, 3, 4, 5, 6, 7].map((bytes) => 2 ** (7 * bytes - 1));

/** A block that was found to be decodable. Its values are decoded when they are first asked for, and then kept. */
export class SurveyedBlock implements ValuesBlock {
  readonly kind = 'values';
  readonly schemaNumber: number;
  readonly schema: Schema;
  readonly offsetMs: number;
  /** How many series have a value. */
  readonly samples: number;
  readonly #body: Buffer;
  readonly #start: number;
  readonly #allocate: AllocateValues;
  #decoded: Pick<ValuesBlock, 'values' | 'present' | 'errors'> | undefined;

  /** @param place the body, and where the block stands in it, behind its length; `body` must not change afterwards */
  constructor(
    head: Pick<SurveyedBlock, 'schemaNumber' | 'schema' | 'offsetMs' | 'samples'>,
    place: { readonly body: Buffer; readonly start: number; readonly allocate: AllocateValues },
  ) {
    this.schemaNumber = head.schemaNumber;
    this.schema = head.schema;
    this.offsetMs = head.offsetMs;
    this.samples = head.samples;
    this.#body = place.body;
    this.#start = place.start;
    this.#allocate = place.allocate;
  }

  get values(): Float64Array {
    return this.#decode().values;
  }

  get present(): Uint8Array | undefined {
    return this.#decode().present;
  }

  get errors(): ValuesBlock['errors'] {
    return this.#decode().errors;
  }

  #decode(): Pick<ValuesBlock, 'values' | 'present' | 'errors'> {
    if (this.#decoded !== undefined) return this.#decoded;
    const { schemaNumber, schema } = this;
    const reader = new ByteReader(this.#body);
    reader.seek(this.#start);
    const values = this.#allocate(schema.seriesCount);
    const block = readBlock(reader, { schemaNumber, schema, values });
    if (block.kind !== 'values') throw new TypeError('the body of a surveyed block has changed');
    this.#decoded = { values, present: block.present, errors: block.errors };
    return this.#decoded;
  }
}

/**
 * Checks a samples body as `decodeSamples` reads it, with the same result but that values wait until they are asked for.
 * Costs a tenth of decoding where all series of a block are integers without errors, which is nearly everywhere.
 * @param body kept by the blocks; must not change afterwards
 * @param allocate as for `decodeSamples`; called when values are asked for
 * @throws AppError RECORD_UNDECODABLE, with the message of `decodeSamples`
 */
export function surveySamples(
  body: Buffer,
  schemaOf: (schemaNumber: number) => Schema | undefined,
  allocate: AllocateValues = (count) => new Float64Array(count),
): (SurveyedBlock | FailedBlock | UnknownBlock)[] {
  const reader = new ByteReader(body);
  let seriesLeft = countSeries(reader, schemaOf);
  reader.seek(0);
  const blocks: (SurveyedBlock | FailedBlock | UnknownBlock)[] = [];
  for (let count = reader.varint(); count > 0; count--) {
    const schemaNumber = reader.varint();
    const length = reader.varint();
    const start = reader.offset;
    const schema = schemaOf(schemaNumber);
    if (schema === undefined || schema.seriesCount > seriesLeft) {
      reader.skip(length);
      blocks.push({ kind: 'unknown', schemaNumber });
      continue;
    }
    seriesLeft -= schema.seriesCount;
    const head = { schemaNumber, schema };
    const found = scanBlock(reader, head, start + length) ?? tryBlock(reader, head, start);
    if (reader.offset !== start + length) {
      throw new AppError('RECORD_UNDECODABLE', `length of the block of schema ${schemaNumber} is wrong`);
    }
    if ('kind' in found) blocks.push(found);
    else blocks.push(new SurveyedBlock({ ...head, ...found }, { body, start, allocate }));
  }
  return blocks;
}

interface Head {
  readonly schemaNumber: number;
  readonly schema: Schema;
}

type Found = Pick<SurveyedBlock, 'offsetMs' | 'samples'>;

/** What a block of integers holds, with the reader behind it; undefined for every block that needs a closer look. */
function scanBlock(reader: ByteReader, { schema }: Head, end: number): Found | undefined {
  if (!hasOnlyIntegers(schema)) return undefined;
  const flags = reader.u8();
  if ((flags & ~BLOCK_FLAG.ALL_PRESENT) !== 0) return undefined;
  const offsetMs = reader.zigzag();
  const { seriesCount } = schema;
  let at = reader.offset;
  let samples = seriesCount;
  if (flags === 0) {
    if (end - at < Math.ceil(seriesCount / 8)) return undefined;
    samples = presentIn(reader.source, at, seriesCount);
    at += Math.ceil(seriesCount / 8);
  }
  if (!areDifferences(reader.source, { at, end, count: samples })) return undefined;
  reader.seek(end);
  return { offsetMs, samples };
}

/** Bits that are set among the first `count` of a bitmap. */
function presentIn(bytes: Uint8Array, offset: number, count: number): number {
  let present = 0;
  for (let i = 0; i < count; i++) present += ((bytes[offset + (i >> 3)] ?? 0) >> (i & 7)) & 1;
  return present;
}

/**
 * Whether the bytes up to `end` are `count` differences, each in its shortest form, that cannot add up to more than an
 * integer may have: then nobody needs to add them. False when in doubt.
 */
function areDifferences(
  bytes: Uint8Array,
  { at: start, end, count }: { readonly at: number; readonly end: number; readonly count: number },
): boolean {
  if (end > bytes.length) return false;
  let ends = 0;
  let length = 0;
  let magnitudeMax = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    length++;
    if (byte > 0x7f) continue;
    if (byte === 0 && length > 1) return false;
    magnitudeMax += DIFFERENCE_MAX[length] ?? Number.POSITIVE_INFINITY;
    ends++;
    length = 0;
  }
  return length === 0 && ends === count && magnitudeMax <= INTEGER_MAX;
}

const scratch = new Float64Array(LIMITS.seriesPerSchema);

/** Decodes a block to see whether that works. */
function tryBlock(reader: ByteReader, { schemaNumber, schema }: Head, start: number): Found | FailedBlock {
  reader.seek(start);
  const { seriesCount } = schema;
  const values = scratch.subarray(0, seriesCount);
  const block = readBlock(reader, { schemaNumber, schema, values });
  if (block.kind === 'failed') return block;
  const { offsetMs, present } = block;
  let samples = seriesCount;
  if (present !== undefined) samples = present.reduce((sum, bit) => sum + bit, 0);
  return { offsetMs, samples };
}

const onlyIntegers = new WeakMap<Schema, boolean>();

function hasOnlyIntegers(schema: Schema): boolean {
  let known = onlyIntegers.get(schema);
  if (known === undefined) {
    known = schema.metrics.every(({ encoding }) => encoding === 'integer');
    onlyIntegers.set(schema, known);
  }
  return known;
}
