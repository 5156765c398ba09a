/**
 * Runs of integers as the file has them. What is left of each integer after a prediction is split in two: its upper bits
 * make a byte, which zstd compresses, and its lower bits, which are noise, are packed as they are. The split is chosen so
 * that the bytes of every noisy column are distributed alike, because all of a part share one entropy table.
 */
import { damaged } from './block-file.ts';
import { bitsLength, packBits, unpackBits } from './bits.ts';
import type { ChunkReader, ChunkWriter } from './chunk.ts';
import { Scratch } from './scratch.ts';

/**
 * How an integer is predicted: it is the one before plus `expected`; or plus the difference before; or `expected` itself.
 */
const METHOD = { CONSTANT: 0, DELTA: 1, DOUBLE_DELTA: 2, LEVEL: 3 } as const;
type Method = (typeof METHOD)[keyof typeof METHOD];
const METHOD_MASK = 3;
/** Most residues are zero: only the others are written, with the number of zeros before each. */
const FLAG_SPARSE = 4;
/** All differences are multiples of a number. */
const FLAG_DIVISOR = 8;

/** Differences of two integers, and of two differences, stay exact. */
const OFFSET_MAX = 2 ** 51 - 1;
/** Residues above this could not be zig-zagged exactly. */
const RESIDUE_MAX = 2 ** 52 - 1;
/** Mean magnitude of what goes into the byte; a larger one leaves too few bytes for outliers. */
const BYTE_MEAN = 32;
/** This byte says that more follows among the escapes. */
const ESCAPE = 255;
const SPARSE_RATIO = 0.5;
const WIDTH_MAX = 48;

interface Prediction {
  readonly method: Method;
  readonly expected: number;
  /** Of the magnitudes of the residues. */
  readonly sum: number;
}

/** Whether `writeIntegers` takes them: their differences from the first are not too large. */
export function areNear(integers: Float64Array): boolean {
  const first = integers[0] ?? 0;
  for (let i = 1; i < integers.length; i++) {
    if (Math.abs((integers[i] ?? 0) - first) > OFFSET_MAX) return false;
  }
  return true;
}

const offsetsMemory = new Scratch();
const residuesMemory = new Scratch();
const othersMemory = new Scratch();
const lowsMemory = new Scratch();

/** @param integers at least one; safe integers that are `areNear` */
export function writeIntegers(writer: ChunkWriter, integers: Float64Array): void {
  const { bytes } = writer;
  const first = integers[0] ?? 0;
  if (isConstant(integers)) {
    bytes.u8(METHOD.CONSTANT);
    bytes.zigzag(first);
    return;
  }
  const { length } = integers;
  const offsets = offsetsMemory.take(length);
  for (let i = 0; i < length; i++) offsets[i] = (integers[i] ?? 0) - first;
  const divisor = commonDivisor(offsets);
  if (divisor > 1) for (let i = 1; i < length; i++) offsets[i] = (offsets[i] ?? 0) / divisor;
  const { residues, zeros, method, expected, sum } = leastResidues(offsets);
  const isSparse = zeros > residues.length * (1 - SPARSE_RATIO);
  bytes.u8(method | (isSparse ? FLAG_SPARSE : 0) | (divisor > 1 ? FLAG_DIVISOR : 0));
  bytes.zigzag(first);
  if (divisor > 1) bytes.varint(divisor);
  bytes.zigzag(expected);
  const written = isSparse ? writeGaps(writer, residues, residues.length - zeros) : residues;
  writeSplit(writer, written, sum / written.length);
}

function isConstant(integers: Float64Array): boolean {
  const first = integers[0];
  for (let i = 1; i < integers.length; i++) if (integers[i] !== first) return false;
  return true;
}

/**
 * Reads what `writeIntegers` wrote.
 * @param count at least 1
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function readIntegers(reader: ChunkReader, count: number): Float64Array {
  const { bytes } = reader;
  const head = bytes.u8();
  const method = head & METHOD_MASK;
  const first = bytes.zigzag();
  if (head > (METHOD_MASK | FLAG_SPARSE | FLAG_DIVISOR)) throw damaged(`method ${head} is unknown`);
  if (method === METHOD.CONSTANT) return new Float64Array(count).fill(first);
  const divisor = (head & FLAG_DIVISOR) === 0 ? 1 : bytes.varint();
  const expected = bytes.zigzag();
  const integers = new Float64Array(count);
  // The residues stand where the integers will, from the second on.
  if ((head & FLAG_SPARSE) === 0) readSplit(reader, integers.subarray(1));
  else readSparse(reader, integers.subarray(1));
  integers[0] = first;
  integrate(integers, { method, expected, divisor });
  return integers;
}

/** The greatest number that all offsets are multiples of. */
function commonDivisor(offsets: Float64Array): number {
  let divisor = 0;
  for (let i = 1; i < offsets.length; i++) {
    const offset = offsets[i] ?? 0;
    // The quotient of integers below 2^52 is rounded to an integer only when it is one.
    if (divisor > 0 && Number.isInteger(offset / divisor)) continue;
    let rest = Math.abs(offset);
    while (rest !== 0) {
      const before = rest;
      rest = divisor % rest;
      divisor = before;
    }
    if (divisor === 1) return 1;
  }
  return divisor;
}

/** What a prediction leaves; the first offset is 0 and is not predicted. */
interface Residues extends Prediction {
  readonly residues: Float64Array;
  /** How many of them are zero. */
  readonly zeros: number;
}

/** The residues of the best prediction that leaves none too large. */
function leastResidues(offsets: Float64Array): Residues {
  let predictions = predict(offsets);
  for (;;) {
    const [one] = predictions;
    if (one === undefined) break;
    // Of equals the first stays first: no slope makes the zeros of a sparse column.
    const best = predictions.reduce((least, other) => (other.sum < least.sum ? other : least), one);
    const found = residuesOf(offsets, best);
    if (found !== undefined) return found;
    predictions = predictions.filter((other) => other !== best);
  }
  throw new Error('unreachable: differences from a level within the offsets are never too large');
}

/** The predictions that there are, with the sizes of the residues that they leave. */
function predict(offsets: Float64Array): readonly Prediction[] {
  const { length } = offsets;
  const slope = Math.round((offsets[length - 1] ?? 0) / (length - 1));
  const firstDelta = offsets[1] ?? 0;
  let sum = 0;
  for (let i = 1; i < length; i++) sum += offsets[i] ?? 0;
  const level = Math.round(sum / (length - 1));
  let deltaSum = 0;
  let slopeSum = 0;
  let doubleSum = 0;
  let levelSum = 0;
  let before = 0;
  let deltaBefore = firstDelta;
  for (let i = 1; i < length; i++) {
    const offset = offsets[i] ?? 0;
    const delta = offset - before;
    deltaSum += Math.abs(delta);
    slopeSum += Math.abs(delta - slope);
    doubleSum += Math.abs(delta - deltaBefore);
    levelSum += Math.abs(offset - level);
    before = offset;
    deltaBefore = delta;
  }
  return [
    { method: METHOD.DELTA, expected: 0, sum: deltaSum },
    { method: METHOD.DELTA, expected: slope, sum: slopeSum },
    { method: METHOD.DOUBLE_DELTA, expected: firstDelta, sum: doubleSum },
    { method: METHOD.LEVEL, expected: level, sum: levelSum },
  ];
}

/** Undefined when one of them is too large to be exact. */
function residuesOf(offsets: Float64Array, prediction: Prediction): Residues | undefined {
  const { method, expected } = prediction;
  const residues = residuesMemory.take(offsets.length - 1);
  let zeros = 0;
  let sizeMax = 0;
  let before = 0;
  let delta = expected;
  for (let i = 0; i < residues.length; i++) {
    const offset = offsets[i + 1] ?? 0;
    const residue = method === METHOD.LEVEL ? offset - expected : offset - before - delta;
    if (method === METHOD.DOUBLE_DELTA) delta = offset - before;
    before = offset;
    residues[i] = residue;
    if (residue === 0) zeros++;
    sizeMax = Math.max(sizeMax, Math.abs(residue));
  }
  return sizeMax > RESIDUE_MAX ? undefined : { ...prediction, residues, zeros };
}

/** Turns residues, in place, into integers; the first integer stands there already. */
function integrate(
  integers: Float64Array,
  how: { readonly method: number; readonly expected: number; readonly divisor: number },
): void {
  const { method, expected, divisor } = how;
  const first = integers[0] ?? 0;
  if (method === METHOD.LEVEL) {
    for (let i = 1; i < integers.length; i++) {
      integers[i] = first + ((integers[i] ?? 0) + expected) * divisor;
    }
    return;
  }
  let offset = 0;
  let delta = expected;
  if (method === METHOD.DELTA) {
    for (let i = 1; i < integers.length; i++) {
      offset += (integers[i] ?? 0) + expected;
      integers[i] = first + offset * divisor;
    }
    return;
  }
  for (let i = 1; i < integers.length; i++) {
    delta += integers[i] ?? 0;
    offset += delta;
    integers[i] = first + offset * divisor;
  }
}

/** Writes how many zeros stand before each other residue, and gives the others. */
function writeGaps({ bytes }: ChunkWriter, residues: Float64Array, otherCount: number): Float64Array {
  const others = othersMemory.take(otherCount);
  bytes.varint(otherCount);
  let gap = 0;
  let at = 0;
  for (let i = 0; i < residues.length; i++) {
    const residue = residues[i] ?? 0;
    if (residue === 0) {
      gap++;
    } else {
      bytes.varint(gap);
      gap = 0;
      others[at++] = residue;
    }
  }
  return others;
}

/** Fills the places of residues that are not zero. */
function readSparse(reader: ChunkReader, residues: Float64Array): void {
  const { bytes } = reader;
  const otherCount = bytes.varint();
  if (otherCount > residues.length) throw damaged('more residues than rows');
  const places = new Uint32Array(otherCount);
  let at = -1;
  for (let i = 0; i < otherCount; i++) {
    at += bytes.varint() + 1;
    if (at >= residues.length) throw damaged('a residue behind the last row');
    places[i] = at;
  }
  const others = new Float64Array(otherCount);
  readSplit(reader, others);
  for (let i = 0; i < otherCount; i++) residues[places[i] ?? 0] = others[i] ?? 0;
}

/** Writes residues as bytes, escapes for what a byte does not hold, and noise. */
function writeSplit({ bytes, noise }: ChunkWriter, residues: Float64Array, mean: number): void {
  let width = 0;
  while (mean > BYTE_MEAN * 2 ** width && width < WIDTH_MAX) width++;
  const step = 2 ** width;
  const count = residues.length;
  const escapes: number[] = [];
  const lows = lowsMemory.take(width === 0 ? 0 : count);
  bytes.u8(width);
  const heads = bytes.room(count);
  for (let i = 0; i < count; i++) {
    const residue = residues[i] ?? 0;
    const folded = residue < 0 ? -2 * residue - 1 : 2 * residue;
    const head = width === 0 ? folded : Math.floor(folded / step);
    if (width > 0) lows[i] = folded - head * step;
    if (head < ESCAPE) {
      heads[i] = head;
    } else {
      heads[i] = ESCAPE;
      escapes.push(head - ESCAPE);
    }
  }
  for (const escape of escapes) bytes.varint(escape);
  if (width > 0) packBits(lows, width, noise.room(bitsLength(count, width)));
}

/** Fills `residues` with what `writeSplit` wrote. */
function readSplit(reader: ChunkReader, residues: Float64Array): void {
  const { bytes } = reader;
  const count = residues.length;
  const width = bytes.u8();
  if (width > WIDTH_MAX) throw damaged(`packed integers of ${width} bits`);
  const heads = bytes.bytes(count);
  if (width === 0) {
    for (let i = 0; i < count; i++) {
      const head = heads[i] ?? 0;
      residues[i] = head < ESCAPE ? (head >> 1) ^ -(head & 1) : unfold(ESCAPE + bytes.varint());
    }
    return;
  }
  const step = 2 ** width;
  const lows = unpackBits(reader.noise(bitsLength(count, width)), count, width);
  for (let i = 0; i < count; i++) {
    const head = heads[i] ?? 0;
    const whole = head < ESCAPE ? head : ESCAPE + bytes.varint();
    residues[i] = unfold(whole * step + (lows[i] ?? 0));
  }
}

/** Undoes the zig-zag of an integer that may be larger than 32 bits. */
function unfold(folded: number): number {
  return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
}
