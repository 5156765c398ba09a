import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeError } from '../lib/errors.ts';
import { ByteWriter } from '../lib/varint.ts';
import { arbitraryTick } from '../testing/arbitrary.ts';
import { mutate, seededRandom } from '../testing/mutate.ts';
import { thrownCode } from '../testing/thrown.ts';
import { LIMITS } from './limits.ts';
import {
  decodeSamples,
  encodeSamples,
  INTEGER_MAX,
  type FailedBlock,
  type UnknownBlock,
  type ValuesBlock,
} from './samples.ts';
import { createSchema, type HashedSchema, type Schema } from './schema.ts';
import { SurveyedBlock, surveySamples } from './survey.ts';

type SchemaOf = (schemaNumber: number) => Schema | undefined;

function integers(count: number): HashedSchema {
  const series = Array.from({ length: count }, (_unused, i) => [`${i}`.padStart(6, '0')]);
  const metric = { name: 'm', unit: '', type: 'gauge', encoding: 'integer', scale: 0 } as const;
  return createSchema({
    sampler: 'test',
    intervalMs: 1_000,
    metrics: [{ ...metric, labelNames: ['i'], series }],
  });
}

function encoded(blocks: readonly (ValuesBlock | FailedBlock)[]): Buffer {
  const writer = new ByteWriter(8);
  encodeSamples(writer, blocks);
  return writer.copy();
}

function block(schema: Schema, values: readonly number[]): ValuesBlock {
  const rest = { offsetMs: 0, present: undefined, errors: [] };
  return { kind: 'values', schemaNumber: 1, schema, values: Float64Array.from(values), ...rest };
}

/** A body with one block of integers, its differences given as bytes. */
function bodyOf(...differences: readonly number[]): Buffer {
  return Buffer.from([1, 1, 2 + differences.length, 1, 0, ...differences]);
}

/** Everything that a block says, read field by field because the values of a surveyed one come from getters. */
function plain(found: ValuesBlock | FailedBlock | UnknownBlock): unknown {
  if (found.kind !== 'values') return found;
  const { kind, schemaNumber, schema, offsetMs, present, errors } = found;
  // NaN marks what is absent, where the memory may hold anything.
  const values = found.values.map((value, i) => (present === undefined || present[i] === 1 ? value : NaN));
  return { kind, schemaNumber, schema, offsetMs, values, present, errors };
}

function outcome(read: () => readonly (ValuesBlock | FailedBlock | UnknownBlock)[]): unknown {
  try {
    return read().map(plain);
  } catch (error) {
    return describeError(error);
  }
}

function expectSame(body: Buffer, schemaOf: SchemaOf): void {
  expect(outcome(() => surveySamples(body, schemaOf))).toEqual(outcome(() => decodeSamples(body, schemaOf)));
}

describe('a survey', () => {
  it('finds what the decoder finds, whatever the values are', () => {
    fc.assert(
      fc.property(arbitraryTick, (blocks) => {
        const schemas = new Map(
          blocks.map((one) => [one.schemaNumber, 'schema' in one ? one.schema : undefined]),
        );
        const schemaOf: SchemaOf = (number) => schemas.get(number);
        const body = encoded(blocks);
        expect(outcome(() => surveySamples(body, schemaOf))).toEqual(
          outcome(() => decodeSamples(body, schemaOf)),
        );
      }),
    );
  });

  it('refuses what the decoder refuses, with the same words', () => {
    const schema = integers(6);
    const schemaOf: SchemaOf = (number) => (number === 1 ? schema : undefined);
    const examples = [
      encoded([block(schema, [0, 1, 300, -5, 2 ** 40, 2 ** 51])]),
      encoded([{ ...block(schema, [1, 2, 3, 4, 5, 6]), present: Uint8Array.of(1, 0, 1, 1, 0, 1) }]),
      encoded([block(schema, [1, 1, 1, 1, 1, 1]), { kind: 'failed', schemaNumber: 1, offsetMs: 3, code: 2 }]),
    ];
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = seededRandom(seed);
    let refused = 0;
    for (let i = 0; i < 3_000; i++) {
      const body = mutate(
        examples[i % 3] ?? Buffer.alloc(0),
        examples[(i + 1) % 3] ?? Buffer.alloc(0),
        random,
      );
      try {
        expectSame(body, schemaOf);
      } catch (error) {
        throw new Error(`seed ${seed}, body ${body.toString('hex')}`, { cause: error });
      }
      if (thrownCode(() => surveySamples(body, schemaOf)) !== undefined) refused++;
    }
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(3_000);
  });

  it.each<readonly [string, Buffer]>([
    ['a difference that is longer than needed', bodyOf(0x81, 0x00)],
    ['a difference without an end', bodyOf(0x81)],
    ['one difference too few', bodyOf()],
    ['one difference too many', bodyOf(1, 1)],
    ['flags that nobody knows', Buffer.from([1, 1, 3, 9, 0, 2])],
    ['a block that ends in the next one', Buffer.from([2, 1, 2, 1, 0, 1, 3, 1, 0, 2])],
    ['no block', Buffer.from([0])],
    ['nothing', Buffer.alloc(0)],
  ])('refuses %s', (_name, body) => {
    const schema = integers(1);
    expect(thrownCode(() => surveySamples(body, () => schema))).toBe('RECORD_UNDECODABLE');
    expectSame(body, () => schema);
  });

  it('takes the largest integers, and refuses a sum of differences beyond them', () => {
    const schema = integers(2);
    expectSame(encoded([block(schema, [INTEGER_MAX, -INTEGER_MAX])]), () => schema);
    const writer = new ByteWriter(8);
    writer.zigzag(INTEGER_MAX);
    writer.zigzag(1);
    const body = bodyOf(...writer.copy());
    expect(thrownCode(() => surveySamples(body, () => schema))).toBe('RECORD_UNDECODABLE');
  });

  it('counts the values that are there', () => {
    const schema = integers(10);
    const present = Uint8Array.of(1, 0, 0, 1, 1, 0, 1, 0, 0, 1);
    const some = { ...block(schema, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), present };
    const [found] = surveySamples(encoded([some]), () => schema);
    expect(found).toMatchObject({ samples: 5, present, values: { 9: 9 } });
  });

  it('asks for memory when values are asked for, once', () => {
    const schema = integers(3);
    const asked: number[] = [];
    const allocate = (count: number): Float64Array<ArrayBuffer> => {
      asked.push(count);
      return new Float64Array(count);
    };
    const [found] = surveySamples(encoded([block(schema, [4, 5, 6])]), () => schema, allocate);
    expect(asked).toEqual([]);
    if (!(found instanceof SurveyedBlock)) throw new Error('no values');
    expect([...found.values]).toEqual([4, 5, 6]);
    expect(found.values).toBe(found.values);
    expect(asked).toEqual([3]);
  });

  it('tells series beyond those of one agent as unknown', () => {
    const schema = integers(LIMITS.seriesPerSchema);
    const six = Array.from({ length: 6 }, () => block(schema, Array<number>(LIMITS.seriesPerSchema).fill(1)));
    const kinds = surveySamples(encoded(six), () => schema).map(({ kind }) => kind);
    expect(kinds).toEqual(['values', 'values', 'values', 'values', 'values', 'unknown']);
  });
});
