import { createServer, type Server } from 'node:http';
import { connect, createServer as createSocketServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { listen, type BoundServer } from './listen.ts';

const HOST = '127.0.0.1';
const open: BoundServer[] = [];

afterEach(async () => {
  for (const bound of open.splice(0)) await bound.close();
});

async function serve(port = 0): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((_request, response) => response.end('here'));
  const bound = await listen(server, { host: HOST, port });
  open.push(bound);
  return { server, port: Number(new URL(bound.url).port) };
}

test('answers on every connection, whichever socket took it', async () => {
  const { port } = await serve();
  // Without keep-alive each request is a connection of its own.
  const answers = await Promise.all(
    Array.from({ length: 64 }, async () =>
      (await fetch(`http://${HOST}:${port}`, { headers: { connection: 'close' } })).text(),
    ),
  );
  expect(new Set(answers)).toEqual(new Set(['here']));
});

test('takes several connections in one turn of the event loop', async () => {
  const { server, port } = await serve();
  const isFull = Promise.withResolvers<void>();
  const turns: number[] = [];
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  server.on('connection', (socket) => {
    turns.push(turn);
    socket.on('error', () => socket.destroy());
    if (turns.length === 64) isFull.resolve();
  });
  const peers = Array.from({ length: 64 }, () => connect(port, HOST));
  setImmediate(count);
  await isFull.promise;
  isOver = true;
  for (const peer of peers) peer.destroy();
  expect(new Set(turns).size).toBeLessThan(turns.length);
});

test('a second one at the same address is told that it is taken', async () => {
  const { port } = await serve();
  await expect(serve(port)).rejects.toMatchObject({ code: 'PORT_TAKEN' });
});

test('an address that another program holds is taken as well', async () => {
  const other = createSocketServer();
  await new Promise<void>((resolve) => other.listen(0, HOST, resolve));
  const address = other.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  await expect(serve(port)).rejects.toMatchObject({ code: 'PORT_TAKEN' });
  await new Promise((resolve) => other.close(resolve));
});

test('gives the address free when it is closed, and ends what was connected', async () => {
  const { port } = await serve();
  const peers = Array.from({ length: 16 }, () => connect(port, HOST));
  const ended = Promise.all(
    peers.map(
      (peer) =>
        new Promise((resolve) => {
          peer.on('error', () => {});
          peer.on('close', resolve);
          peer.resume();
        }),
    ),
  );
  await Promise.all(peers.map((peer) => new Promise((resolve) => peer.once('connect', resolve))));
  await open.pop()?.close();
  await ended;
  const again = await serve(port);
  expect(again.port).toBe(port);
});

test('an address of another machine is a mistake in the settings', async () => {
  const server = createServer();
  await expect(listen(server, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ code: 'BAD_CONFIG' });
});
