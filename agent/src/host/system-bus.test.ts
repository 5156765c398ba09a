import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { encodeCall, readMessage } from './dbus.ts';
import { HostError } from './host.ts';
import { listSystemUnits } from './system-bus.ts';

/** Texts and numbers as they stand in a body, each at a multiple of 4. */
function body(...values: readonly (string | number)[]): Buffer {
  return values.reduce<Buffer>((bytes, value) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(typeof value === 'number' ? value : Buffer.byteLength(value));
    const text = typeof value === 'number' ? Buffer.alloc(0) : Buffer.from(`${value}\0`);
    return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3), size, text]);
  }, Buffer.alloc(0));
}

/** A message of which `fields` hold one number: the serial of the call. */
function message(type: number, replySerial: number, content: Buffer): Buffer {
  const head = Buffer.from([0x6c, type, 0, 1, 0, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 5, 1, 0x75, 0, 0, 0, 0, 0]);
  head.writeUInt32LE(content.length, 4);
  head.writeUInt32LE(replySerial, 20);
  return Buffer.concat([head, content]);
}

function unit(name: string, load: string, active: string): Buffer {
  return body(name, 'A description', load, active, 'running', '', '/org/x', 0, '', '/');
}

/** The length of an array counts the padding between its structs, not that behind the last one. */
function units(...list: readonly Buffer[]): Buffer {
  const array = list.reduce(
    (bytes, each) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7), each]),
    Buffer.alloc(0),
  );
  const head = Buffer.alloc(8);
  head.writeUInt32LE(array.length);
  return message(2, 2, Buffer.concat([head, array]));
}

/** Talks to a bus that says `greeting`, then `answer` in pieces of `pieceBytes`. */
async function ask(answer: Buffer, { greeting = 'OK 1234\r\n', pieceBytes = 7, abort = false } = {}) {
  using folder = tempDir();
  const path = join(folder.path, 'bus');
  const sockets: Socket[] = [];
  let heard = Buffer.alloc(0);
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const isFirst = heard.length === 0;
      heard = Buffer.concat([heard, chunk]);
      if (isFirst) socket.write(greeting);
      else
        for (let at = 0; at < answer.length; at += pieceBytes)
          socket.write(answer.subarray(at, at + pieceBytes));
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const controller = new AbortController();
  try {
    const asked = listSystemUnits(controller.signal, path);
    if (abort) controller.abort();
    return { units: await asked, heard: heard.toString('latin1') };
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

function kindOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'none',
    (error: unknown) => (error instanceof HostError ? error.kind : String(error)),
  );
}

describe('listSystemUnits', () => {
  it('says who it is, and reads the units whatever the pieces are', async () => {
    const answer = Buffer.concat([
      message(2, 1, body(':1.7')),
      units(unit('ssh.service', 'loaded', 'active'), unit('x.timer', 'not-found', 'inactive')),
    ]);
    for (const pieceBytes of [1, 5, 4_096]) {
      const { units: found, heard } = await ask(answer, { pieceBytes });
      expect(found).toEqual([
        { name: 'ssh.service', loadState: 'loaded', activeState: 'active' },
        { name: 'x.timer', loadState: 'not-found', activeState: 'inactive' },
      ]);
      expect(heard).toMatch(/^\0AUTH EXTERNAL [0-9a-f]+\r\nBEGIN\r\nl.*Hello.*ListUnits/s);
    }
  });

  it.each([
    ['denied', message(2, 1, Buffer.alloc(0)), { greeting: 'REJECTED EXTERNAL\r\n' }],
    ['denied', message(2, 1, Buffer.alloc(0)), { greeting: 'x'.repeat(600) }],
    ['timeout', Buffer.alloc(0), { abort: true }],
    ['io', Buffer.from('HTTP/1.1 400 Bad Request'), {}],
    ['io', units(Buffer.alloc(64)), {}],
    ['too_large', Buffer.from('6c02000100ffffff0100000000000000', 'hex'), {}],
  ])('fails with %s', async (kind, answer, options) => {
    expect(await kindOf(ask(answer, options))).toBe(kind);
  });

  it('fails with absent where there is no bus', async () => {
    expect(await kindOf(listSystemUnits(new AbortController().signal, '/nonexistent/bus'))).toBe('absent');
  });
});

describe('readMessage', () => {
  it('reads back what was written, however long the names are', () => {
    const text = fc.stringMatching(/^[a-z./]{1,40}$/);
    fc.assert(
      fc.property(text, text, text, text, (destination, path, member, name) => {
        const bytes = encodeCall({ serial: 3, destination, path, interface: name, member });
        expect(bytes.length % 8).toBe(0);
        const read = readMessage(Buffer.concat([bytes, Buffer.from('next')]));
        expect(read).toMatchObject({ type: 1, length: bytes.length });
        expect(readMessage(bytes.subarray(0, -1))).toBeUndefined();
      }),
    );
  });

  // oxlint-disable-next-line expect-expect -- the property is that nothing unexpected is thrown
  it('throws nothing but HostError for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
        try {
          readMessage(Buffer.concat([Buffer.from([0x6c, 2, 0, 1]), noise]));
        } catch (error) {
          if (!(error instanceof HostError)) throw error;
        }
      }),
    );
  });
});
