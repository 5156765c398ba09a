import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { answer } from './answers.ts';
import { reply, wantsGzip } from './reply.ts';

it.each([1, 1_000, 2_000])('sends %i times letters outside of ASCII byte by byte', async (times) => {
  const data = 'ü→𝄞"\\\n'.repeat(times);
  const server = createServer((request, response) => {
    void reply({ request, response, log: silentLogger }, () => answer(data, ['größer']));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  const socket = connect(address.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
  expect(JSON.parse(body)).toEqual({ status: 'success', data, warnings: ['größer'] });
  expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}\r\n`);
});

it.each(['identity', 'gzip'])(
  'closes the connection of a client that reads nothing of an answer in %s',
  async (encoding) => {
    const ended = Promise.withResolvers<undefined>();
    let taken = 0;
    const server = createServer((request, response) => {
      // Noise, which cannot be packed.
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) {
            taken++;
            yield await Promise.resolve(new Uint8Array(randomBytes(1_000_000)));
          }
        } finally {
          ended.resolve(undefined);
        }
      }
      void reply({ request, response, log: silentLogger, unreadMsMax: 20 }, () => ({ data: endless() }));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new TypeError('no port');
    const socket = connect(address.port, '127.0.0.1');
    socket.pause();
    socket.on('error', () => undefined);
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: ${encoding}\r\n\r\n`);
    await ended.promise;
    expect(taken).toBeGreaterThan(0);
    socket.destroy();
  },
);

it.each([
  ['in pieces, packed', 'gzip', undefined],
  ['in pieces', 'identity', undefined],
  ['whole, packed', 'gzip', 40_000],
  ['whole', 'identity', 40_000],
  ['whole, in one call', 'identity', 2_000],
])(
  'closes the connection when nobody reads the end of an answer that goes out %s',
  async (_, encoding, onlyPieceBytes) => {
    // It takes what is written and never says that it is out.
    const socket = Object.assign(new Socket(), { _write: () => undefined, _writev: () => undefined });
    const request = new IncomingMessage(socket);
    request.headers['accept-encoding'] = encoding;
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    const data = [randomBytes(onlyPieceBytes ?? 10)];
    await reply({ request, response, log: silentLogger, unreadMsMax: 20 }, () => ({ data, onlyPieceBytes }));
    expect(socket.destroyed).toBe(true);
  },
);

it.each([
  ['gzip', true],
  ['gzip, deflate, br', true],
  ['br;q=1.0, GZIP;q=0.8, *;q=0.1', true],
  ['*', true],
  ['gzip;q=0.5, identity;q=0.5', true],
  ['identity', false],
  ['gzip;q=0', false],
  ['*, gzip;q=0', false],
  ['*;q=0', false],
  ['gzip;q=0.4, identity', false],
  ['deflate', false],
  ['', false],
  ['gzip;q=nonsense', false],
  ['gzippy', false],
  [undefined, false],
])('Accept-Encoding %s takes gzip: %s', (header, expected) => {
  expect(wantsGzip(header)).toBe(expected);
});
