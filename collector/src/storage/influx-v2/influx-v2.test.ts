import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Labels } from '../labels.ts';
import type { Sink, SinkSeries } from '../sink.ts';
import { countQuery, createInfluxV2Sink, type InfluxV2Options } from './influx-v2.ts';
import { FAKE_INFLUX, startFakeInfluxV2, type FakeInfluxV2 } from './testing/fake-influx-v2.ts';

const T = 1_700_000_000_000;
let fake: FakeInfluxV2;
beforeEach(async () => {
  fake = await startFakeInfluxV2();
});
afterEach(() => fake.close());

function sink(options: Partial<InfluxV2Options> = {}): Sink {
  return createInfluxV2Sink({
    url: fake.url,
    ...FAKE_INFLUX,
    server: 'influxdb',
    clock: systemClock,
    ...options,
  });
}

function batch(count: number, { name = 'x_y', timeMs = T } = {}): SinkSeries[] {
  return Array.from({ length: count }, (_, i) => ({
    labels: Labels.of({ __name__: name, instance: `host-${i}` }),
    timestamps: Float64Array.of(timeMs),
    values: Float64Array.of(i),
  }));
}

function write(series: readonly SinkSeries[], to: Sink = sink()) {
  return to.write(series, new AbortController().signal);
}

describe('influx-v2 sink', () => {
  it('writes every sample, packed, with the token', async () => {
    await expect(write(batch(100))).resolves.toEqual({ kind: 'written', refused: [] });
    expect(fake.points.size).toBe(100);
    expect(fake.points.get(JSON.stringify(['x', { instance: 'host-7' }, 'y', T]))).toBe(7);
    expect(fake.requests).toHaveLength(1);
    expect(fake.requests[0]?.headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-type': 'text/plain; charset=utf-8',
      authorization: `Token ${FAKE_INFLUX.token}`,
    });
  });

  it('keeps a path in front of the API', async () => {
    const result = await write(batch(1), sink({ url: `${fake.url}/insert/0/influx/` }));
    expect(result).toMatchObject({ kind: 'blocked' });
    expect(fake.requests[0]?.path).toBe('/insert/0/influx/api/v2/write');
  });

  it.each([
    ['a wrong token', { token: 'another-secret' }, /^401: .*unauthorized access/],
    ['a missing token', { token: undefined }, /^401: /],
    ['an unknown bucket', { bucket: 'nope' }, /^404: .*bucket \\"nope\\" not found/],
    ['an unknown organisation', { org: 'nope' }, /^404: .*organization not found/],
  ])('is blocked by %s, and does not tell the token', async (_what, options, error) => {
    const result = await write(batch(1), sink(options));
    expect(result).toEqual({ kind: 'blocked', error: expect.stringMatching(error) });
    expect(JSON.stringify(result)).not.toContain('secret');
    expect(fake.points.size).toBe(0);
  });

  it('asks to be repeated after 429 and 503, as late as the server wants', async () => {
    fake.misbehave(
      { kind: 'answer', status: 429, headers: { 'retry-after': '17' } },
      { kind: 'answer', status: 503 },
      { kind: 'answer', status: 503, headers: { 'retry-after': '99999999' } },
    );
    await expect(write(batch(1))).resolves.toMatchObject({ kind: 'retry', retryAfterMs: 17_000 });
    await expect(write(batch(1))).resolves.toMatchObject({ kind: 'retry', retryAfterMs: null });
    await expect(write(batch(1))).resolves.toMatchObject({ kind: 'retry', retryAfterMs: 3_600_000 });
  });

  it.each([
    ['reset', { kind: 'reset' } as const],
    ['cut off in the middle of the answer', { kind: 'cut' } as const],
    ['reset after everything was stored', { kind: 'stored-reset' } as const],
  ])('asks to be repeated when the connection is %s, and a repeat changes nothing', async (_what, how) => {
    fake.misbehave(how);
    await expect(write(batch(3))).resolves.toMatchObject({ kind: 'retry', retryAfterMs: null });
    await expect(write(batch(3))).resolves.toEqual({ kind: 'written', refused: [] });
    expect(fake.points.size).toBe(3);
  });

  it('asks to be repeated when nobody listens', async () => {
    await fake.close();
    const result = await write(batch(1));
    expect(result).toMatchObject({ kind: 'retry', error: expect.stringContaining('ECONNREFUSED') });
    fake = await startFakeInfluxV2();
  });

  it('ends at once when it is aborted', async () => {
    fake.misbehave({ kind: 'silent' });
    const controller = new AbortController();
    const result = sink().write(batch(1), controller.signal);
    setTimeout(() => controller.abort(), 10);
    await expect(result).resolves.toMatchObject({ kind: 'retry' });
  });

  it('halves what is too large until it fits', async () => {
    fake.bodyBytesMax = 400;
    await expect(write(batch(200))).resolves.toEqual({ kind: 'written', refused: [] });
    expect(fake.points.size).toBe(200);
  });

  it('puts aside what is beyond the retention, and writes the rest', async () => {
    fake.retentionFromMs = T;
    const old = batch(2, { name: 'x_old', timeMs: T - 1 });
    const result = await write([...batch(20), ...old]);
    expect(result).toMatchObject({
      kind: 'written',
      refused: old.map(({ labels }) => ({ labels, reason: 'refused', count: 1 })),
    });
    expect(fake.points.size).toBe(20);
  });

  it('counts what a partial write has dropped', async () => {
    const body = JSON.stringify({ code: 'invalid', message: 'partial write: field type conflict dropped=4' });
    fake.misbehave({ kind: 'stored-answer', status: 400, body });
    const result = await write(batch(10));
    expect(result).toMatchObject({ kind: 'written', refused: [{ reason: 'refused', count: 4 }] });
    expect(fake.requests).toHaveLength(1);
  });

  it('reads the body of 201, which InfluxDB 3 gives for a part', async () => {
    const body = JSON.stringify({ error: 'partial write', data: [{ line_number: 1 }, { line_number: 2 }] });
    fake.misbehave({ kind: 'stored-answer', status: 201, body });
    await expect(write(batch(10))).resolves.toMatchObject({ kind: 'written', refused: [{ count: 2 }] });
  });

  it('sends nothing for a batch of which nothing can be written', async () => {
    const stale = { ...batch(1)[0], stale: Uint8Array.of(1) };
    const [series] = batch(1);
    const result = await write(series === undefined ? [] : [{ ...series, stale: stale.stale }]);
    expect(result).toMatchObject({ kind: 'written', refused: [{ reason: 'stale_marker' }] });
    expect(fake.requests).toEqual([]);
  });

  it('tells when the server started', async () => {
    fake.startedMs = T + 5_000;
    const { signal } = new AbortController();
    await expect(sink().startedMs?.(signal)).resolves.toBe(T + 5_000);
    await fake.close();
    await expect(sink().startedMs?.(signal)).resolves.toBeNull();
    fake = await startFakeInfluxV2();
  });

  it('counts the samples of a host', async () => {
    fake.queryAnswers.set(
      'we',
      [
        '#datatype,string,long,long',
        '#group,false,false,false',
        '#default,_result,,',
        ',result,table,_value',
        ',,0,42',
        '',
      ].join('\r\n'),
    );
    const request = { instance: 'we"b', fromMs: T, toMs: T + 60_000 };
    const { signal } = new AbortController();
    await expect(sink().countSamples?.(request, signal)).resolves.toBe(42);
    await expect(sink().countSamples?.({ ...request, instance: 'other' }, signal)).resolves.toBe(0);
    expect(countQuery('a"b', request)).toBe(
      'from(bucket: "a\\"b") |> range(start: 2023-11-14T22:13:20.000Z, stop: 2023-11-14T22:14:20.000Z) |> filter(fn: (r) => r.instance == "we\\"b") |> count() |> group() |> sum()',
    );
  });
});
