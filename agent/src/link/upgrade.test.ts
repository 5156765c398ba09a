import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SUBPROTOCOL } from '@rollcall/shared/protocol/version.ts';
import { ANSWER_HEAD_BYTES_MAX, readUpgradeAnswer, upgradeRequest } from './upgrade.ts';

/** The example of RFC 6455, section 1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const FIELDS = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Accept': ACCEPT,
  'Sec-WebSocket-Protocol': SUBPROTOCOL,
};

function answer(fields: Readonly<Record<string, string>> = FIELDS): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`;
}

function read(text: string) {
  return readUpgradeAnswer(Buffer.from(text, 'latin1'), KEY);
}

describe('the request', () => {
  it('asks for the agent’s protocol over a WebSocket', () => {
    const text = upgradeRequest(new URL('ws://[::1]:7655/secret/agent/v1/connect'), KEY);
    expect(text.split('\r\n')).toEqual([
      'GET /secret/agent/v1/connect HTTP/1.1',
      'Host: [::1]:7655',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${KEY}`,
      `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
      '',
      '',
    ]);
  });
});

describe('the answer', () => {
  it('is read wherever it is cut, and what follows is left alone', () => {
    const text = answer();
    for (let length = 0; length < text.length; length++)
      expect(read(text.slice(0, length))).toEqual({ kind: 'incomplete' });
    expect(read(text)).toEqual({ kind: 'upgraded', restBytes: 0 });
    expect(read(`${text}HTTP/1.1 \r\n\r\n`)).toEqual({ kind: 'upgraded', restBytes: 13 });
  });

  it('may come after informational ones, in any spelling that means the same', () => {
    const fields = { uPGRADE: ' WebSocket ', connection: 'keep-alive, upgrade', via: 'a:b' };
    const { 'Sec-WebSocket-Accept': accept, 'Sec-WebSocket-Protocol': protocol } = FIELDS;
    const text = answer({ ...fields, 'sec-websocket-accept': accept, 'SEC-WEBSOCKET-PROTOCOL': protocol });
    const early = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
    expect(read(`HTTP/1.1 100 Continue\r\n\r\n${early}${text}`).kind).toBe('upgraded');
    expect(read(`HTTP/1.1 100 Continue\r\n\r\n${early}`)).toEqual({ kind: 'incomplete' });
  });

  it.each([
    ['another accept', { ...FIELDS, 'Sec-WebSocket-Accept': ACCEPT.toLowerCase() }, 'belong to the request'],
    ['two accepts', { ...FIELDS, 'sec-websocket-accept': ACCEPT }, 'belong to the request'],
    ['another protocol to switch to', { ...FIELDS, Upgrade: 'h2c' }, 'another protocol'],
    ['a connection that stays', { ...FIELDS, Connection: 'upgraded' }, 'upgrade the connection'],
    ['another subprotocol', { ...FIELDS, 'Sec-WebSocket-Protocol': 'chat' }, 'does not speak'],
    ['an extension', { ...FIELDS, 'Sec-WebSocket-Extensions': 'permessage-deflate' }, 'extensions'],
    ['no fields', {}, 'another protocol'],
  ])('is broken with %s', (_what, fields, text) => {
    expect(read(answer(fields))).toEqual({ kind: 'broken', text: expect.stringContaining(text) });
  });

  it.each([
    'garbage\r\n\r\n',
    'HTTP/2 101 Switching Protocols\r\n\r\n',
    'HTTP/1.1 099 Odd\r\n\r\n',
    'HTTP/1.1 1010\r\n\r\n',
    'HTTP/1.1 503 Busy\r\nno field\r\n\r\n',
    'HTTP/1.1 503 Busy\r\n: nameless\r\n\r\n',
    'HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n folded\r\n\r\n',
    'HTTP/1.1 503 Busy\r\nRetry-After: 1\nX: 2\r\n\r\n',
    'HTTP/1.1 503 Busy\r\nRetry-After : 1\r\n\r\n',
  ])('is no HTTP: %j', (text) => {
    expect(read(text)).toEqual({ kind: 'broken', text: 'the answer is no HTTP' });
  });

  it('is refused with its code and when to come again', () => {
    expect(read('HTTP/1.0 503\r\nretry-after:  7 \r\n\r\nbody')).toEqual({
      kind: 'refused',
      statusCode: 503,
      retryAfter: '7',
    });
    expect(read('HTTP/1.1 200 OK\r\n\r\n')).toMatchObject({ kind: 'refused', statusCode: 200 });
  });

  it('has no longer head than is allowed, whatever comes before it', () => {
    const tooLong = { kind: 'broken', text: expect.stringContaining(String(ANSWER_HEAD_BYTES_MAX)) };
    const filler = (bytes: number): string => `HTTP/1.1 100 ${'x'.repeat(bytes - 17)}\r\n\r\n`;
    expect(read(filler(ANSWER_HEAD_BYTES_MAX)).kind).toBe('incomplete');
    expect(read(filler(ANSWER_HEAD_BYTES_MAX) + answer())).toEqual(tooLong);
    expect(read('x'.repeat(ANSWER_HEAD_BYTES_MAX)).kind).toBe('incomplete');
    expect(read('x'.repeat(ANSWER_HEAD_BYTES_MAX + 1))).toEqual(tooLong);
    expect(read(`${'x'.repeat(ANSWER_HEAD_BYTES_MAX + 1)}\r\n\r\n`)).toEqual(tooLong);
    // Frames that came along are no part of it.
    expect(read(answer() + 'x'.repeat(ANSWER_HEAD_BYTES_MAX)).kind).toBe('upgraded');
  });

  it('never counts as a collector when it is random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const noise = Buffer.from(bytes);
        const lines = Buffer.concat([Buffer.from('HTTP/1.1 101 x\r\n'), noise, Buffer.from('\r\n\r\n')]);
        expect(readUpgradeAnswer(noise, KEY).kind).not.toBe('upgraded');
        expect(['broken', 'incomplete']).toContain(readUpgradeAnswer(lines, KEY).kind);
      }),
    );
  });
});
