/**
 * A strict InfluxDB 2.x in this process: it checks what the real one checks, keeps points as the real one keeps them (the
 * same point again is one point), and misbehaves when a test tells it to. It is written after the vendor's API
 * description, not after the product.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { parseLine } from '../../line-protocol/testing/parse-lines.ts';

/** What the next write meets instead of the usual answer. */
export type Misbehaviour =
  /** An answer without storing anything. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Stores, and answers with something else than 204. */
  | { readonly kind: 'stored-answer'; readonly status: number; readonly body: string }
  /** Cuts the connection before anything is stored. */
  | { readonly kind: 'reset' }
  /** Stores everything, and cuts the connection instead of answering. */
  | { readonly kind: 'stored-reset' }
  /** Begins an answer and cuts it off in the middle. */
  | { readonly kind: 'cut' }
  /** Never answers. */
  | { readonly kind: 'silent' };

export interface FakeInfluxV2 {
  readonly url: string;
  /** Value of each point by measurement, tags, field and time; what is written again is there once. */
  readonly points: ReadonlyMap<string, number>;
  /** Every request, with its headers; bodies of writes unpacked. */
  readonly requests: readonly FakeRequest[];
  /** What the next writes meet, one after another. */
  misbehave(...next: readonly Misbehaviour[]): void;
  /** Points older than this are refused with 422. */
  retentionFromMs: number;
  /** Longer bodies are refused with 413. */
  bodyBytesMax: number;
  /** Answers of `/api/v2/query`, by what the query contains. */
  readonly queryAnswers: Map<string, string>;
  /** What `/metrics` says. */
  startedMs: number;
  /** Forgets the newest points, as a server that lost its power. */
  forget(count: number): void;
  close(): Promise<void>;
}

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export const FAKE_INFLUX = { org: 'ops', bucket: 'rollcall', token: 'secret-token-of-influx' } as const;

export async function startFakeInfluxV2(): Promise<FakeInfluxV2> {
  const points = new Map<string, number>();
  const requests: FakeRequest[] = [];
  const pending: Misbehaviour[] = [];
  const state = { retentionFromMs: 0, bodyBytesMax: 50_000_000, startedMs: 1_700_000_000_000 };
  const queryAnswers = new Map<string, string>();

  const handle = (request: IncomingMessage, response: ServerResponse, bytes: Buffer): void => {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', 'http://fake');
    const isPacked = headers['content-encoding'] === 'gzip';
    const body = (isPacked ? gunzipSync(bytes) : bytes).toString('utf8');
    requests.push({ method, path: url.pathname, headers, body });
    const fail = (status: number, code: string, message: string, more: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...more });
      response.end(JSON.stringify({ code, message }));
    };
    if (url.pathname === '/metrics') {
      response.end(`# HELP x\nprocess_start_time_seconds ${state.startedMs / 1_000}\n`);
      return;
    }
    if (headers.authorization !== `Token ${FAKE_INFLUX.token}`) {
      fail(401, 'unauthorized', 'unauthorized access');
      return;
    }
    if (url.searchParams.get('org') !== FAKE_INFLUX.org) {
      fail(404, 'not found', 'organization not found');
      return;
    }
    if (url.pathname === '/api/v2/query') {
      const answer = [...queryAnswers].find(([part]) => body.includes(part))?.[1];
      response.setHeader('content-type', 'text/csv; charset=utf-8');
      response.end(answer ?? '\r\n');
      return;
    }
    if (url.pathname !== '/api/v2/write' || method !== 'POST') {
      fail(404, 'not found', 'path not found');
      return;
    }
    const next = pending.shift();
    if (next?.kind === 'reset') return void request.socket.resetAndDestroy();
    if (next?.kind === 'silent') return;
    if (next?.kind === 'cut') {
      response.writeHead(503, { 'content-length': '1000' });
      response.write('partial');
      setTimeout(() => request.socket.destroy(), 5);
      return;
    }
    if (next?.kind === 'answer') {
      response.writeHead(next.status, { 'content-type': 'application/json', ...next.headers });
      response.end(next.body ?? '');
      return;
    }
    if (url.searchParams.get('bucket') !== FAKE_INFLUX.bucket) {
      fail(404, 'not found', `bucket "${url.searchParams.get('bucket')}" not found`);
      return;
    }
    if (url.searchParams.get('precision') !== 'ms') {
      fail(400, 'invalid', 'this fake wants precision ms');
      return;
    }
    if (bytes.length > state.bodyBytesMax) {
      fail(413, 'request too large', `cannot read data: ${bytes.length} bytes`);
      return;
    }
    let found;
    try {
      found = body.split('\n').map(parseLine);
    } catch (error) {
      fail(400, 'invalid', error instanceof Error ? error.message : 'unable to parse');
      return;
    }
    if (found.some(({ timeMs }) => timeMs < state.retentionFromMs)) {
      fail(422, 'unprocessable entity', 'failure writing points to database: points beyond retention policy');
      return;
    }
    for (const { measurement, tags, fields, timeMs } of found) {
      for (const [field, value] of Object.entries(fields))
        points.set(JSON.stringify([measurement, tags, field, timeMs]), value);
    }
    if (next?.kind === 'stored-reset') return void request.socket.resetAndDestroy();
    if (next?.kind === 'stored-answer') {
      response.writeHead(next.status, { 'content-type': 'application/json' });
      response.end(next.body);
      return;
    }
    response.writeHead(204);
    response.end();
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handle(request, response, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port ?? 0}`,
    points,
    requests,
    queryAnswers,
    misbehave: (...next: readonly Misbehaviour[]) => void pending.push(...next),
    forget: (count: number) => {
      for (const key of [...points.keys()].slice(-count)) points.delete(key);
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
