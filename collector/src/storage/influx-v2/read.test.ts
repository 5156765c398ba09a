import { assert, property, string, uint8Array } from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { createMatcher } from '../matcher.ts';
import { startFakeServer, type FakeAnswer, type FakeServer } from '../testing/fake-server.ts';
import { openInfluxV2Reader } from './read.ts';
import { csvRows } from './read-csv.ts';
import { samplesQuery, seriesQuery } from './read-query.ts';
import { loadFluxCheck } from './testing/flux-check.ts';

const RANGE = { fromMs: 1_000, toMs: 9_000 };
const calm = (): AbortSignal => new AbortController().signal;

describe('the text of a query', () => {
  let isValid: (script: string) => boolean;
  beforeAll(async () => {
    isValid = await loadFluxCheck();
  });

  test('is judged by a checker that knows bad from good', () => {
    expect(isValid('from(bucket: "b") |> range(start: -1h)')).toBe(true);
    for (const bad of ['from(bucket: 1) |> range(start: -1h)', 'from(', 'nope()'])
      expect(isValid(bad)).toBe(false);
  });

  test('says what InfluxDB can judge, and leaves the rest out', () => {
    const matchers = [
      createMatcher('__name__', '=', 'node_load1'),
      createMatcher('instance', '=', 'a"b${x}\\'),
      createMatcher('device', '=~', 'sd[a-c]'),
      createMatcher('mode', '!=', 'idle'),
      createMatcher('path', '=~', '/var/.*'),
      createMatcher('__name__', '=~', 'node_.*'),
      createMatcher('empty', '=', ''),
    ];
    const text = samplesQuery('my "bucket"', matchers, RANGE);
    expect(text.split('\n')).toEqual([
      String.raw`from(bucket: "my \"bucket\"")`,
      '  |> range(start: 1970-01-01T00:00:01.000Z, stop: 1970-01-01T00:00:09.001Z)',
      '  |> filter(fn: (r) => (r._measurement == "node_load1" and r._field == "value") or (r._measurement == "node" and r._field == "load1"))',
      String.raw`  |> filter(fn: (r) => r["instance"] == "a\"b\${x}\\")`,
      '  |> filter(fn: (r) => r["device"] =~ /^(?s:sd[a-c])$/)',
      '  |> drop(columns: ["_start", "_stop"])',
    ]);
    expect(isValid(text)).toBe(true);
    expect(isValid(seriesQuery('b', matchers, { fromMs: -1e300, toMs: 1e300 }))).toBe(true);
  });

  test('has as many lines and is valid whatever a label holds', () => {
    const lines = samplesQuery('b', [createMatcher('a', '=', 'x')], RANGE).split('\n').length;
    assert(
      property(
        string({ unit: 'binary', minLength: 1 }),
        string({ unit: 'binary', minLength: 1 }),
        (name, value) => {
          const text = samplesQuery('b', [createMatcher(`n${name}`, '=', `v${value}`)], RANGE);
          return text.split('\n').length <= lines && isValid(text);
        },
      ),
      { numRuns: 10 },
    );
  });
});

async function rowsOf(text: string, pieceBytes: number): Promise<readonly (readonly string[])[]> {
  const bytes = Buffer.from(text);
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const rows: (readonly string[])[] = [];
  for await (const { cells } of csvRows(pieces(), 1_000)) rows.push(cells);
  return rows;
}

const ANSWER = [
  '#datatype,string,long,dateTime:RFC3339,double,string,string,string',
  '#group,false,false,false,false,true,true,true',
  '#default,_result,,,,,,',
  ',result,table,_time,_value,_field,_measurement,instance',
  ',,0,1970-01-01T00:00:01Z,1.5,load1,node,"a,""b""\nc 😀"',
  ',,0,1970-01-01T00:00:02.25Z,2,load1,node,"a,""b""\nc 😀"',
  '',
  '#datatype,string,long,dateTime:RFC3339,double,string,string',
  ',result,table,_time,_value,_field,_measurement',
  ',,1,1970-01-01T00:00:02Z,-1e+21,value,up',
  ',,1,1970-01-01T00:00:03Z,,value,up',
  ',,1,1970-01-01T00:00:30Z,7,value,up',
  '',
].join('\r\n');

describe('annotated CSV', () => {
  test.each([1, 2, 3, 7, 10_000])('is read whatever the pieces are: %i bytes', async (pieceBytes) => {
    const rows = await rowsOf(ANSWER, pieceBytes);
    expect(rows).toHaveLength(5);
    expect(rows[0]?.[7]).toBe('a,"b"\nc 😀');
    expect(rows[2]).toEqual(['', '', '1', '1970-01-01T00:00:02Z', '-1e+21', 'value', 'up']);
  });

  test('never ends in anything but rows or an error of ours', async () => {
    for (const text of ['', '\n\n', '"', '"a\n', 'a,b\n"x', '#\n#\n', ',,,\n,,,\n']) {
      expect((await rowsOf(text, 3)).length).toBeLessThan(3);
    }
    await expect(rowsOf(`a\n${'x'.repeat(2_000)}`, 100)).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
    await expect(rowsOf('error,reference\nnot allowed,897\n', 100)).rejects.toThrow('not allowed');
  });

  test('takes any bytes', async () => {
    const samples: Uint8Array[] = [];
    assert(property(uint8Array({ maxLength: 100 }), (bytes) => void samples.push(bytes)));
    for (const bytes of samples) {
      expect((await rowsOf(Buffer.from(bytes).toString('latin1'), 9)).length).toBeLessThan(101);
    }
  });
});

describe('reading from a server that answers as the documents say', () => {
  let server: FakeServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });
  async function readerFor(answer: FakeAnswer) {
    server = await startFakeServer(() => answer);
    return openInfluxV2Reader(
      { url: server.url, org: 'my org', bucket: 'b', token: 's3cret' },
      { clock: systemClock },
    );
  }
  const request = { matchers: [createMatcher('__name__', '=~', '.+')], ...RANGE, samplesMax: 10 };

  test('gives series with labels of tags and names of places', async () => {
    const reader = await readerFor({ status: 200, body: ANSWER });
    const found = await reader.select(request, calm());
    expect(
      found.map(({ labels, timestamps, values }) => [labels.toObject(), [...timestamps], [...values]]),
    ).toEqual([
      [{ __name__: 'node_load1', instance: 'a,"b"\nc 😀' }, [1_000, 2_250], [1.5, 2]],
      [{ __name__: 'up' }, [2_000], [-1e21]],
    ]);
    expect(server?.seen[0]).toMatchObject({
      method: 'POST',
      path: '/api/v2/query?org=my+org',
      headers: { authorization: 'Token s3cret', accept: 'application/csv' },
    });
    const every = { matcherSets: [], ...RANGE, limit: 0 };
    expect(await reader.labelNames(every, calm())).toEqual(['__name__', 'instance']);
    expect(await reader.labelValues('__name__', every, calm())).toEqual(['node_load1', 'up']);
    reader.close();
  });

  test.each([
    [401, 'unauthorized access', false],
    [404, 'organization name "my org" not found', false],
    [429, 'org exceeded limited_query plan limit', true],
    [503, '', true],
  ])('status %i is STORE_FAILED', async (status, message, isRetryable) => {
    const reader = await readerFor({ status, body: JSON.stringify({ code: 'x', message }) });
    await expect(reader.select(request, calm())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      isRetryable,
      message: expect.not.stringContaining('s3cret'),
    });
    reader.close();
  });

  test('an error in the middle of an answer is one of the read', async () => {
    const body = `${ANSWER}\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,memory limit,897\r\n`;
    const reader = await readerFor({ status: 200, body });
    await expect(reader.select(request, calm())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('memory limit'),
    });
    reader.close();
  });
});
