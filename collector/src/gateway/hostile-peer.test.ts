import { createHash } from 'node:crypto';
import { setTimeout as realSleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { encodeFrame, MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import {
  decodeAck,
  decodeError,
  decodeGoaway,
  encodeBatch,
  encodeBye,
  encodeGenerationAck,
  encodeInventoryChunk,
  encodeInventoryHave,
  encodeJsonFrame,
} from '@rollcall/shared/protocol/messages.ts';
import { batchOf, EPOCH_ID, helloFrame, helloOf, recordOf, type TestAgent } from './testing/test-agent.ts';
import { startTestGateway } from './testing/test-gateway.ts';

const nextAck = async (agent: TestAgent) => decodeAck((await agent.next(MESSAGE.ACK)).body);
const nextError = async (agent: TestAgent) => decodeError((await agent.next(MESSAGE.ERROR)).body).code;

describe('a peer that breaks the protocol', () => {
  const frameOf = (type: number, body: Buffer) => {
    const bytes = encodeFrame({ type: MESSAGE.BYE, body: [body] });
    bytes[0] = type;
    return bytes;
  };
  const flip = (bytes: Buffer, at: number) => {
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  };
  const doubleEpochHello = () => {
    const hello = helloOf({ agentId: Buffer.alloc(16) });
    const epochs = [...hello.epochs, ...hello.epochs];
    return helloFrame({ ...hello, epochs }, generateIdentity(), Buffer.alloc(32));
  };
  const oversized = Buffer.from(JSON.stringify({ a: 'x'.repeat(70_000) }));

  it.each([
    ['a batch', () => batchOf(1), 4400],
    ['nothing', () => Buffer.alloc(0), 4400],
    ['half a header', () => Buffer.from([1, 1, 0]), 4400],
    ['an unknown type', () => frameOf(0x7f, Buffer.alloc(4)), 4400],
    ['a message of the collector', () => frameOf(MESSAGE.WELCOME, Buffer.alloc(4)), 4400],
    ['a HELLO without content', () => frameOf(MESSAGE.HELLO, Buffer.alloc(0)), 4400],
    ['a HELLO that is no JSON', () => frameOf(MESSAGE.HELLO, Buffer.alloc(100)), 4400],
    [
      'a HELLO that is too large',
      () => frameOf(MESSAGE.HELLO, Buffer.concat([Buffer.alloc(64), oversized])),
      4413,
    ],
    ['a HELLO that names an epoch twice', () => doubleEpochHello(), 4400],
    ['a wrong checksum', () => flip(encodeBye('stop'), 10), 4400],
  ])('is ended before WELCOME for %s', async (_name, bytes, code) => {
    await using test = await startTestGateway();
    const agent = test.connect();
    await agent.challenge();
    agent.send(bytes());
    await nextError(agent);
    expect((await agent.closed).code).toBe(code);
    await vi.waitFor(() => expect(test.gateway.connectionCount()).toBe(0));
  });

  it.each([
    ['a second HELLO', () => frameOf(MESSAGE.HELLO, Buffer.alloc(100)), 4400],
    ['an answer to what was never asked', () => encodeJsonFrame(MESSAGE.CONFIG_ACK, { version: 1 }), 4400],
    ['an empty batch', () => encodeBatch(EPOCH_ID, []), 4400],
    ['a batch of an epoch that was not announced', () => encodeBatch('0'.repeat(16), [recordOf(1)]), 4400],
    ['a hole', () => batchOf(2), 4400],
    ['a damaged record', () => encodeBatch(EPOCH_ID, [flip(recordOf(1), 40)]), 4400],
    ['a truncated record', () => frameOf(MESSAGE.BATCH, batchOf(1).subarray(8, 40)), 4400],
    [
      'a second record under a number',
      () => Buffer.from(encodeBatch(EPOCH_ID, [recordOf(1), recordOf(1)])),
      4410,
    ],
    ['a generation that was not offered', () => encodeGenerationAck(77), 4400],
    ['an unknown farewell', () => encodeJsonFrame(MESSAGE.BYE, { reason: 'bored' }), 4400],
    ['an unknown field', () => encodeJsonFrame(MESSAGE.BYE, { reason: 'stop', x: 1 }), 4400],
    ['a forbidden key', () => frameOf(MESSAGE.VITALS, Buffer.from('{"__proto__":{"x":1}}')), 4400],
    [
      'too many vitals',
      () =>
        encodeJsonFrame(
          MESSAGE.VITALS,
          Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`v${i}`, 1])),
        ),
      4413,
    ],
    [
      'an inventory name that is a path',
      () => encodeJsonFrame(MESSAGE.INV_HAVE, { '../x': 'a'.repeat(64) }),
      4400,
    ],
    [
      'JSON that is too deep',
      () => frameOf(MESSAGE.VITALS, Buffer.from(`{"a":${'['.repeat(20)}${']'.repeat(20)}}`)),
      4413,
    ],
  ])('is ended for %s, and hurts nobody else', async (_name, bytes, code) => {
    await using test = await startTestGateway();
    const { agent: good } = await test.login(test.addHost());
    const { agent: bad } = await test.login(test.addHost());
    bad.send(bytes());
    await nextError(bad);
    expect((await bad.closed).code).toBe(code);
    good.send(batchOf(1));
    expect((await nextAck(good)).watermark).toBe(1);
    expect(test.gateway.connectedAgents()).toBe(1);
  });

  it('is ended for text messages', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    agent.socket.send('hello');
    expect((await agent.closed).code).toBe(4400);
  });

  it('is ended below the protocol for a message or fragments over the limit', async () => {
    await using test = await startTestGateway();
    const [{ agent: large }, { agent: many }] = [
      await test.login(test.addHost()),
      await test.login(test.addHost()),
    ];
    large.send(Buffer.alloc(256 * 1024 + 1));
    expect((await large.closed).code).toBe(1009);
    for (let i = 0; i < 17; i++) many.socket.send(Buffer.alloc(1), { fin: false });
    expect((await many.closed).code).toBe(1008);
    expect(test.counts.get('socket_errors_total WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')).toBe(1);
    await vi.waitFor(() => expect(test.gateway.connectionCount()).toBe(0));
  });

  it('is ended when it sends beyond its credit by more than one record', async () => {
    await using test = await startTestGateway();
    test.journal.isCommittingAtOnce = false;
    const { agent } = await test.login(test.addHost());
    const large = (seq: number) => encodeBatch(EPOCH_ID, [recordOf(seq, { bodyBytes: 100_000 })]);
    agent.send(large(1));
    await vi.waitFor(() => expect(test.counts.get('records_total accepted')).toBe(1));
    expect(test.gateway.connectedAgents()).toBe(1);
    agent.send(large(2));
    expect(await nextError(agent)).toBe('CREDIT_EXCEEDED');
    expect((await agent.closed).code).toBe(4429);
  });

  it('is told to slow down when it begins a new epoch at every login', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const epochOf = (number: number) => ({
      id: String(number).padStart(16, '0'),
      bootId: 'b'.repeat(32),
      first: 1,
      next: 1,
      acked: 0,
    });
    for (let number = 0; number <= 8; number++) {
      const { agent } = await test.login(host, { epochs: [epochOf(number)] });
      await agent.end();
    }
    const agent = test.connect();
    const hello = helloOf({ agentId: host.agentId, epochs: [epochOf(9)] });
    agent.send(helloFrame(hello, host.identity, (await agent.challenge()).nonce));
    const goaway = decodeGoaway((await agent.next(MESSAGE.GOAWAY)).body);
    expect(goaway).toMatchObject({ minMs: 5_000, maxMs: 25_000 });
    expect((await agent.closed).code).toBe(4429);
    expect(test.counts.get('session_ends_total SLOW_DOWN')).toBe(1);
    // Whoever does as it is told is not called down.
    expect(test.presence.now(host.id).state).toBe('up');
  });

  it('is ended when a chunk of inventory does not fit what was announced', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    const bytes = Buffer.from('{"a":1}');
    const hash = createHash('sha256').update('something else').digest('hex');
    agent.send(encodeInventoryHave(new Map([['os', hash]])));
    await agent.next(MESSAGE.INV_NEED);
    agent.send(encodeInventoryChunk({ name: 'os', hash, totalBytes: bytes.length, offset: 0, bytes }));
    expect((await agent.closed).code).toBe(4400);
  });

  it('is ended after 60 silent seconds', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    // Without answers to pings.
    agent.socket.pause();
    await test.clock.advance(60_000);
    agent.socket.resume();
    expect((await agent.closed).code).toBe(4408);
  });

  it('is ended when a message does not end for 30 seconds', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    agent.socket.send(Buffer.alloc(10), { fin: false });
    await realSleep(20);
    await test.clock.advance(32_000);
    expect(await nextError(agent)).toBe('TOO_SLOW');
    expect((await agent.closed).code).toBe(4408);
  });
});
