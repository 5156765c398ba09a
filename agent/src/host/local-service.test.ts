import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ANSWER_BYTES_MAX, askService } from './local-service.ts';

const folders: string[] = [];
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-service-'));
  folders.push(folder);
  return join(folder, 'service.sock');
}

function listen(server: Server): Promise<string> {
  const path = socketPath();
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(path, () => resolve(path));
  });
}

const serve = (answer: RequestListener): Promise<string> => listen(createHttpServer(answer));
/** A server that sends these bytes and hangs up. */
const say = (bytes: string): Promise<string> =>
  listen(
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(bytes));
    }),
  );

const never = new AbortController().signal;
const ask = (path: string, signal = never): Promise<string> =>
  askService(path, { target: '/containers/json', signal }).then(String);

describe('askService', () => {
  it('only reads', async () => {
    const path = await serve((request, response) => {
      response.end(`${request.method} ${request.url} ${request.headers['content-length'] ?? 'no body'}`);
    });
    expect(await ask(path)).toBe('GET /containers/json no body');
  });

  it('says when nobody is there', async () => {
    await expect(ask(socketPath())).rejects.toMatchObject({ kind: 'absent', code: 'READ_FAILED' });
  });

  it.each([
    ['an error', 'HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno'],
    ['a redirection', 'HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['nothing', ''],
    ['less than it promises', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]'],
    ['headers without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n[]`],
    ['a broken piece', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]'],
  ])('refuses %s', async (_what, bytes) => {
    await expect(ask(await say(bytes))).rejects.toMatchObject({ kind: 'io' });
  });

  it('refuses an answer without end', async () => {
    const path = await serve((_request, response) => {
      const chunk = Buffer.alloc(ANSWER_BYTES_MAX / 4);
      response.on('error', () => undefined);
      for (let i = 0; i < 6; i++) response.write(chunk);
    });
    await expect(ask(path)).rejects.toMatchObject({ kind: 'too_large' });
  });

  it('gives up when it is told to, before and while it waits', async () => {
    const path = await serve(() => undefined);
    await expect(ask(path, AbortSignal.abort())).rejects.toMatchObject({ kind: 'timeout' });
    const controller = new AbortController();
    const asked = ask(path, controller.signal);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ kind: 'timeout' });
  });
});
