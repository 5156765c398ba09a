import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { systemClock, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { SUBPROTOCOL } from '@rollcall/shared/protocol/version.ts';
import { appendTick, currentEpoch, testSchema } from '../spool/conformance.ts';
import { MemorySpool } from '../spool/memory.ts';
import { parseEndpoint } from './endpoint.ts';
import { memoryIdentityStore } from './identity.ts';
import { channelBindingOf, webSocketDial, type Dial, type Socket, type SocketEvents } from './socket.ts';
import { FakeCollector } from './testing/fake-collector.ts';
import { startWsServer, testCertificate, type WsServerOptions } from './testing/ws-server.ts';
import { Uplink } from './uplink.ts';

/** RFC 6455, section 1.3. */
const WEB_SOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function dialTo(url: string, ca?: string, clock: Clock = systemClock): Dial {
  const endpoint = parseEndpoint(url, { isInsecureAllowed: false });
  return webSocketDial({ clock, randomBytes, endpoint, ca });
}

/** Timers fire after a hundredth of their time. */
const hastyClock: Clock = {
  ...systemClock,
  setTimer: (delayMs, callback, options) => systemClock.setTimer(delayMs / 100, callback, options),
};

async function serve(options: WsServerOptions): Promise<string> {
  const server = await startWsServer(options);
  cleanups.push(() => server.close());
  return server.url;
}

/** Connects and notes what happens, as text. */
function watch(dial: Dial): {
  readonly socket: Socket;
  readonly events: string[];
  until: (text: string) => Promise<readonly string[]>;
} {
  const events: string[] = [];
  const note = (text: string): void => void events.push(text);
  const noted: SocketEvents = {
    opened: () => note('opened'),
    received: (bytes) => note(`received ${bytes.toString('latin1')}`),
    heard: () => note('heard'),
    drained: () => note('drained'),
    refused: ({ statusCode, retryAfterMs }) => note(`refused ${statusCode} ${retryAfterMs}`),
    failed: (error) => note(`failed ${error.code}`),
    closed: (code) => note(`closed ${code}`),
  };
  const socket = dial(noted);
  const until = async (text: string): Promise<readonly string[]> => {
    await waitFor(() => events.includes(text));
    return events;
  };
  cleanups.push(() => socket.terminate());
  return { socket, events, until };
}

/** Writes each piece in a packet of its own. */
async function slowly(transport: Duplex, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    await new Promise((resolve) => transport.write(piece, 'latin1', resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function waitFor(isReached: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (isReached()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error('waited two seconds in vain');
}

describe('a socket', () => {
  it('carries messages both ways, without compression', async () => {
    let extensions = 'unknown';
    const onSocket = (socket: WebSocket): void => {
      ({ extensions } = socket);
      socket.on('message', (content) => socket.send(content));
    };
    const { socket, until } = watch(dialTo(await serve({ onSocket })));
    await until('opened');
    socket.send(Buffer.from('hello'));
    await until('drained');
    await until('received hello');
    expect(extensions).toBe('');
    expect(socket.bufferedBytes).toBe(0);
    expect(socket.channelBinding()).toBeUndefined();
  });

  it('sends each message under a mask of its own, however many there are', async () => {
    let asked = 0;
    // The same bytes all the time would be one mask; these are never the same.
    const counting = (count: number): Buffer =>
      Buffer.from(Uint32Array.from({ length: Math.ceil(count / 4) }, () => ++asked).buffer);
    const pieces: Buffer[] = [];
    const received: string[] = [];
    const onSocket = (socket: WebSocket, request: IncomingMessage): void => {
      request.socket.on('data', (bytes: Buffer) => pieces.push(Buffer.from(bytes)));
      socket.on('message', (content: Buffer) => received.push(content.toString()));
    };
    const endpoint = parseEndpoint(await serve({ onSocket }), { isInsecureAllowed: false });
    const dial = webSocketDial({ clock: systemClock, randomBytes: counting, endpoint, ca: undefined });
    const { socket, until } = watch(dial);
    await until('opened');
    const sent = Array.from({ length: 600 }, (_, i) => String(i).padStart(4, '0'));
    for (const text of sent) socket.send(Buffer.from(text));
    await waitFor(() => received.length === sent.length);
    expect(received).toEqual(sent);
    // Each frame is two bytes, the mask and four more.
    const bytes = Buffer.concat(pieces);
    const masks = sent.map((_, i) => bytes.toString('hex', 10 * i + 2, 10 * i + 6));
    expect(new Set(masks).size).toBe(sent.length);
  });

  it('tells of pings and pongs, and the code with which it was closed', async () => {
    const onSocket = (socket: WebSocket): void => {
      socket.once('ping', () => socket.close(4411));
    };
    const { socket, events, until } = watch(dialTo(await serve({ onSocket })));
    await until('opened');
    socket.ping();
    await until('closed 4411');
    expect(events).toEqual(['opened', 'heard', 'closed 4411']);
    socket.send(Buffer.from('late'));
    socket.ping();
  });

  it('hands on a message of text as one without content', async () => {
    const { until } = watch(dialTo(await serve({ onSocket: (socket) => socket.send('text') })));
    expect(await until('received ')).toContain('opened');
  });

  it('ends when a message is larger than the wire allows', async () => {
    const onSocket = (socket: WebSocket): void => socket.send(Buffer.alloc(LIMITS.messageBytes + 1));
    const { events } = watch(dialTo(await serve({ onSocket })));
    await waitFor(() => events.some((event) => event.startsWith('closed')));
    expect(events).toEqual(['opened', 'closed 1006']);
  });

  it.each([
    ['HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n', 'refused 503 7000'],
    ['HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n', 'refused 426 undefined'],
    [
      'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n',
      'refused 302 undefined',
    ],
    ['HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n', 'refused 429 undefined'],
    ['garbage', 'failed COLLECTOR_UNREACHABLE'],
    [`HTTP/1.1 503 Busy\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 'failed COLLECTOR_UNREACHABLE'],
    [
      'HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      'failed COLLECTOR_UNREACHABLE',
    ],
  ])('tells of an answer that is no upgrade: %j', async (answer, expected) => {
    const { events, until } = watch(dialTo(await serve({ onUpgrade: (transport) => transport.end(answer) })));
    await until(expected);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(events).toEqual([expected]);
  });

  it('reads an answer that comes a byte at a time, with the first frame right behind it', async () => {
    const onUpgrade = (transport: Duplex, { headers }: IncomingMessage): void => {
      const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${WEB_SOCKET_GUID}`);
      const answer = `HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\nSec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`;
      void slowly(transport, [
        ...answer.slice(0, -4).split(''),
        `${answer.slice(-4)}\x82\x02hi\x82\x03`,
        'you',
      ]);
    };
    const { events, until } = watch(dialTo(await serve({ onUpgrade })));
    await until('received you');
    expect(events).toEqual(['opened', 'received hi', 'received you']);
  });

  it('fails when the answer takes too long, whether something comes of it or not', async () => {
    for (const answer of ['', 'HTTP/1.1 101 Switching Protocols\r\n']) {
      let transport: Duplex | undefined;
      const onUpgrade = (opened: Duplex): void => {
        transport = opened;
        opened.write(answer);
        const drip = setInterval(() => opened.write('X'), 5);
        opened.on('error', () => {}).on('close', () => clearInterval(drip));
      };
      const { events, until } = watch(dialTo(await serve({ onUpgrade }), undefined, hastyClock));
      await until('failed COLLECTOR_UNREACHABLE');
      await waitFor(() => transport?.destroyed ?? false);
      expect(events).toHaveLength(1);
    }
  });

  it('fails later when it is given up before it is open', async () => {
    for (const giveUp of [(socket: Socket) => socket.terminate(), (socket: Socket) => socket.close(1000)]) {
      const { socket, events, until } = watch(dialTo(await serve({})));
      giveUp(socket);
      giveUp(socket);
      socket.send(Buffer.from('early'));
      socket.ping();
      expect([events, socket.bufferedBytes]).toEqual([[], 0]);
      await until('failed COLLECTOR_UNREACHABLE');
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(events).toHaveLength(1);
    }
  });

  it('puts fragments together, up to as many as the wire allows', async () => {
    const fragments = (count: number) => (socket: WebSocket) => {
      for (let i = 1; i <= count; i++) socket.send(Buffer.from('x'), { fin: i === count });
    };
    const most = LIMITS.fragmentsPerMessage;
    const { until } = watch(dialTo(await serve({ onSocket: fragments(most) })));
    await until(`received ${'x'.repeat(most)}`);
    const over = watch(dialTo(await serve({ onSocket: fragments(most + 1) })));
    expect(await over.until('closed 1006')).toEqual(['opened', 'closed 1006']);
  });

  it.each([
    ['a mask', '\x82\x81abcdx'],
    ['a reserved bit', '\xc2\x01x'],
    ['an unknown kind', '\x83\x01x'],
    ['a continuation of nothing', '\x80\x01x'],
    ['a close code that nobody may send', '\x88\x02\x03\xed'],
  ])('ends when a frame has %s', async (_what, bytes) => {
    let code = 0;
    const onSocket = (socket: WebSocket, request: IncomingMessage): void => {
      socket.on('close', (theirs) => (code = theirs));
      request.socket.write(bytes, 'latin1');
    };
    const { events, until } = watch(dialTo(await serve({ onSocket })));
    await until('closed 1006');
    await waitFor(() => code !== 0);
    expect([events, code]).toEqual([['opened', 'closed 1006'], 1002]);
  });

  it('closes in order, after what was sent', async () => {
    const seen: string[] = [];
    const onSocket = (socket: WebSocket): void => {
      socket.on('message', () => seen.push('message'));
      socket.on('close', (code) => seen.push(`closed ${code}`));
    };
    const { socket, events, until } = watch(dialTo(await serve({ onSocket })));
    await until('opened');
    socket.send(Buffer.alloc(200_000));
    socket.close(4000);
    socket.close(4001);
    socket.send(Buffer.from('late'));
    await until('closed 4000');
    await waitFor(() => seen.length === 2);
    expect(seen).toEqual(['message', 'closed 4000']);
    expect(events.filter((event) => event.startsWith('closed'))).toHaveLength(1);
  });

  it('answers the code with which the other end closes', async () => {
    let answer = 0;
    const onSocket = (socket: WebSocket): void => {
      socket.on('close', (code) => (answer = code));
      socket.close(4411);
    };
    await watch(dialTo(await serve({ onSocket }))).until('closed 4411');
    await waitFor(() => answer !== 0);
    expect(answer).toBe(4411);
  });

  it('does not wait for ever for the other end to close', async () => {
    const onSocket = (_socket: WebSocket, request: IncomingMessage): void => void request.socket.pause();
    const { socket, until } = watch(dialTo(await serve({ onSocket }), undefined, hastyClock));
    await until('opened');
    socket.close(4000);
    expect(await until('closed 1006')).toEqual(['opened', 'closed 1006']);
  });

  it('ends when it is pinged faster than it can answer', async () => {
    const pings = (count: number) => (_socket: WebSocket, request: IncomingMessage) => {
      request.socket.write(Buffer.from('\x89\x00'.repeat(count), 'latin1'));
    };
    const { events } = watch(dialTo(await serve({ onSocket: pings(8) })));
    await waitFor(() => events.length === 9);
    expect(events).not.toContain('closed 1006');
    await watch(dialTo(await serve({ onSocket: pings(9) }))).until('closed 1006');
  });

  it('fails when nobody listens or another protocol is spoken', async () => {
    const failure = 'failed COLLECTOR_UNREACHABLE';
    expect(await watch(dialTo('http://127.0.0.1:1')).until(failure)).toEqual([failure]);
    const foreign = await serve({ subprotocol: false });
    expect(await watch(dialTo(foreign)).until(failure)).toEqual([failure]);
  });
});

describe('TLS', () => {
  const tls = testCertificate('localhost');

  it('gives both ends the same channel binding', async () => {
    let theirs: Buffer | undefined;
    const url = await serve({
      tls,
      onSocket: (_socket, request) => void (theirs = channelBindingOf(request.socket)),
    });
    const { socket, until } = watch(dialTo(url, tls.cert));
    await until('opened');
    expect(theirs).toHaveLength(32);
    expect(socket.channelBinding()).toEqual(theirs);
  });

  it('carries messages that come in many pieces, with and without it', async () => {
    for (const server of [{ tls }, {}]) {
      const messages = [60_000, 3, 20_000].map((length) => randomBytes(length));
      const onSocket = (socket: WebSocket): void => {
        for (const message of messages) socket.send(message);
      };
      const { events, until } = watch(dialTo(await serve({ ...server, onSocket }), tls.cert));
      await until('opened');
      await waitFor(() => events.length === 4);
      expect(events.slice(1)).toEqual(messages.map((bytes) => `received ${bytes.toString('latin1')}`));
    }
  });

  it.each([
    ['is signed by nobody we trust', tls, undefined],
    ['is for another name', testCertificate('other'), testCertificate('other').cert],
  ])('refuses a certificate that %s', async (_what, server, ca) => {
    const { until } = watch(dialTo(await serve({ tls: server }), ca));
    expect(await until('failed COLLECTOR_UNTRUSTED')).toHaveLength(1);
  });

  it('cannot be left out towards another machine', () => {
    expect(() => dialTo('http://192.0.2.1')).toThrow(AppError);
  });
});

describe('the uplink over a real socket', () => {
  it('proves itself with the channel binding, delivers, reconnects and says goodbye', async () => {
    const tls = testCertificate('localhost');
    const keys = generateIdentity();
    const collector = new FakeCollector(keys.publicKey);
    collector.settings.binding = 'exporter';
    let current: WebSocket | undefined;
    const url = await serve({
      tls,
      onSocket: (socket, request) => {
        current = socket;
        socket.on('message', (content) => {
          if (Buffer.isBuffer(content)) collector.received(content);
        });
        collector.connected(
          { send: (bytes) => socket.send(bytes), close: (code) => socket.close(code) },
          channelBindingOf(request.socket),
        );
      },
    });
    const spool = new MemorySpool({ clock: systemClock, bootId: 'boot', randomBytes });
    const identity = memoryIdentityStore({
      agentId: Buffer.alloc(16, 1),
      keys,
      collectorKeys: [collector.identity.publicKey],
    });
    const os = { platform: 'linux', name: 'Linux', kernel: '6', arch: 'x64' };
    const uplink = new Uplink({
      clock: systemClock,
      log: fakeLog(),
      random: () => 0,
      randomBytes,
      spool,
      identity,
      dial: dialTo(url, tls.cert),
      facts: { hostName: 'web-1', bootId: 'boot', agentVersion: '0.1.0', os },
      inventory: { sections: () => [], onChange: () => {} },
    });
    const schema = testSchema('cpu', 20);
    appendTick(spool, [schema]);
    uplink.start();
    await waitFor(() => currentEpoch(spool).acked === 2);
    current?.terminate();
    appendTick(spool, [schema]);
    await waitFor(() => currentEpoch(spool).acked === 3);
    await uplink.stop();
    expect(collector.faults).toEqual([]);
    expect(collector.hellos).toHaveLength(2);
    expect(collector.frames.at(-1)?.type).toBe(MESSAGE.BYE);
    expect(identity.facts().binding).toBe('exporter');
  });
});
