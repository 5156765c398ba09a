import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../storage/labels.ts';
import { createMatcher } from '../storage/matcher.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import type { AppendSeries } from '../storage/storage.ts';
import { exportSeries } from './export.ts';
import { seriesWriter, type ExportFormat } from './formats.ts';
import { importOpenMetrics } from './import.ts';
import { parseSampleLine, parseSeries } from './sample-line.ts';

const SIGNAL = new AbortController().signal;
const ALL = [[createMatcher('__name__', '!=', '')]];

function series(labels: Readonly<Record<string, string>>, values: readonly number[]): AppendSeries {
  return {
    labels: Labels.of(labels),
    samples: values.map((value, index) => ({ timeMs: 1_767_225_600_000 + index * 10_500, value })),
  };
}

async function exported(
  storage: MemoryStorage,
  format: ExportFormat,
  { samplesMax = 1e6, matcherSets = ALL } = {},
): Promise<string> {
  const writer = seriesWriter(format);
  let text = writer.head;
  const request = { matcherSets, fromMs: 0, toMs: 2e12, samplesMax };
  for await (const one of exportSeries(storage, request, SIGNAL)) text += [...writer.write(one)].join('');
  return text + writer.tail;
}

async function filled(): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  await storage.append([
    series({ __name__: 'a', x: '1' }, [1, 2.5]),
    series({ __name__: 'a', x: '1', y: 'more' }, [7, 8]),
    series({ __name__: 'b', x: 'q"u\\o\nte,' }, [Number.NaN, Number.NEGATIVE_INFINITY, -0]),
    {
      labels: Labels.of({ __name__: 'c' }),
      samples: [
        { timeMs: 1_000, value: 1 },
        { timeMs: 2_000, value: 0, isStale: true },
      ],
    },
    series({ __name__: 'ü.z', 'a "b': '1', c: '2' }, [1]),
  ]);
  return storage;
}

describe('an export', () => {
  it('writes OpenMetrics', async () => {
    expect(await exported(await filled(), 'openmetrics')).toBe(`# TYPE a unknown
a{x="1"} 1 1767225600
a{x="1"} 2.5 1767225610.5
a{x="1",y="more"} 7 1767225600
a{x="1",y="more"} 8 1767225610.5
# TYPE b unknown
b{x="q\\"u\\\\o\\nte,"} NaN 1767225600
b{x="q\\"u\\\\o\\nte,"} -Inf 1767225610.5
b{x="q\\"u\\\\o\\nte,"} -0 1767225621
# TYPE c unknown
c 1 1
# TYPE "ü.z" unknown
{"ü.z","a \\"b"="1",c="2"} 1 1767225600
# EOF
`);
  });

  it('writes comma-separated values', async () => {
    expect((await exported(await filled(), 'csv')).split('\n').slice(0, 6)).toEqual([
      'time,metric,labels,value',
      '2026-01-01T00:00:00.000Z,a,"{x=""1""}",1',
      '2026-01-01T00:00:10.500Z,a,"{x=""1""}",2.5',
      '2026-01-01T00:00:00.000Z,a,"{x=""1"",y=""more""}",7',
      '2026-01-01T00:00:10.500Z,a,"{x=""1"",y=""more""}",8',
      String.raw`2026-01-01T00:00:00.000Z,b,"{x=""q\""u\\o\nte,""}",NaN`,
    ]);
  });

  it('writes JSON lines', async () => {
    const lines = (await exported(await filled(), 'jsonl')).trimEnd().split('\n');
    const parsed: unknown[] = lines.map((line) => JSON.parse(line));
    expect(parsed[0]).toEqual({
      metric: { __name__: 'a', x: '1' },
      values: [1, 2.5],
      timestamps: [1_767_225_600_000, 1_767_225_610_500],
    });
    expect(parsed[2]).toMatchObject({ values: ['NaN', '-Inf', -0] });
    expect(parsed[3]).toMatchObject({ timestamps: [1_000] });
  });

  it.each([1, 2, 3, 5])('is the same when only %i samples are read at a time', async (samplesMax) => {
    const storage = await filled();
    for (const format of ['openmetrics', 'csv'] as const) {
      expect(await exported(storage, format, { samplesMax })).toBe(await exported(storage, format));
    }
  });

  it('has a series once, however many selectors fit it', async () => {
    const storage = await filled();
    const one = await exported(storage, 'openmetrics');
    expect(await exported(storage, 'openmetrics', { matcherSets: [...ALL, ...ALL] })).toBe(one);
  });

  it('gives every name and value back', () => {
    const text = fc.oneof(fc.string({ minLength: 1 }), fc.stringMatching(/^[a_:1."\\\n{},= #-]{1,8}$/));
    const property = fc.property(text, fc.dictionary(text, text), (name, others) => {
      const labels = Labels.of({ ...others, __name__: name });
      const one = { labels, timestamps: Float64Array.of(1_000), values: Float64Array.of(2) };
      const [line = ''] = [...seriesWriter('openmetrics').write(one)].slice(1);
      const read = parseSampleLine(line.slice(0, -1));
      expect({ ...read, series: parseSeries(read.series).key }).toEqual({
        series: labels.key,
        value: 2,
        timeMs: 1_000,
      });
    });
    fc.assert(property);
  });

  it('is what an import takes', async () => {
    const storage = await filled();
    const text = await exported(storage, 'openmetrics');
    const copy = new MemoryStorage();
    await importOpenMetrics(
      (async function* () {
        yield await Promise.resolve(Buffer.from(text));
      })(),
      {
        append: (batch) => copy.append(batch),
        reserved: { has: () => false },
        newestMs: 2e12,
        progress: () => {},
      },
    );
    expect(await exported(copy, 'openmetrics')).toBe(text);
  });
});
