import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as realSleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { canonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { encodeFrame, FRAME_FLAG_JSON, MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import {
  decodeAck,
  decodeError,
  decodeGoaway,
  decodeInventoryNeed,
  decodeReject,
  decodeTimeReply,
  encodeBatch,
  encodeBye,
  encodeGenerationAck,
  encodeInventoryChunk,
  encodeInventoryHave,
  encodeJsonFrame,
  encodeTime,
} from '@rollcall/shared/protocol/messages.ts';
import { CONNECT_PATH } from '@rollcall/shared/protocol/version.ts';
import { unavailable } from './testing/fake-journal.ts';
import { batchOf, EPOCH_ID, helloFrame, helloOf, recordOf, type TestAgent } from './testing/test-agent.ts';
import { startTestGateway } from './testing/test-gateway.ts';

const nextAck = async (agent: TestAgent) => decodeAck((await agent.next(MESSAGE.ACK)).body);
const nextError = async (agent: TestAgent) => decodeError((await agent.next(MESSAGE.ERROR)).body).code;

describe('a session', () => {
  it('greets an enrolled agent, stores what it sends and acknowledges after the commit', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent, welcome } = await test.login(host);
    expect(welcome).toMatchObject({
      version: 1,
      storeId: test.journal.storeId,
      marks: [{ id: EPOCH_ID, watermark: 0, crcs: [] }],
      creditLimit: 256 * 1024,
      generation: 1,
      mustRotateEpoch: false,
    });
    expect(test.presence.now(host.id).state).toBe('up');
    expect(test.hosts.get(host.id)).toMatchObject({
      bootId: 'boot-1',
      agentVersion: '1.0.0',
      os: { kernel: '6.1' },
    });
    const first = batchOf(1, 2, 3);
    agent.send(first);
    const ack = await nextAck(agent);
    expect(ack).toEqual({ epochId: EPOCH_ID, watermark: 3, creditLimit: 256 * 1024 + first.length - 8 });
    expect(test.journal.committedThrough(host.id, EPOCH_ID)).toBe(3);
    expect(test.gateway.connectedAgents()).toBe(1);
    expect(test.counts.get('records_total accepted')).toBe(3);
  });

  it('does not acknowledge before the commit', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    test.journal.isCommittingAtOnce = false;
    agent.send(batchOf(1, 2));
    agent.send(encodeTime(5));
    // The answer to a later message is there, the acknowledgement is not.
    await agent.next(MESSAGE.TIME_REPLY);
    agent.send(batchOf(3));
    await vi.waitFor(() => expect(test.counts.get('records_total accepted')).toBe(3));
    test.journal.commit();
    expect((await nextAck(agent)).watermark).toBe(3);
  });

  it('tells at the next login what it has', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host);
    agent.send(batchOf(1, 2));
    await nextAck(agent);
    await agent.end();
    const { welcome } = await test.login(host);
    expect(welcome.marks).toMatchObject([{ id: EPOCH_ID, watermark: 2, crcs: [{ seq: 2 }] }]);
  });

  it('acknowledges duplicates with what is stored', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    const batch = batchOf(1, 2);
    agent.send(batch);
    await nextAck(agent);
    test.journal.isCommittingAtOnce = false;
    agent.send(batch);
    expect(await nextAck(agent)).toMatchObject({ watermark: 2 });
    expect(test.counts.get('records_total duplicate')).toBe(2);
  });

  it('tells of records that it consumes without storing, and goes on', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    agent.send(encodeBatch(EPOCH_ID, [recordOf(1), recordOf(2, { kind: 99 }), recordOf(3)]));
    expect(decodeReject((await agent.next(MESSAGE.REJECT)).body)).toMatchObject({
      seq: 2,
      code: 'UNKNOWN_KIND',
    });
    expect((await nextAck(agent)).watermark).toBe(3);
  });

  it('tells the time', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    agent.send(encodeTime(12.5));
    const nowMs = test.clock.wallMs();
    expect(decodeTimeReply((await agent.next(MESSAGE.TIME_REPLY)).body)).toEqual({
      t0: 12.5,
      t1: nowMs,
      t2: nowMs,
    });
  });

  it('keeps the newest vitals', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host, { vitals: { cpuBusy: 0.9, fullestMountpoint: '/da\u0007ta' } });
    expect(test.vitals.announcementOf(host.id)).toEqual({ cpuBusy: 0.9, fullestMountpoint: '/data' });
    agent.send(encodeJsonFrame(MESSAGE.VITALS, { cpuBusy: 0.1 }));
    await vi.waitFor(() => expect(test.vitals.announcementOf(host.id)).toEqual({ cpuBusy: 0.1 }));
  });

  it('asks for inventory that it does not know, and stores it', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host);
    const { name, hash, bytes } = canonicalSection({
      name: 'os',
      content: { name: 'Debian', text: 'x'.repeat(1_000) },
    });
    const have = encodeInventoryHave(new Map([[name, hash]]));
    agent.send(have);
    expect(decodeInventoryNeed((await agent.next(MESSAGE.INV_NEED)).body)).toEqual(['os']);
    for (const offset of [0, 600]) {
      const chunk = {
        name,
        hash,
        totalBytes: bytes.length,
        offset,
        bytes: bytes.subarray(offset, offset + 600),
      };
      agent.send(encodeInventoryChunk(chunk));
    }
    await vi.waitFor(() => expect(test.inventory.latest(host.id)[0]?.hash).toBe(hash));
    agent.send(have);
    agent.send(encodeTime(1));
    await agent.next(MESSAGE.TIME_REPLY);
    expect(test.inventory.history(host.id)).toHaveLength(1);
  });

  it.each([
    ['reboot', 'planned'],
    ['stop', 'suspect'],
    ['epoch', 'up'],
  ] as const)('takes a farewell for %s as %s', async (reason, state) => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host);
    agent.send(encodeBye(reason));
    expect((await agent.closed).code).toBe(1000);
    await vi.waitFor(() => expect(test.gateway.connectionCount()).toBe(0));
    expect(test.presence.now(host.id).state).toBe(state);
  });

  it('is suspect when its connection breaks', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host);
    agent.socket.terminate();
    await vi.waitFor(() => expect(test.presence.now(host.id).state).toBe('suspect'));
    expect(test.journal.closeCount).toBe(1);
  });

  it('stays up by pings alone, and is asked for a sign of life when it sends none', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host);
    for (let i = 0; i < 7; i++) {
      await test.clock.advance(10_000);
      const pong = once(agent.socket, 'pong');
      agent.socket.ping();
      await pong;
    }
    expect(test.gateway.connectedAgents()).toBe(1);
    const asked = once(agent.socket, 'ping');
    await test.clock.advance(20_000);
    await asked;
  });
});

describe('generations', () => {
  it('follows an agent that confirms, and one whose confirmation was lost', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent, welcome } = await test.login(host);
    agent.send(encodeGenerationAck(welcome.generation));
    await vi.waitFor(() => expect(test.hosts.get(host.id)?.generation).toBe(1));
    expect((await test.login(host, { generation: 2 })).welcome.generation).toBe(3);
    expect((await test.login(host, { generation: 2 })).welcome.generation).toBe(3);
  });

  it('refuses the past, marks the host, and lets it in when an administrator says so', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    test.hosts.setGeneration(host.id, 5);
    const clone = test.connect();
    clone.send(
      helloFrame(
        helloOf({ agentId: host.agentId, generation: 4 }),
        host.identity,
        (await clone.challenge()).nonce,
      ),
    );
    expect(await clone.closed).toEqual({ code: 4409, reason: 'IDENTITY_CONFLICT' });
    expect(test.hosts.get(host.id)?.conflictMs).toBe(test.clock.wallMs());
    expect(test.counts.get('generations_total behind')).toBe(1);
    test.hosts.acceptRestored(host.id);
    const { agent, welcome } = await test.login(host, { generation: 4 });
    expect(welcome).toMatchObject({ mustRotateEpoch: true, generation: 5 });
    agent.send(encodeGenerationAck(5));
    await vi.waitFor(() =>
      expect(test.hosts.get(host.id)).toMatchObject({
        generation: 5,
        mustRotateEpoch: false,
        conflictMs: null,
      }),
    );
  });

  it('accepts the future, because its own database may be old, and counts it', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    expect((await test.login(host, { generation: 9 })).welcome.generation).toBe(10);
    expect(test.counts.get('generations_total ahead')).toBe(1);
  });
});

describe('authentication', () => {
  it('answers an unknown agent and a wrong signature alike', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const answers: unknown[] = [];
    for (const [agentId, identity] of [
      [randomBytes(16), host.identity],
      [host.agentId, generateIdentity()],
    ] as const) {
      const agent = test.connect();
      agent.send(helloFrame(helloOf({ agentId }), identity, (await agent.challenge()).nonce));
      answers.push([decodeError((await agent.next(MESSAGE.ERROR)).body), await agent.closed]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject([{ code: 'AUTH_FAILED' }, { code: 4401 }]);
    expect(test.journal.openCount).toBe(0);
  });

  it('refuses a HELLO that was recorded on another socket', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const [first, second] = [test.connect(), test.connect()];
    const recorded = helloFrame(
      helloOf({ agentId: host.agentId }),
      host.identity,
      (await first.challenge()).nonce,
    );
    first.send(recorded);
    await first.next(MESSAGE.WELCOME);
    await second.challenge();
    second.send(recorded);
    expect((await second.closed).code).toBe(4401);
    expect(test.gateway.connectedAgents()).toBe(1);
  });

  it('refuses a signature that is bound to another TLS session', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const agent = test.connect();
    const { nonce, binding } = await agent.challenge();
    expect(binding).toBe('none');
    agent.send(helloFrame(helloOf({ agentId: host.agentId }), host.identity, nonce, Buffer.alloc(32, 7)));
    expect((await agent.closed).code).toBe(4401);
  });

  it('shuts a revoked agent out, at once and for good', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host);
    test.hosts.revoke(host.id);
    expect((await agent.closed).code).toBe(4403);
    const again = test.connect();
    again.send(
      helloFrame(helloOf({ agentId: host.agentId }), host.identity, (await again.challenge()).nonce),
    );
    expect((await again.closed).code).toBe(4403);
  });

  it('ends the session of a host that is deleted', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host);
    test.hosts.delete(host.id);
    expect((await agent.closed).code).toBe(4401);
  });

  it('refuses versions that it does not speak', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const agent = test.connect();
    agent.send(
      helloFrame(
        helloOf({ agentId: host.agentId, version: 2 }),
        host.identity,
        (await agent.challenge()).nonce,
      ),
    );
    expect((await agent.closed).code).toBe(4426);
  });

  it('slows down who fails too often, before it looks at signatures', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const attempt = async () => {
      const agent = test.connect();
      agent.send(
        helloFrame(helloOf({ agentId: host.agentId }), generateIdentity(), (await agent.challenge()).nonce),
      );
      return (await agent.closed).code;
    };
    const codes: number[] = [];
    for (let i = 0; i < 6; i++) codes.push(await attempt());
    expect(codes).toEqual([4401, 4401, 4401, 4401, 4401, 4429]);
    await test.clock.advance(12_000);
    expect(await attempt()).toBe(4401);
  });

  it('lets the newer session win', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const changes: string[] = [];
    const { agent: older } = await test.login(host);
    test.presence.onChange((change) => changes.push(change.to));
    const { agent: newer } = await test.login(host);
    expect(await older.closed).toEqual({ code: 4411, reason: 'SUPERSEDED' });
    newer.send(batchOf(1));
    expect((await nextAck(newer)).watermark).toBe(1);
    expect(test.gateway.connectedAgents()).toBe(1);
    // The old session's end says nothing about the host.
    expect(changes).toEqual([]);
    expect(test.presence.now(host.id).state).toBe('up');
  });

  it('never greets two of many sessions that come together', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const gate = Promise.withResolvers<void>();
    test.journal.opening = gate.promise;
    const agents = Array.from({ length: 5 }, () => test.connect());
    for (const agent of agents) {
      agent.send(
        helloFrame(helloOf({ agentId: host.agentId }), host.identity, (await agent.challenge()).nonce),
      );
    }
    await Promise.all(agents.slice(0, 4).map((agent) => agent.closed));
    gate.resolve();
    await agents[4]?.next(MESSAGE.WELCOME);
    expect(test.gateway.connectedAgents()).toBe(1);
    expect(test.journal.closeCount).toBe(4);
  });

  it('ends who does not log in within 10 seconds, or whose login the journal holds up', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    test.journal.opening = new Promise(() => {});
    const [silent, waiting] = [test.connect(), test.connect()];
    await silent.challenge();
    waiting.send(
      helloFrame(helloOf({ agentId: host.agentId }), host.identity, (await waiting.challenge()).nonce),
    );
    await test.clock.advance(9_000);
    expect(test.gateway.connectionCount()).toBe(2);
    await test.clock.advance(1_000);
    expect([(await silent.closed).code, (await waiting.closed).code]).toEqual([4408, 4408]);
  });
});

describe('a peer that breaks the protocol', () => {
  const frameOf = (type: number, body: Buffer) => {
    const bytes = encodeFrame({ type: MESSAGE.TIME, body: [body] });
    bytes[0] = type;
    return bytes;
  };
  const flip = (bytes: Buffer, at: number) => {
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
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
    ['a wrong checksum', () => flip(encodeTime(1), 10), 4400],
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
    ['an unknown field', () => encodeJsonFrame(MESSAGE.TIME, { t0: 1, x: 1 }), 4400],
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
    for (const seq of [1, 2, 3]) agent.send(large(seq));
    await vi.waitFor(() => expect(test.counts.get('records_total accepted')).toBe(3));
    expect(test.gateway.connectedAgents()).toBe(1);
    agent.send(large(4));
    expect(await nextError(agent)).toBe('CREDIT_EXCEEDED');
    expect((await agent.closed).code).toBe(4429);
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

describe('when nothing can be stored', () => {
  it('refuses sessions while the journal cannot be opened', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    test.journal.opening = unavailable();
    const agent = test.connect();
    agent.send(
      helloFrame(helloOf({ agentId: host.agentId }), host.identity, (await agent.challenge()).nonce),
    );
    expect((await agent.closed).code).toBe(4503);
  });

  it('accepts sessions without credit, keeps presence, and gives credit when it writes again', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    test.journal.isWritable = false;
    await test.clock.advance(1_000);
    const { agent, welcome } = await test.login(host);
    expect(welcome.creditLimit).toBe(0);
    expect(test.presence.now(host.id).state).toBe('up');
    test.journal.isWritable = true;
    await test.clock.advance(1_000);
    expect(await nextAck(agent)).toEqual({ epochId: EPOCH_ID, watermark: 0, creditLimit: 256 * 1024 });
    agent.send(batchOf(1));
    expect((await nextAck(agent)).watermark).toBe(1);
  });

  it('ends the sessions whose group was lost, and acknowledges nothing of it', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    test.journal.isCommittingAtOnce = false;
    const [{ agent }, { agent: other }] = [await test.login(host), await test.login(test.addHost())];
    agent.send(batchOf(1));
    await vi.waitFor(() => expect(test.counts.get('records_total accepted')).toBe(1));
    test.journal.fail();
    expect((await agent.closed).code).toBe(4503);
    await expect(agent.next(MESSAGE.ACK)).rejects.toThrow('connection ended');
    expect(other.socket.readyState).toBe(other.socket.OPEN);
    expect((await test.login(host)).welcome.marks[0]?.watermark).toBe(0);
  });
});

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

  it('keeps at most 512 sockets that have not logged in', async () => {
    await using test = await startTestGateway();
    const agents: TestAgent[] = [];
    for (let i = 0; i < 512; i++) {
      if (i % 250 === 0) await test.clock.advance(1_000);
      agents.push(test.connect());
    }
    await Promise.all(agents.map((agent) => agent.challenge()));
    await test.clock.advance(1_000);
    expect(await ask(test.port, [PROTOCOL])).toMatch(/^HTTP\/1.1 503 /);
    expect(test.counts.get('upgrades_total unauthenticated')).toBe(1);
    await agents[0]?.end();
    await vi.waitFor(() => expect(test.gateway.connectionCount()).toBe(511));
    expect(await ask(test.port, [PROTOCOL])).toMatch(/^HTTP\/1.1 101 /);
  });
});

describe('a planned stop', () => {
  it('asks agents to come back, lets them settle, refuses new ones, and says nothing about the hosts', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    test.journal.isCommittingAtOnce = false;
    const { agent } = await test.login(host);
    agent.send(batchOf(1));
    await vi.waitFor(() => expect(test.counts.get('records_total accepted')).toBe(1));
    const closed = test.gateway.close();
    expect(decodeGoaway((await agent.next(MESSAGE.GOAWAY)).body)).toEqual({
      reason: 'shutdown',
      minMs: 1_000,
      maxMs: 5_004,
    });
    test.journal.commit();
    expect((await nextAck(agent)).watermark).toBe(1);
    const late = test.connect();
    await late.closed;
    expect(test.counts.get('upgrades_total draining')).toBe(1);
    await test.clock.advance(5_000);
    expect(await agent.closed).toEqual({ code: 4503, reason: 'DRAINING' });
    await test.clock.advance(1_000);
    await closed;
    expect(test.presence.now(host.id).state).toBe('up');
  });

  it('is over at once when there is nobody', async () => {
    await using test = await startTestGateway();
    await test.gateway.close();
    expect(test.gateway.connectionCount()).toBe(0);
  });
});
