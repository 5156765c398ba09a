import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { decodeSamples, encodeSamples, SAMPLE_ERROR } from '@rollcall/shared/protocol/samples.ts';
import { decodeSchema, type Schema } from '@rollcall/shared/protocol/schema.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { cleanLabel } from './label.ts';
import { Readings, SERIES_PER_SAMPLER, type SchemaValues } from './readings.ts';
import { formatValues, seriesAt } from './text.ts';

function create(): Readings {
  return new Readings({ sampler: 'test', intervalMs: 10_000 });
}

/** One tick of `node_cpu_seconds_total{cpu,mode="user"}` per pair. */
function tick(readings: Readings, values: readonly (readonly [cpu: string, value: number])[]): SchemaValues {
  readings.begin();
  for (const [cpu, value] of values) readings.add('node_cpu_seconds_total', value, cpu, 'user');
  const [part] = readings.finish();
  if (part === undefined) throw new Error('no schema');
  return part;
}

/** What a collector reads back from the wire. */
function overTheWire(parts: readonly SchemaValues[]): string[] {
  const writer = new ByteWriter();
  encodeSamples(
    writer,
    parts.map((part, i) => ({ kind: 'values', schemaNumber: i + 1, offsetMs: 0, ...part })),
  );
  const schemas: Schema[] = parts.map((part) => decodeSchema(part.schema.bytes));
  return decodeSamples(writer.copy(), (number) => schemas[number - 1]).flatMap((block) => {
    if (block.kind !== 'values') throw new Error(`block is ${block.kind}`);
    const schema = parts[block.schemaNumber - 1]?.schema;
    if (schema === undefined) throw new Error('unknown schema');
    return formatValues({ ...block, schema });
  });
}

describe('Readings', () => {
  it('brings values into the order of the schema', () => {
    const part = tick(create(), [
      ['9', 3],
      ['10', 1],
      ['2', 2],
    ]);
    expect(formatValues(part)).toEqual([
      'node_cpu_seconds_total{cpu="10",mode="user"} 1',
      'node_cpu_seconds_total{cpu="2",mode="user"} 2',
      'node_cpu_seconds_total{cpu="9",mode="user"} 3',
    ]);
  });

  it('keeps the very same schema while the same series come', () => {
    const readings = create();
    const first = tick(readings, [
      ['0', 1],
      ['1', 2],
    ]);
    const schema = first.schema;
    const second = tick(readings, [
      ['0', 3],
      ['1', 4],
    ]);
    expect(second.schema).toBe(schema);
    expect([...second.values]).toEqual([3, 4]);
  });

  it.each([
    ['a series vanishes at the end', ['0', '1'], ['0']],
    ['a series vanishes at the start', ['0', '1'], ['1']],
    ['a series appears', ['0'], ['0', '1']],
    ['all vanish', ['0'], []],
    ['all are new', ['0'], ['7', '8']],
  ])('makes a new schema when %s', (_what, before, after) => {
    const readings = create();
    const { hash } = tick(
      readings,
      before.map((cpu) => [cpu, 1]),
    ).schema;
    const part = tick(
      readings,
      after.map((cpu, i) => [cpu, i]),
    );
    expect(part.schema.hash).not.toBe(hash);
    expect(formatValues(part)).toEqual(
      after.map((cpu, i) => `node_cpu_seconds_total{cpu="${cpu}",mode="user"} ${i}`),
    );
  });

  it('returns to an equal hash when the order alone changes', () => {
    const readings = create();
    const { hash } = tick(readings, [
      ['0', 1],
      ['1', 2],
    ]).schema;
    const part = tick(readings, [
      ['1', 2],
      ['0', 1],
    ]);
    expect(part.schema.hash).toBe(hash);
    expect([...part.values]).toEqual([1, 2]);
  });

  it('yields an empty schema when the sampler finds nothing', () => {
    const part = tick(create(), []);
    expect(part.schema.seriesCount).toBe(0);
    expect(part.present).toBeUndefined();
    expect(overTheWire([part])).toEqual([]);
  });

  it('forgets what an unfinished tick has left behind', () => {
    const readings = create();
    const { schema } = tick(readings, [['0', 1]]);
    readings.begin();
    readings.add('node_load1', 5);
    const part = tick(readings, [['0', 2]]);
    expect(part.schema).toBe(schema);
    expect([...part.values]).toEqual([2]);
  });

  it('marks NaN and infinities as absent and not finite', () => {
    const part = tick(create(), [
      ['0', Number.NaN],
      ['1', Number.POSITIVE_INFINITY],
      ['2', 7],
    ]);
    expect(part.errors).toEqual([
      { index: 0, code: SAMPLE_ERROR.NOT_FINITE },
      { index: 1, code: SAMPLE_ERROR.NOT_FINITE },
    ]);
    expect(overTheWire([part])).toEqual(['node_cpu_seconds_total{cpu="2",mode="user"} 7']);
  });

  it('keeps a failed series in the schema and names the reason', () => {
    const readings = create();
    const { schema } = tick(readings, [['0', 1]]);
    readings.begin();
    readings.fail('node_cpu_seconds_total', SAMPLE_ERROR.TIMEOUT, '0', 'user');
    const [part] = readings.finish();
    expect(part?.schema).toBe(schema);
    expect(part?.errors).toEqual([{ index: 0, code: SAMPLE_ERROR.TIMEOUT }]);
    expect([...(part?.present ?? [])]).toEqual([0]);
    expect(part === undefined ? '' : seriesAt(part, 0)).toBe('node_cpu_seconds_total{cpu="0",mode="user"}');
  });

  it('sends a metric as float64 from the value on that does not fit its decimals', () => {
    const readings = create();
    const before = tick(readings, [['0', 1.25]]).schema;
    expect(before.metrics[0]).toMatchObject({ encoding: 'integer', scale: 2 });
    const wide = tick(readings, [['0', 1 / 3]]);
    expect(wide.schema.metrics[0]).toMatchObject({ encoding: 'float64', scale: 0 });
    expect(overTheWire([wide])).toEqual([`node_cpu_seconds_total{cpu="0",mode="user"} ${1 / 3}`]);
    expect(tick(readings, [['0', 1.25]]).schema).toBe(wide.schema);
  });

  it.each([2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 24, 0])('sends %d of any metric as it is', (value) => {
    const readings = create();
    readings.begin();
    // With 6 and 9 decimals: the second does not hold the largest of them as an integer.
    readings.add('node_pressure_io_waiting_seconds_total', value);
    readings.add('node_schedstat_running_seconds_total', value, '0');
    expect(overTheWire(readings.finish())).toEqual([
      `node_pressure_io_waiting_seconds_total ${value}`,
      `node_schedstat_running_seconds_total{cpu="0"} ${value}`,
    ]);
  });

  it('keeps the first of two series that become equal, and counts the other', () => {
    const readings = create();
    const part = tick(readings, [
      ['a\u0000', 1],
      ['a', 2],
    ]);
    expect(formatValues(part)).toEqual(['node_cpu_seconds_total{cpu="a",mode="user"} 1']);
    expect(readings.dropped.duplicate).toBe(1);
    tick(readings, [
      ['a\u0000', 1],
      ['a', 2],
    ]);
    expect(readings.dropped.duplicate).toBe(2);
  });

  it('splits more series than a schema may hold', () => {
    const readings = create();
    readings.begin();
    const count = LIMITS.seriesPerSchema + 1;
    for (let i = 0; i < count; i++) readings.add('node_cpu_seconds_total', i, String(i), 'user');
    const parts = readings.finish();
    expect(parts.map(({ schema }) => [schema.sampler, schema.seriesCount])).toEqual([
      ['test', LIMITS.seriesPerSchema],
      ['test.2', 1],
    ]);
    expect(overTheWire(parts)).toHaveLength(count);
  });

  it('leaves out what is too much for a sampler, counts it, and works again after that', () => {
    const readings = create();
    readings.begin();
    for (let i = 0; i < SERIES_PER_SAMPLER + 7; i++) {
      if (i % 2 === 0) readings.add('node_cpu_seconds_total', i, String(i), 'user');
      else readings.failLabelled('node_cpu_seconds_total', [String(i), 'user'], SAMPLE_ERROR.TIMEOUT);
    }
    const counts = readings.finish().map(({ schema }) => schema.seriesCount);
    expect(counts).toEqual([LIMITS.seriesPerSchema, SERIES_PER_SAMPLER - LIMITS.seriesPerSchema]);
    expect(readings.dropped.limit).toBe(7);
    expect([...tick(readings, [['0', 1]]).values]).toEqual([1]);
    expect(3 * SERIES_PER_SAMPLER).toBeLessThan(LIMITS.seriesPerAgent);
  });

  it('fails alone when its names do not fit into a record, and works again after that', () => {
    const readings = create();
    readings.begin();
    let seed = 1;
    // Text that cannot be compressed; a machine's own names never come near it.
    const letter = (): string => {
      seed = (seed * 48_271) % 2_147_483_647;
      return String.fromCodePoint(0x4e00 + (seed % 20_000));
    };
    for (let i = 0; i < 1_000; i++) {
      readings.add('node_cpu_seconds_total', i, Array.from({ length: 85 }, letter).join(''), 'user');
    }
    expect(() => readings.finish()).toThrow(/record of \d+ stored bytes/);
    expect([...tick(readings, [['0', 1]]).values]).toEqual([1]);
  });

  it('takes the wrong number of labels for a bug', () => {
    const readings = create();
    readings.begin();
    readings.addFacts('node_uname_info', ['x']);
    expect(() => readings.finish()).toThrow(/got 1 labels/);
  });

  it('carries any series, values and failures of any ticks over the wire', () => {
    const cpu = fc.oneof(
      fc.constantFrom('0', '1', 'ä', '\u0000', '', '\ud800', 'é'.repeat(200)),
      fc.string({ unit: fc.constantFrom('a', '"', '\\', '\ud800', '\u202e', '😀'), maxLength: 3 }),
    );
    // Minus zero may travel as zero.
    const value = fc
      .oneof(
        fc.nat(),
        fc.nat().map((n) => n / 100),
        fc.double(),
      )
      .map((n) => n + 0);
    const reading = fc.record({ cpu, mode: fc.constantFrom('user', 'idle'), value, fails: fc.boolean() });
    const ticks = fc.array(fc.array(reading, { maxLength: 8 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(ticks, (emittedTicks) => {
        const readings = create();
        for (const emitted of emittedTicks) {
          const expected = new Map<string, string>();
          readings.begin();
          for (const { cpu, mode, value, fails } of emitted) {
            if (fails) readings.fail('node_cpu_seconds_total', SAMPLE_ERROR.PARSE, cpu, mode);
            else readings.add('node_cpu_seconds_total', value, cpu, mode);
            const line = `node_cpu_seconds_total{cpu="${cleanLabel(cpu)}",mode="${mode}"}`;
            const number = fails || !Number.isFinite(value) ? 'absent' : String(value);
            if (!expected.has(line)) expected.set(line, number);
          }
          const lines = [...expected].filter(([, number]) => number !== 'absent');
          const unescaped = overTheWire(readings.finish()).map((line) => line.replaceAll(/\\(.)/g, '$1'));
          expect(unescaped.sort()).toEqual(lines.map(([series, number]) => `${series} ${number}`).sort());
        }
      }),
    );
  });
});

it('empties the second schema of a sampler when the first one has room for all', () => {
  const readings = create();
  const read = (count: number): (readonly [string, number])[] => {
    readings.begin();
    for (let i = 0; i < count; i++) readings.add('node_cpu_seconds_total', i, String(i), 'user');
    return readings.finish().map(({ schema }) => [schema.sampler, schema.seriesCount] as const);
  };
  read(LIMITS.seriesPerSchema + 1);
  expect(read(3)).toEqual([
    ['test', 3],
    ['test.2', 0],
  ]);
});

describe('Readings of files', () => {
  /** One tick in which each file, `cpu=value` words, is added unless it is what it was. */
  function read(readings: Readings, files: Readonly<Record<string, string>>) {
    const parsed: string[] = [];
    readings.begin();
    for (const [path, text] of Object.entries(files)) {
      readings.addFrom(path, Buffer.from(text), (bytes) => {
        parsed.push(path);
        for (const word of bytes.toString().split(' ')) {
          const [cpu = '', value = ''] = word.split('=');
          if (value === 'unknown') readings.dropUnknown();
          else readings.add('node_cpu_seconds_total', Number(value), cpu, path);
        }
      });
    }
    const lines = readings.finish().flatMap((part) => formatValues(part));
    return {
      parsed,
      values: lines.map((line) => /cpu="(.*)",mode="(.*)"} (.*)/.exec(line)?.slice(1).join(' ')),
    };
  }

  it('parses only those that changed, and keeps the values of the others', () => {
    const readings = create();
    expect(read(readings, { a: '0=1 1=2', b: '0=3' }).parsed).toEqual(['a', 'b']);
    expect(read(readings, { a: '0=1 1=2', b: '0=4' })).toEqual({
      parsed: ['b'],
      values: ['0 a 1', '0 b 4', '1 a 2'],
    });
    expect(read(readings, { a: '0=1 1=2', b: '0=4' })).toEqual({
      parsed: [],
      values: ['0 a 1', '0 b 4', '1 a 2'],
    });
  });

  it('parses again what stands at another place or behind something new', () => {
    const readings = create();
    read(readings, { a: '0=1', b: '0=3' });
    expect(read(readings, { b: '0=3' })).toEqual({ parsed: ['b'], values: ['0 b 3'] });
    expect(read(readings, { a: '0=3', b: '0=3' }).values).toEqual(['0 a 3', '0 b 3']);
    expect(read(readings, { a: '0=3 7=1', b: '0=3' }).values).toEqual(['0 a 3', '0 b 3', '7 a 1']);
  });

  it('takes no file for another with the same content', () => {
    const readings = create();
    read(readings, { a: '0=1' });
    expect(read(readings, { b: '0=1' })).toEqual({ parsed: ['b'], values: ['0 b 1'] });
  });

  it('does not rely on a tick that was not finished, nor on a file that could not be parsed', () => {
    const readings = create();
    read(readings, { a: '0=1' });
    readings.begin();
    readings.add('node_cpu_seconds_total', 99, '0', 'a');
    expect(read(readings, { a: '0=1' })).toEqual({ parsed: ['a'], values: ['0 a 1'] });
    readings.begin();
    const fail = (): never => {
      throw new Error('garbage');
    };
    expect(() => readings.addFrom('a', Buffer.from('x'), fail)).toThrow('garbage');
    readings.finish();
    expect(() => read(readings, { a: 'x' })).not.toThrow();
    expect(read(readings, { a: '0=2' }).parsed).toEqual(['a']);
  });

  it('keeps what is not finite absent while a file stays as it is', () => {
    const readings = create();
    for (let i = 0; i < 3; i++) expect(read(readings, { a: '0=Infinity 1=2' }).values).toEqual(['1 a 2']);
  });

  it('counts what the catalogue does not know in every tick', () => {
    const readings = create();
    for (let i = 0; i < 3; i++) read(readings, { a: '0=1 1=unknown' });
    expect(readings.dropped.unknown).toBe(3);
  });

  it('gives the same values as without it, whatever changes', () => {
    const value = fc.constantFrom('0', '1', '0.123', 'Infinity');
    const file = fc.array(fc.tuple(fc.nat(3), value), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c'), file), { maxLength: 8 }),
        (ticks) => {
          const readings = create();
          for (const each of ticks) {
            const files = Object.fromEntries(
              Object.entries(each).map(([path, pairs]) => [
                path,
                pairs.map((pair) => pair.join('=')).join(' '),
              ]),
            );
            expect(read(readings, files).values).toEqual(read(create(), files).values);
          }
        },
      ),
    );
  });
});

describe('Readings of lines', () => {
  /** One tick in which each line of each file, `cpu=value` words, is added unless it is what it was. */
  function read(readings: Readings, files: Readonly<Record<string, string>>) {
    const parsed: string[] = [];
    const counts: number[] = [];
    readings.begin();
    for (const [path, text] of Object.entries(files)) {
      const count = readings.addLines(path, text, (from, end, number) => {
        const line = text.slice(from, end);
        parsed.push(`${path}${number} ${line}`);
        for (const word of line.split(' ').filter((each) => each !== '')) {
          const [cpu = '', value = ''] = word.split('=');
          if (value === 'unknown') readings.dropUnknown();
          else readings.add('node_cpu_seconds_total', Number(value), cpu, `${path}${number}`);
        }
      });
      counts.push(count);
    }
    const lines = readings.finish().flatMap((part) => formatValues(part));
    const values = lines.map((line) => /cpu="(.*)",mode="(.*)"} (.*)/.exec(line)?.slice(1).join(' '));
    return { parsed, counts, values };
  }

  it('parses only those that changed, and keeps the values of the others', () => {
    const readings = create();
    expect(read(readings, { a: '0=1\n1=2\n2=3\n' }).parsed).toEqual(['a0 0=1', 'a1 1=2', 'a2 2=3']);
    expect(read(readings, { a: '0=1\n1=200\n2=3\n' })).toEqual({
      parsed: ['a1 1=200'],
      counts: [3],
      values: ['0 a0 1', '1 a1 200', '2 a2 3'],
    });
    expect(read(readings, { a: '0=1\n1=200\n2=4\n' }).parsed).toEqual(['a2 2=4']);
    expect(read(readings, { a: '0=1\n1=200\n2=4\n' }).parsed).toEqual([]);
  });

  it('parses everything behind a line that has other series than before', () => {
    const readings = create();
    const lines = ['0=1', '1=2', '2=3', ''];
    read(readings, { a: lines.join('\n') });
    for (const instead of ['7=2', '1=2 3=4', '']) {
      const text = ['0=1', instead, '2=3', ''].join('\n');
      const after = read(readings, { a: text });
      expect(after.parsed).toEqual([`a1 ${instead}`, 'a2 2=3']);
      expect(after.values).toEqual(read(create(), { a: text }).values);
      read(readings, { a: lines.join('\n') });
    }
  });

  it('parses what stands at another place, in another file, or behind another file', () => {
    const readings = create();
    read(readings, { a: '0=1\n', b: '0=3\n' });
    expect(read(readings, { b: '0=3\n' }).values).toEqual(['0 b0 3']);
    expect(read(readings, { a: '0=3\n', b: '0=3\n' }).values).toEqual(['0 a0 3', '0 b0 3']);
    expect(read(readings, { a: '0=3\n0=3\n', b: '0=3\n' }).values).toEqual(['0 a0 3', '0 a1 3', '0 b0 3']);
  });

  it('takes no line for known that could go on, or that told of more than values', () => {
    const readings = create();
    read(readings, { a: '0=1\n1=2' });
    expect(read(readings, { a: '0=1\n1=25\n' }).values).toEqual(['0 a0 1', '1 a1 25']);
    for (let i = 0; i < 3; i++) read(readings, { a: '0=1\n1=unknown\n' });
    expect(readings.dropped.unknown).toBe(3);
  });

  it('does not rely on a tick that was not finished', () => {
    const readings = create();
    read(readings, { a: '0=1\n' });
    readings.begin();
    readings.add('node_cpu_seconds_total', 99, '0', 'a0');
    expect(read(readings, { a: '0=1\n' })).toEqual({ parsed: ['a0 0=1'], counts: [1], values: ['0 a0 1'] });
  });

  it('gives the same values as without it, whatever changes', () => {
    const value = fc.constantFrom('0', '1', '10', '0.123', 'Infinity', 'unknown');
    const word = fc.tuple(fc.nat(2), value).map((pair) => pair.join('='));
    const line = fc.uniqueArray(word, { maxLength: 2, selector: (each) => each[0] });
    const file = fc.array(line, { maxLength: 4 }).chain((lines) => {
      const text = lines.map((words) => words.join(' ')).join('\n');
      return fc.constantFrom(text, `${text}\n`);
    });
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.constantFrom('a', 'b'), file), { minLength: 2, maxLength: 8 }),
        (ticks) => {
          const readings = create();
          for (const files of ticks) {
            const told = read(readings, files);
            const fresh = read(create(), files);
            expect([told.values, told.counts]).toEqual([fresh.values, fresh.counts]);
          }
        },
      ),
    );
  });

  it('counts a line that told of more than values each time, though all around it stands still', () => {
    const readings = create();
    for (const text of ['0=1\n0=2\n0=3\n', '0=1\n0=2\n0=3\n', '0=7\n0=unknown\n0=3\n'])
      read(readings, { a: text });
    for (const count of [2, 3, 4]) {
      expect(read(readings, { a: '0=7\n0=unknown\n0=3\n' }).parsed).toEqual(['a1 0=unknown']);
      expect(readings.dropped.unknown).toBe(count);
    }
  });

  it('gives the same values as without it where runs of lines stand still, break and move', () => {
    const words = fc.constantFrom('0=1', '0=10', '0=100', '0=1 1=2', '0=unknown', '');
    const edit = fc.record({
      at: fc.nat(9),
      to: words,
      how: fc.constantFrom('set', 'set', 'set', 'insert', 'cut'),
    });
    fc.assert(
      fc.property(fc.array(fc.array(edit, { maxLength: 2 }), { maxLength: 14 }), (ticks) => {
        const readings = create();
        const lines = Array.from({ length: 9 }, () => '0=1');
        for (const edits of [[], [], ...ticks]) {
          for (const { at, to, how } of edits)
            lines.splice(at, how === 'insert' ? 0 : 1, ...(how === 'cut' ? [] : [to]));
          const files = { a: lines.map((line) => `${line}\n`).join('') };
          const dropped = readings.dropped.unknown;
          const told = read(readings, files);
          const other = create();
          const fresh = read(other, files);
          expect([told.values, told.counts]).toEqual([fresh.values, fresh.counts]);
          expect(readings.dropped.unknown - dropped).toBe(other.dropped.unknown);
        }
      }),
      { numRuns: 300 },
    );
  });
});
