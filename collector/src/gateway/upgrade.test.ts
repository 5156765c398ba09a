import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { CONNECT_PATH } from '@rollcall/shared/protocol/version.ts';
import { type TestAgent } from './testing/test-agent.ts';
import { startTestGateway } from './testing/test-gateway.ts';

describe('upgrades', () => {
  /** The answer of the server to a raw request, as far as its headers. */
  async function ask(port: number, headers: readonly string[], path = CONNECT_PATH): Promise<string> {
    const socket: Socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    const lines = [
      `GET ${path} HTTP/1.1`,
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      ...headers,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (Buffer.concat(chunks).includes('\r\n\r\n')) socket.destroy();
    });
    await once(socket, 'close');
    return Buffer.concat(chunks).toString();
  }
  const PROTOCOL = 'Sec-WebSocket-Protocol: rollcall.agent.v1';

  it('refuses browsers', async () => {
    await using test = await startTestGateway();
    expect(await ask(test.port, [PROTOCOL, 'Origin: https://evil.example'])).toMatch(/^HTTP\/1.1 403 /);
  });

  it.each([[[]], [['Sec-WebSocket-Protocol: chat, rollcall.agent.v9']]])(
    'names the subprotocols to %j',
    async (headers) => {
      await using test = await startTestGateway();
      const answer = await ask(test.port, headers);
      expect(answer).toMatch(/^HTTP\/1.1 426 /);
      expect(answer).toContain('"supported":["rollcall.agent.v1"]');
    },
  );

  it('picks its subprotocol out of several, and agrees to no compression', async () => {
    await using test = await startTestGateway();
    const answer = await ask(test.port, [
      'Sec-WebSocket-Protocol: other, rollcall.agent.v1',
      'Sec-WebSocket-Extensions: permessage-deflate',
    ]);
    expect(answer).toMatch(/^HTTP\/1.1 101 /);
    expect(answer).toContain(PROTOCOL);
    expect(answer).not.toContain('deflate');
  });

  it('leaves other paths alone', async () => {
    await using test = await startTestGateway();
    expect(await ask(test.port, [PROTOCOL], `${CONNECT_PATH}/x`)).toBe('');
    expect(test.counts.size).toBe(0);
    expect(await ask(test.port, [PROTOCOL], `${CONNECT_PATH}?x=1`)).toMatch(/^HTTP\/1.1 101 /);
  });

  it('lets 250 in at once, then tells when to come back', async () => {
    await using test = await startTestGateway();
    const answers = await Promise.all(Array.from({ length: 260 }, () => ask(test.port, [PROTOCOL])));
    expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 101'))).toHaveLength(250);
    const refused = answers.filter((answer) => answer.startsWith('HTTP/1.1 503'));
    expect(refused).toHaveLength(10);
    expect(refused[0]).toMatch(/Retry-After: ([1-9]|10)\r\n/);
  });

  it('keeps at most 250 sockets that have not logged in while logins are slow, so that they end in time', async () => {
    await using test = await startTestGateway();
    const agents: TestAgent[] = [];
    for (const count of [200, 50]) {
      const more = Array.from({ length: count }, () => test.connect());
      await Promise.all(more.map((agent) => agent.challenge()));
      agents.push(...more);
      await test.clock.advance(1_000);
    }
    expect(await ask(test.port, [PROTOCOL])).toMatch(/^HTTP\/1.1 503 /);
    expect(test.counts.get('upgrades_total unauthenticated')).toBe(1);
    await agents[0]?.end();
    await vi.waitFor(() => expect(test.gateway.connectionCount()).toBe(249));
    expect(await ask(test.port, [PROTOCOL])).toMatch(/^HTTP\/1.1 101 /);
  });

  it('tells a few that they may come back soon, and a fleet that it must spread', async () => {
    await using test = await startTestGateway();
    for (let i = 0; i < 2_000; i++) test.addHost(`host-${i}`);
    await Promise.all(Array.from({ length: 250 }, () => ask(test.port, [PROTOCOL])));
    // 2,000 hosts take eight seconds; the gateway's random number is a half.
    expect(await ask(test.port, [PROTOCOL])).toMatch(/Retry-After: 5\r\n/);
  });
});
