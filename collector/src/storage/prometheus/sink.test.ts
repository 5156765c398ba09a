import { afterEach, expect, test } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { Labels } from '../labels.ts';
import { decodeLabels } from '../remote-protocol/messages.ts';
import { unpackSnappy } from '../remote-protocol/snappy.ts';
import { seriesIn } from '../remote-protocol/testing/write-request.ts';
import type { SinkSeries } from '../sink.ts';
import {
  startFakeServer,
  type FakeAnswer,
  type FakeServer,
  type SeenRequest,
} from '../testing/fake-server.ts';
import { openPrometheusSink, type PrometheusSettings } from './prometheus.ts';

let server: FakeServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function sinkFor(
  answer: (request: SeenRequest) => FakeAnswer | null,
  settings: Omit<PrometheusSettings, 'url'> = {},
) {
  server = await startFakeServer(answer);
  return openPrometheusSink({ url: server.url, ...settings }, { clock: systemClock });
}

function seriesOf(name: string, ...values: number[]): SinkSeries {
  return {
    labels: Labels.of({ __name__: name, instance: 'a' }),
    timestamps: Float64Array.from(values, (_value, at) => at + 1),
    values: Float64Array.from(values),
  };
}

/** What a request carries: `name:value` per sample, `stale` for markers. */
function contentOf({ body }: SeenRequest): readonly string[] {
  return seriesIn(unpackSnappy(body, 1e7)).flatMap(({ labelBytes, samples }) => {
    const name = decodeLabels(labelBytes)?.metricName ?? '?';
    return samples.map(({ value, isStale }) => `${name}:${isStale === true ? 'stale' : value}`);
  });
}

const calm = (): AbortSignal => new AbortController().signal;

test('sends everything in one request with the headers of the protocol', async () => {
  const access = { kind: 'bearer', token: 's3cret' } as const;
  const sink = await sinkFor(() => ({ status: 204 }), { tenant: 'team-a', access });
  const stale = { ...seriesOf('b', 3, 4), stale: Uint8Array.of(0, 1) };
  expect(await sink.write([seriesOf('a', 1, 2), stale], calm())).toEqual({ kind: 'written', refused: [] });
  await sink.close();
  const [request] = server?.seen ?? [];
  expect(request).toMatchObject({
    method: 'POST',
    path: '/api/v1/write',
    headers: {
      'content-encoding': 'snappy',
      'content-type': 'application/x-protobuf',
      'x-prometheus-remote-write-version': '0.1.0',
      'x-scope-orgid': 'team-a',
      authorization: 'Bearer s3cret',
    },
  });
  expect(request === undefined ? [] : contentOf(request)).toEqual(['a:1', 'a:2', 'b:3', 'b:stale']);
});

test('cuts large batches into requests', async () => {
  const sink = await sinkFor(() => ({ status: 200 }));
  const long = seriesOf('long', ...Array.from({ length: 12_000 }, (_, i) => i));
  const wide = { ...seriesOf('wide', 1), labels: Labels.of({ __name__: 'wide', x: 'x'.repeat(3e6) }) };
  expect(await sink.write([long, wide, wide], calm())).toEqual({ kind: 'written', refused: [] });
  const sizes = (server?.seen ?? []).map((request) => contentOf(request).length);
  expect(sizes).toEqual([5_000, 5_000, 2_001, 1]);
  await sink.close();
});

test('halves what is refused until the bad samples stand alone', async () => {
  const sink = await sinkFor((request) => {
    const isBad = contentOf(request).some((text) => text === 'a:666' || text.startsWith('bad:'));
    return isBad ? { status: 400, body: 'out of order sample' } : { status: 204 };
  });
  const good = Array.from({ length: 40 }, (_, i) => seriesOf(`good${i}`, 1, 2));
  const result = await sink.write(
    [...good, seriesOf('a', 1, 666, 3), seriesOf('bad', 7, 8), ...good],
    calm(),
  );
  expect(result).toMatchObject({ kind: 'written' });
  expect(result.kind === 'written' ? result.refused : []).toMatchObject([
    { reason: 'refused', text: 'status 400 out of order sample', count: 1 },
    { reason: 'refused', count: 1 },
    { reason: 'refused', count: 1 },
  ]);
  const stored = new Set<string>();
  for (const request of server?.seen ?? []) {
    const content = contentOf(request);
    if (content.length < 5) for (const text of content) stored.add(text);
  }
  expect([...stored]).toEqual(expect.arrayContaining(['a:1', 'a:3']));
  await sink.close();
});

test('refuses labels without a name or without a form in UTF-8 itself', async () => {
  const sink = await sinkFor(() => ({ status: 204 }));
  const nameless = { ...seriesOf('x', 1, 2), labels: Labels.of({ a: '1' }) };
  const broken = { ...seriesOf('x', 1), labels: Labels.of({ __name__: 'x', a: '\ud800' }) };
  expect(await sink.write([nameless, broken, seriesOf('y', 1)], calm())).toMatchObject({
    kind: 'written',
    refused: [
      { reason: 'unstorable', count: 2 },
      { reason: 'unstorable', count: 1 },
    ],
  });
  expect((server?.seen ?? []).map(contentOf)).toEqual([['y:1']]);
  await sink.close();
});

test.each([
  [429, { 'retry-after': '7' }, { kind: 'retry', retryAfterMs: 7_000 }],
  [503, {}, { kind: 'retry', retryAfterMs: null }],
  [500, { 'retry-after': 'soon' }, { kind: 'retry', retryAfterMs: null }],
  [401, {}, { kind: 'blocked' }],
  [403, {}, { kind: 'blocked' }],
  [404, {}, { kind: 'blocked' }],
  [415, {}, { kind: 'blocked' }],
])('status %i with %o is %o', async (status, headers, wanted) => {
  const sink = await sinkFor(() => ({ status, headers, body: 'what\nthe store says' }));
  const result = await sink.write([seriesOf('a', 1)], calm());
  expect(result).toMatchObject(wanted);
  expect(result).toMatchObject({ error: expect.stringContaining(`status ${status} whatthe store says`) });
  await sink.close();
});

test('a store that is away or cuts the connection wants a retry, and errors hold no password', async () => {
  const gone = await startFakeServer(() => null);
  await gone.close();
  const url = gone.url.replace('://', '://user:pass@');
  const away = openPrometheusSink({ url }, { clock: systemClock });
  const result = await away.write([seriesOf('a', 1)], calm());
  expect(result).toMatchObject({ kind: 'retry', retryAfterMs: null });
  expect(JSON.stringify(result)).not.toContain('pass');
  await away.close();
  const sink = await sinkFor(() => null);
  const stopped = new AbortController();
  const written = sink.write([seriesOf('a', 1)], stopped.signal);
  stopped.abort();
  expect(await written).toMatchObject({ kind: 'retry' });
  await sink.close();
});

test('tells when the store started, and null when that cannot be told', async () => {
  let metrics = 'x 1\nprocess_start_time_seconds 1.7e9\n';
  const sink = await sinkFor(() => ({ status: metrics === '' ? 404 : 200, body: metrics }));
  expect(await sink.startedMs?.(calm())).toBe(1.7e12);
  metrics = '';
  expect(await sink.startedMs?.(calm())).toBeNull();
  await sink.close();
});
