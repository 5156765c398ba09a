/**
 * Hostile bytes against every parser of the protocol. A run of other length or seed:
 * `ROLLCALL_FUZZ_CASES=1000000 ROLLCALL_FUZZ_SEED=7 npx vitest run --project unit shared/src/protocol/fuzz.test.ts`
 */
import { describe, expect, it } from 'vitest';
import { describeError, type ErrorCode } from '../lib/errors.ts';
import { ByteWriter } from '../lib/varint.ts';
import { mutate, repairFrame, repairRecord, seededRandom } from '../testing/mutate.ts';
import { thrownCode } from '../testing/thrown.ts';
import { EXAMPLE_SCHEMA, WIRE_EXAMPLES, type WireExample } from '../testing/wire-examples.ts';
import { decodeFrame } from './frame.ts';
import { decodeGap } from './gap.ts';
import { decodeHello } from './handshake.ts';
import { parseJsonObject } from './json.ts';
import { LIMITS } from './limits.ts';
import { decodeRecord } from './record.ts';
import { decodeSamples } from './samples.ts';
import { createSchema, decodeSchemaBody } from './schema.ts';

const CASES = Number(process.env['ROLLCALL_FUZZ_CASES'] ?? 10_000);
const SEED = Number(process.env['ROLLCALL_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

/** What parsers may say; everything else is a bug of theirs. */
const DOCUMENTED: ReadonlySet<ErrorCode | undefined> = new Set([
  undefined,
  'PROTOCOL_ERROR',
  'FRAME_CRC',
  'RECORD_CORRUPT',
  'RECORD_UNDECODABLE',
  'LIMIT_EXCEEDED',
]);

/** Fails with the seed and the bytes unless `decode` reads the bytes or refuses them as documented. */
function check(name: string, bytes: Buffer, decode: (bytes: Buffer) => unknown): ErrorCode | undefined {
  try {
    const code = thrownCode(() => decode(bytes));
    if (DOCUMENTED.has(code)) return code;
    throw new Error(`the code ${code} is not documented for parsers`);
  } catch (error) {
    const input = bytes.toString('hex', 0, 2_000);
    throw new Error(`${name}, seed ${SEED}, bytes ${input}: ${describeError(error)}`, { cause: error });
  }
}

function repairOf({ name }: WireExample): (bytes: Buffer) => Buffer {
  if (name.startsWith('enroll') || name === 'columns') return (bytes) => bytes;
  return name.startsWith('record') ? repairRecord : repairFrame;
}

describe('parsers', () => {
  it('read or refuse valid bytes with small changes, and nothing else happens', () => {
    const random = seededRandom(SEED);
    const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
    const outcomes = new Map<ErrorCode | undefined, number>();
    for (let i = 0; i < CASES; i++) {
      const example = pick(WIRE_EXAMPLES);
      const other = pick(WIRE_EXAMPLES);
      if (example === undefined || other === undefined) throw new Error('no examples');
      const changed = mutate(example.bytes, other.bytes, random);
      const bytes = random() < 0.9 ? repairOf(example)(changed) : changed;
      const code = check(example.name, bytes, example.decode);
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    }
    // A fuzzer that never gets past the checksums, or always does, tests nothing.
    for (const code of DOCUMENTED)
      expect(outcomes.get(code) ?? 0, `${code}, seed ${SEED}`).toBeGreaterThan(0);
  });

  it('read or refuse random bytes', () => {
    const random = seededRandom(SEED);
    const parsers: readonly (readonly [string, (bytes: Buffer) => unknown])[] = [
      ['frame', decodeFrame],
      ['record', (bytes) => decodeRecord(bytes, 0)],
      ['samples', (bytes) => decodeSamples(bytes, () => EXAMPLE_SCHEMA)],
      ['schema', decodeSchemaBody],
      ['gap', decodeGap],
      ['hello', decodeHello],
      ['json', parseJsonObject],
    ];
    const readable = new Set<string>();
    for (let i = 0; i < CASES / 20; i++) {
      const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 200) }, () => random() * 256));
      // Small numbers get further than uniform ones.
      const small = bytes.map((byte) => (byte < 64 ? byte : byte % 5));
      for (const [name, parse] of parsers) {
        check(name, bytes, parse);
        if (check(name, Buffer.from(small), parse) === undefined) readable.add(name);
      }
    }
    // Whatever has a checksum, a signature or a syntax is not hit by chance.
    expect([...readable].filter((name) => name !== 'samples' && name !== 'gap')).toEqual([]);
  });
});

describe('the worst that fits into the limits', () => {
  const wide = createSchema({
    sampler: 'wide',
    intervalMs: 1_000,
    metrics: [
      {
        name: 'm',
        unit: '',
        type: 'gauge',
        encoding: 'float64',
        scale: 0,
        labelNames: ['i'],
        series: Array.from({ length: LIMITS.seriesPerSchema }, (_unused, i) => [`${i}`]),
      },
    ],
  });
  const writer = new ByteWriter();

  /** 64 blocks of 2,000 series that are all absent: 250 bytes each for what could be 16 KB in memory. */
  function absentBlocks(): Buffer {
    writer.reset();
    writer.varint(LIMITS.blocksPerRecord);
    for (let i = 0; i < LIMITS.blocksPerRecord; i++) {
      writer.varint(1);
      writer.varint(252);
      writer.bytes(Buffer.alloc(252));
    }
    return writer.copy();
  }

  /** As many labels as there is room for. */
  function fullSchema(): Buffer {
    writer.reset();
    writer.varint(1);
    writer.u8(1);
    writer.text('s');
    writer.varint(1_000);
    writer.varint(1);
    writer.text('m');
    writer.text('');
    writer.bytes(Uint8Array.of(1, 1, 0, 1));
    writer.text('i');
    writer.varint(2_000);
    for (let i = 0; i < 2_000; i++) writer.text(`${i}`.padStart(255, '0'));
    return writer.copy();
  }

  it.each<readonly [string, () => unknown]>([
    ['blocks of absent values', () => decodeSamples(absentBlocks(), () => wide)],
    ['a schema of 2,000 long labels', () => decodeSchemaBody(fullSchema())],
    ['JSON of empty lists', () => parseJsonObject(Buffer.from(`{"a":[${'[],'.repeat(21_000)}0]}`))],
    ['JSON of keys', () => parseJsonObject(Buffer.from(`{${'"a":0,'.repeat(10_000)}"b":0}`))],
    ['JSON of brackets', () => thrownCode(() => parseJsonObject(Buffer.from('['.repeat(65_536))))],
    [
      'a text of varints that never end',
      () => thrownCode(() => decodeSchemaBody(Buffer.alloc(524_288, 0xff))),
    ],
  ])('is read in no time: %s', (_name, read) => {
    const startMs = performance.now();
    read();
    // Some milliseconds in fact; the rest is for a machine that is busy with other things.
    expect(performance.now() - startMs).toBeLessThan(500);
  });

  it('takes no more memory than an agent may have series', () => {
    const blocks = decodeSamples(absentBlocks(), () => wide);
    const values = blocks.filter((block) => block.kind === 'values');
    expect(values).toHaveLength(LIMITS.seriesPerAgent / LIMITS.seriesPerSchema);
    expect(new Set(values.map((block) => block.values.buffer)).size).toBe(1);
    expect(values[0]?.values.buffer.byteLength).toBe(LIMITS.seriesPerAgent * 8);
  });
});
