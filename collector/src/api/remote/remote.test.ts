import type { AddressInfo } from 'node:net';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import express from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAnswers } from '../../query/answers.ts';
import { createQueryEngine } from '../../query/query.ts';
import { Labels } from '../../storage/labels.ts';
import { createMatcher } from '../../storage/matcher.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import type { Series } from '../../storage/storage.ts';
import { decodeLabels } from '../../storage/remote-protocol/messages.ts';
import { MessageReader, putMessage, putText } from '../../storage/remote-protocol/protobuf.ts';
import { remoteRouter, type RemoteOptions } from './remote.ts';
import { packSnappy, unpackSnappy } from '../../storage/remote-protocol/snappy.ts';
import { readRequest, type RawMatcher } from '../../storage/remote-protocol/testing/read-request.ts';
import { PushedMetadata } from './metadata.ts';
import {
  seriesIn,
  WRITE_HEADERS,
  writeRequest,
} from '../../storage/remote-protocol/testing/write-request.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const TOKEN = 'secret';
const READER = 'reader';
const closers: (() => void)[] = [];
let storage: MemoryStorage;
let counted: Record<string, number>;

beforeEach(() => {
  storage = new MemoryStorage();
  counted = {};
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(changes: Partial<RemoteOptions> = {}): Promise<string> {
  const app = express();
  const router = remoteRouter({
    clock: new FakeClock(NOW_MS),
    log: silentLogger,
    answers: createAnswers({
      engine: createQueryEngine({ storage, clock: systemClock }),
      storage,
      extent: () => storage.stats(),
      clock: systemClock,
    }),
    append: (batch) => storage.append(batch),
    metadata: new PushedMetadata(),
    reserved: () => ({ has: (labels) => labels.get('instance') === 'web-1' }),
    judgeWriter: (token) =>
      token === TOKEN
        ? { kind: 'granted', id: 'sender' }
        : { kind: token === READER ? 'forbidden' : 'unknown' },
    counters: {
      increment: (name, labels, by = 1) => {
        const key = `${name.replace(/^rollcall_remote_|_total$/g, '')} ${Object.values(labels).join()}`;
        counted[key] = (counted[key] ?? 0) + by;
      },
    },
    ...changes,
  });
  app.use('/api/v1', router);
  const server = app.listen(0, '127.0.0.1');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return `http://127.0.0.1:${address.port}/api/v1`;
}

type Point = readonly [timeMs: number, value: number | 'stale'];

function series(labels: Readonly<Record<string, string>>, ...points: readonly Point[]): Series {
  return {
    labels: Labels.of(labels),
    timestamps: Float64Array.from(points, ([timeMs]) => timeMs),
    values: Float64Array.from(points, ([, value]) => (value === 'stale' ? NaN : value)),
    stale: Uint8Array.from(points, ([, value]) => Number(value === 'stale')),
  };
}

async function post(
  url: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly [status: number, text: string]> {
  const response = await fetch(url, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { ...WRITE_HEADERS, Authorization: `Bearer ${TOKEN}`, ...headers },
  });
  return [response.status, await response.text()];
}

async function stored(metric: string): Promise<readonly string[]> {
  const matchers = [createMatcher('__name__', '=', metric)];
  const range = { matchers, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, samplesMax: 2_000 };
  const found = await storage.select(range, new AbortController().signal);
  return found.map(({ labels, timestamps, values, stale }) => {
    const points = [...timestamps].map(
      (timeMs, i) => `${timeMs - NOW_MS}:${stale?.[i] === 1 ? 'stale' : values[i]}`,
    );
    return `${labels.toString()} ${points.join(' ')}`;
  });
}

describe('remote write', () => {
  it('stores series as they come, with stale markers and odd values', async () => {
    const url = await serve();
    const body = writeRequest([
      series({ __name__: 'a', job: 'x' }, [NOW_MS, 1], [NOW_MS + 1_000, NaN], [NOW_MS + 2_000, 'stale']),
      series({ __name__: 'a' }, [NOW_MS, -Infinity]),
    ]);
    expect(await post(`${url}/write`, body)).toEqual([204, '']);
    expect(await stored('a')).toEqual(['a 0:-Infinity', 'a{job="x"} 0:1 1000:NaN 2000:stale']);
    expect(counted).toEqual({ 'write_requests 204': 1, 'write_samples stored': 4 });
  });

  it('takes the token as bearer or as the password of basic authentication, and nothing else', async () => {
    const url = await serve();
    const body = writeRequest([]);
    const basic = `Basic ${Buffer.from(`prometheus:${TOKEN}`).toString('base64')}`;
    expect((await post(`${url}/write`, body, { Authorization: basic }))[0]).toBe(204);
    for (const Authorization of ['', 'Bearer', 'Bearer wrong', `Digest ${TOKEN}`]) {
      expect((await post(`${url}/write`, body, { Authorization }))[0]).toBe(401);
    }
    expect((await post(`${url}/write`, body, { Authorization: `Bearer ${READER}` }))[0]).toBe(403);
  });

  it('stores the good part of a request and answers 400 with counts', async () => {
    const url = await serve();
    const first = writeRequest([
      series({ __name__: 'a' }, [NOW_MS + 5, 1]),
      series({ __name__: 'b' }, [NOW_MS, 1]),
    ]);
    await post(`${url}/write`, first);
    const second = writeRequest([
      series({ __name__: 'a' }, [NOW_MS + 4, 1], [NOW_MS + 5, 2], [NOW_MS + 5, 1], [NOW_MS + 6, 3]),
      series({ __name__: 'b' }, [NOW_MS + 600_001, 1]),
      series({ __name__: 'c', instance: 'web-1' }, [NOW_MS, 1]),
    ]);
    expect(await post(`${url}/write`, second)).toEqual([
      400,
      'stored 2 samples, refused 1 more than ten minutes in the future or before 1970, ' +
        '1 of a host whose own agent reports, 1 out of order, 1 with a time that is taken by another value\n',
    ]);
    expect(await stored('a')).toEqual(['a 5:1 6:3']);
    expect(await stored('c')).toEqual([]);
    expect(counted).toMatchObject({ 'write_samples out_of_order': 1, 'write_samples reserved': 1 });
  });

  it('leaves out series that break the protocol, and what it does not store, and counts them', async () => {
    const url = await serve();
    const writer = new ByteWriter();
    const sample = (): void =>
      putMessage(writer, 2, () => writer.bytes(Buffer.from('09000000000000f03f1001', 'hex')));
    const label = (name: string, value: string): void =>
      putMessage(writer, 1, () => {
        putText(writer, 1, name);
        putText(writer, 2, value);
      });
    putMessage(writer, 1, () => {
      label('job', 'x');
      sample();
    });
    putMessage(writer, 1, () => {
      label('__name__', 'a');
      label('__name__', 'b');
      sample();
    });
    putMessage(writer, 1, () => {
      label('__name__', 'good');
      sample();
      putMessage(writer, 4, () => putText(writer, 1, ''));
      for (const trace of ['a', 'b']) putMessage(writer, 3, () => putText(writer, 1, trace));
    });
    expect(await post(`${url}/write`, packSnappy(writer.view()))).toEqual([204, '']);
    expect(await stored('good')).toHaveLength(1);
    expect(counted).toMatchObject({
      'write_samples stored': 1,
      'write_samples bad_series': 2,
      'write_samples histogram': 1,
      'write_samples exemplar': 2,
    });
  });

  it('counts exemplars as Prometheus sends them: in a series of their own, without samples', async () => {
    const url = await serve();
    const writer = new ByteWriter();
    putMessage(writer, 1, () => {
      putMessage(writer, 1, () => {
        putText(writer, 1, '__name__');
        putText(writer, 2, 'good');
      });
      putMessage(writer, 3, () => putText(writer, 1, 'trace'));
    });
    expect(await post(`${url}/write`, packSnappy(writer.view()))).toEqual([204, '']);
    expect(counted).toEqual({
      'write_requests 204': 1,
      'write_samples stored': 0,
      'write_samples exemplar': 1,
    });
  });

  it('stores nothing of a request that cannot be read', async () => {
    const url = await serve();
    const good = unpackSnappy(writeRequest([series({ __name__: 'a' }, [NOW_MS, 1])]), 1_000);
    const bad = packSnappy(Buffer.concat([good, Buffer.from([0x0a, 0x7f])]));
    expect((await post(`${url}/write`, bad))[0]).toBe(400);
    expect((await post(`${url}/write`, Buffer.from('not snappy')))[0]).toBe(400);
    expect((await post(`${url}/write`, Buffer.alloc(0)))[0]).toBe(400);
    expect(await stored('a')).toEqual([]);
  });

  it('refuses what is not snappy and protobuf 1.0 with 415', async () => {
    const url = await serve();
    const body = writeRequest([]);
    const statusWith = async (headers: Readonly<Record<string, string>>) =>
      (await post(`${url}/write`, body, headers))[0];
    expect(await statusWith({ 'Content-Type': 'application/json' })).toBe(415);
    expect(await statusWith({ 'Content-Encoding': 'gzip' })).toBe(415);
    const proto = (name: string) => ({ 'Content-Type': `application/x-protobuf;proto=${name}` });
    expect(await statusWith(proto('io.prometheus.write.v2.Request'))).toBe(415);
    expect(await statusWith(proto('prometheus.WriteRequest'))).toBe(204);
  });

  it('refuses bodies that are too large, also when only their content is', async () => {
    const url = await serve({ limits: { bodyBytes: 1_000, unpackedBytes: 5_000 } });
    expect((await post(`${url}/write`, Buffer.alloc(1_001)))[0]).toBe(413);
    expect((await post(`${url}/write`, packSnappy(Buffer.alloc(6_000))))[0]).toBe(413);
  });

  it('refuses requests of too many samples, and stores nothing of them', async () => {
    const url = await serve({ limits: { samplesPerWrite: 1_500 } });
    const points = (count: number) => Array.from({ length: count }, (_, i): Point => [NOW_MS + i, i]);
    const many = (name: string, count: number) =>
      writeRequest([series({ __name__: name }, ...points(count))]);
    expect((await post(`${url}/write`, many('within', 1_500)))[0]).toBe(204);
    expect((await stored('within'))[0]?.split(' ')).toHaveLength(1_501);
    const [status, text] = await post(`${url}/write`, many('beyond', 1_501));
    expect([status, text]).toEqual([413, expect.stringContaining('more than 1500 samples in one request')]);
    expect(await stored('beyond')).toEqual([]);
  });

  it('bounds the series of a sender, and lets go of those that are no longer sent', async () => {
    const clock = new FakeClock(NOW_MS);
    const url = await serve({ clock, limits: { seriesPerSender: 2, seriesIdleMs: 1_000 } });
    const write = (name: string, timeMs: number) =>
      post(`${url}/write`, writeRequest([series({ __name__: name }, [timeMs, 1])]));
    expect((await write('a', NOW_MS))[0]).toBe(204);
    expect((await write('b', NOW_MS))[0]).toBe(204);
    expect(await write('c', NOW_MS)).toEqual([
      400,
      'stored 0 samples, refused 1 of more series than a sender may have\n',
    ]);
    expect((await write('a', NOW_MS + 1))[0]).toBe(204);
    await clock.advance(61_000);
    expect((await write('c', NOW_MS + 2))[0]).toBe(204);
  });

  it('asks the sender to come again while the store cannot take anything', async () => {
    const append = () =>
      Promise.reject(new AppError('STORAGE_UNAVAILABLE', 'disk full', { isRetryable: true }));
    const url = await serve({ append });
    expect(await post(`${url}/write`, writeRequest([series({ __name__: 'a' }, [NOW_MS, 1])]))).toEqual([
      503,
      'disk full\n',
    ]);
  });

  it('serves a few requests at a time and asks the others to come again', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const url = await serve({
      limits: { writesAtOnce: 1 },
      append: async (batch) => {
        await held;
        return storage.append(batch);
      },
    });
    const body = writeRequest([series({ __name__: 'a' }, [NOW_MS, 1])]);
    const both = [post(`${url}/write`, body), post(`${url}/write`, body)];
    expect((await Promise.race(both))[0]).toBe(503);
    release();
    expect(new Set((await Promise.all(both)).map(([status]) => status))).toEqual(new Set([204, 503]));
    expect((await post(`${url}/write`, body))[0]).toBe(204);
  });

  it('counts a request whose sender left until its work is done', async () => {
    let running = 0;
    const { promise: begun, resolve: begin } = Promise.withResolvers<undefined>();
    const url = await serve({
      limits: { writesAtOnce: 1 },
      append: () => {
        running++;
        begin(undefined);
        return new Promise(() => undefined);
      },
    });
    const left = new AbortController();
    const body = writeRequest([series({ __name__: 'a' }, [NOW_MS, 1])]);
    const sent = fetch(`${url}/write`, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { ...WRITE_HEADERS, Authorization: `Bearer ${TOKEN}` },
      signal: left.signal,
    });
    await begun;
    left.abort();
    await expect(sent).rejects.toThrow('aborted');
    for (let i = 0; i < 3; i++) expect((await post(`${url}/write`, body))[0]).toBe(503);
    expect(running).toBe(1);
  });

  it('hands large requests to the store in portions, in order', async () => {
    const sizes: number[] = [];
    const url = await serve({
      limits: { samplesPerBatch: 10 },
      append: (batch) => {
        sizes.push(batch.reduce((sum, { samples }) => sum + samples.length, 0));
        return storage.append(batch);
      },
    });
    const points = Array.from({ length: 25 }, (_, i): Point => [NOW_MS + i, i]);
    expect(await post(`${url}/write`, writeRequest([series({ __name__: 'a' }, ...points)]))).toEqual([
      204,
      '',
    ]);
    expect(sizes).toEqual([10, 10, 5]);
  });
});

const EVER = { fromMs: 0, toMs: NOW_MS * 2 };

describe('remote read', () => {
  const send = (url: string, body: Buffer): Promise<Response> =>
    fetch(`${url}/read`, { method: 'POST', body: new Uint8Array(body), headers: WRITE_HEADERS });

  it('gives the series of each query with all their samples and stale markers, without a token', async () => {
    await storage.append([
      {
        labels: Labels.of({ __name__: 'm', a: '2' }),
        samples: [{ timeMs: NOW_MS, value: 2, isStale: true }],
      },
      { labels: Labels.of({ __name__: 'm', a: '1' }), samples: [{ timeMs: NOW_MS, value: 1 }] },
      { labels: Labels.of({ __name__: 'n', a: '3' }), samples: [{ timeMs: NOW_MS, value: 3 }] },
    ]);
    const url = await serve();
    const response = await send(
      url,
      readRequest(EVER, [
        [0, '__name__', 'm'],
        [2, 'a', '1|2'],
      ]),
    );
    expect([
      response.status,
      response.headers.get('content-type'),
      response.headers.get('content-encoding'),
    ]).toEqual([200, 'application/x-protobuf', 'snappy']);
    const answer = new MessageReader(unpackSnappy(new Uint8Array(await response.arrayBuffer()), 10_000));
    expect(answer.next()).toBe(true);
    const { position } = answer.message();
    // A result is written as a write request is.
    const result = seriesIn(answer.bytes.subarray(position));
    expect(result.map(({ labelBytes, samples }) => [decodeLabels(labelBytes)?.toString(), samples])).toEqual([
      ['m{a="1"}', [{ timeMs: NOW_MS, value: 1 }]],
      ['m{a="2"}', [{ timeMs: NOW_MS, value: NaN, isStale: true }]],
    ]);
    expect(answer.next()).toBe(false);
  });

  it('gives an empty result when nothing fits', async () => {
    const response = await send(await serve(), readRequest(EVER, [[0, '__name__', 'nothing']]));
    const answer = unpackSnappy(new Uint8Array(await response.arrayBuffer()), 10);
    expect([...answer]).toEqual([0x0a, 0]);
  });

  it('refuses bad matchers, too many of them, and too many samples', async () => {
    const samples = Array.from({ length: 11 }, (_, i) => ({ timeMs: NOW_MS + i, value: i }));
    await storage.append([{ labels: Labels.of({ __name__: 'm' }), samples }]);
    const url = await serve({ limits: { matchersPerQuery: 2, samplesPerRead: 10 } });
    const statusOf = async (...matchers: readonly RawMatcher[]) =>
      (await send(url, readRequest(EVER, matchers))).status;
    expect(await statusOf([2, 'a', '('])).toBe(400);
    expect(await statusOf([7, 'a', 'b'])).toBe(400);
    expect(await statusOf()).toBe(400);
    expect(await statusOf([0, 'a', 'b'], [0, 'a', 'b'], [0, 'a', 'b'])).toBe(413);
    expect(await statusOf([0, '__name__', 'm'])).toBe(400);
  });

  it('refuses a request that unpacks to more than matchers need', async () => {
    const url = await serve({ limits: { readRequestBytes: 1_000 } });
    expect((await send(url, packSnappy(Buffer.alloc(1_001)))).status).toBe(413);
    expect((await send(url, Buffer.from('not snappy'))).status).toBe(400);
    expect((await send(url, Buffer.alloc(0))).status).toBe(400);
  });

  it.each([
    ['DRAINING', 503],
    ['SLOW_DOWN', 503],
    ['QUERY_FAILED', 503],
    ['QUERY_LIMIT', 400],
  ] as const)('says %s of who answers with %d', async (code, status) => {
    const url = await serve({ answers: { remoteRead: () => Promise.reject(new AppError(code, 'reason')) } });
    const response = await send(url, readRequest(EVER, [[0, '__name__', 'm']]));
    expect([response.status, await response.text()]).toEqual([status, 'reason\n']);
  });

  it('ends what takes too long, and tells who answers', async () => {
    const clock = new FakeClock(NOW_MS);
    const { promise: asked, resolve: ask } = Promise.withResolvers<undefined>();
    let reason: unknown;
    const answers = {
      remoteRead(_request: unknown, signal: AbortSignal) {
        signal.addEventListener('abort', () => (reason = signal.reason), { once: true });
        ask(undefined);
        return new Promise<never>(() => {});
      },
    };
    const url = await serve({ clock, answers, limits: { readMs: 1_000 } });
    const answer = send(url, readRequest(EVER, [[0, '__name__', 'm']]));
    await asked;
    await clock.advance(1_000);
    expect((await answer).status).toBe(503);
    expect(reason).toMatchObject({ code: 'QUERY_TIMEOUT' });
  });

  it('breaks the connection when the answer fails in the middle', async () => {
    async function* half(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      yield Uint8Array.of(1, 2, 3);
      await Promise.resolve();
      throw new AppError('QUERY_FAILED', 'the thread failed');
    }
    const url = await serve({
      answers: { remoteRead: () => Promise.resolve({ data: half(), warnings: [], infos: [] }) },
    });
    const body = readRequest(EVER, [[0, '__name__', 'm']]);
    await expect(send(url, body).then((response) => response.bytes())).rejects.toThrow(
      /terminated|fetch failed/,
    );
  });

  it('lets go of the rest when the client leaves', async () => {
    const { promise: letGo, resolve: release } = Promise.withResolvers<string>();
    async function* endless(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      try {
        for (;;) {
          yield new Uint8Array(65_536);
          await Promise.resolve();
        }
      } finally {
        release('let go');
      }
    }
    const url = await serve({
      answers: { remoteRead: () => Promise.resolve({ data: endless(), warnings: [], infos: [] }) },
    });
    const left = new AbortController();
    const body = new Uint8Array(readRequest(EVER, [[0, '__name__', 'm']]));
    const { signal } = left;
    const response = await fetch(`${url}/read`, { method: 'POST', body, headers: WRITE_HEADERS, signal });
    expect(response.status).toBe(200);
    left.abort();
    expect(await letGo).toBe('let go');
  });
});
