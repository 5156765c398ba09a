import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { canonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { FRAME_HEADER_BYTES, MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import {
  decodeAck,
  decodeGoaway,
  decodeInventoryNeed,
  decodeReject,
  encodeBatch,
  encodeBye,
  encodeInventoryChunk,
  encodeInventoryHave,
  encodeJsonFrame,
} from '@rollcall/shared/protocol/messages.ts';
import { unavailable } from './testing/fake-journal.ts';
import { batchOf, EPOCH_ID, helloFrame, helloOf, recordOf, type TestAgent } from './testing/test-agent.ts';
import { startTestGateway } from './testing/test-gateway.ts';
import { TURN_LIMITS } from './turns.ts';

const nextAck = async (agent: TestAgent) => decodeAck((await agent.next(MESSAGE.ACK)).body);

describe('a session', () => {
  it('greets an enrolled agent, stores what it sends and acknowledges after the commit', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent, welcome } = await test.login(host);
    expect(welcome).toMatchObject({
      version: 1,
      storeId: test.journal.storeId,
      marks: [{ id: EPOCH_ID, watermark: 0, crcs: [] }],
      creditLimit: LIMITS.creditWindowBytes,
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
    expect(ack).toEqual({
      epochId: EPOCH_ID,
      watermark: 3,
      creditLimit: LIMITS.creditWindowBytes + first.length - 8,
    });
    expect(test.journal.committedThrough(host.id, EPOCH_ID)).toBe(3);
    expect(test.gateway.connectedAgents()).toBe(1);
    expect(test.counts.get('records_total accepted')).toBe(3);
  });

  it('does not acknowledge before the commit', async () => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost());
    test.journal.isCommittingAtOnce = false;
    agent.send(batchOf(1, 2));
    agent.send(encodeInventoryHave(new Map([['os', 'ab'.repeat(32)]])));
    // The answer to a later message is there, the acknowledgement is not.
    await agent.next(MESSAGE.INV_NEED);
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

  it('shows what an agent announces at its login and later', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent } = await test.login(host, {
      upMs: 250_000,
      vitals: { cpuBusyRatio: 0.9, fullestRatio: 0.5, fullestMountpoint: '/da\u0007ta' },
    });
    const loginMs = test.clock.wallMs();
    expect(test.vitals.of(host.id)).toMatchObject({
      timeMs: loginMs,
      bootedMs: loginMs - 250_000,
      cpuBusyRatio: 0.9,
      fullestFilesystem: { mountpoint: '/data', usedRatio: 0.5, sizeBytes: null },
    });
    agent.send(encodeJsonFrame(MESSAGE.VITALS, { cpuBusyRatio: 0.1 }));
    await vi.waitFor(() =>
      expect(test.vitals.of(host.id)).toMatchObject({
        bootedMs: loginMs - 250_000,
        cpuBusyRatio: 0.1,
        fullestFilesystem: null,
      }),
    );
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
    agent.send(encodeInventoryHave(new Map([['cpu', 'ab'.repeat(32)]])));
    expect(decodeInventoryNeed((await agent.next(MESSAGE.INV_NEED)).body)).toEqual(['cpu']);
    expect(test.inventory.history(host.id)).toHaveLength(1);
  });

  it.each([
    ['reboot', 'planned'],
    ['stop', 'planned'],
    ['epoch', 'up'],
    ['key', 'up'],
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

describe('a bug of ours', () => {
  it('costs the session that met it, and no other one', async () => {
    await using test = await startTestGateway();
    const { agent: good } = await test.login(test.addHost());
    const { agent: unlucky } = await test.login(test.addHost());
    const remember = test.vitals.announced.bind(test.vitals);
    test.vitals.announced = () => {
      throw new TypeError('cannot read properties of undefined');
    };
    unlucky.send(encodeJsonFrame(MESSAGE.VITALS, { cpuBusy: 1 }));
    expect((await unlucky.closed).code).toBe(1006);
    test.vitals.announced = remember;
    test.journal.opening = () => Promise.reject(new TypeError('x is not a function'));
    const late = test.connect();
    const host = test.addHost();
    late.send(helloFrame(helloOf({ agentId: host.agentId }), host.identity, (await late.challenge()).nonce));
    expect((await late.closed).code).toBe(1006);
    good.send(batchOf(1));
    expect((await nextAck(good)).watermark).toBe(1);
    await vi.waitFor(() => expect(test.gateway.connectionCount()).toBe(1));
  });
});

describe('when nothing can be stored', () => {
  it('refuses sessions while the journal cannot be opened', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    test.journal.opening = unavailable;
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
    expect(await nextAck(agent)).toEqual({
      epochId: EPOCH_ID,
      watermark: 0,
      creditLimit: LIMITS.creditWindowBytes,
    });
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
      reason: 'DRAINING',
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

describe('backlogs', () => {
  /** More than a live host may have under way, in one record. */
  const backlog = (seq: number) =>
    encodeBatch(EPOCH_ID, [recordOf(seq, { bodyBytes: LIMITS.creditWindowBytes })]);

  it('are drained in turns, while live hosts go on as ever', async () => {
    await using test = await startTestGateway();
    const behind = await Promise.all(
      Array.from({ length: TURN_LIMITS.turnsMax + 1 }, () => test.login(test.addHost())),
    );
    const sent = backlog(1).length - FRAME_HEADER_BYTES;
    const limits = [];
    for (const { agent } of behind) {
      agent.send(backlog(1));
      limits.push((await nextAck(agent)).creditLimit - sent);
    }
    // The last one has used up its credit, and gets no more before it is its turn.
    const waiting = limits.pop() ?? 0;
    expect(new Set(limits)).toEqual(new Set([LIMITS.creditTurnBytes]));
    expect(waiting).toBeLessThanOrEqual(0);
    const { agent: live } = await test.login(test.addHost());
    live.send(batchOf(1));
    const { creditLimit } = await nextAck(live);
    expect(creditLimit - (batchOf(1).length - FRAME_HEADER_BYTES)).toBe(LIMITS.creditWindowBytes);
    // Those whose turn it is have nothing more to send.
    await test.clock.advance(1_000);
    const last = behind.at(-1)?.agent;
    assert(last !== undefined);
    expect((await nextAck(last)).creditLimit - sent).toBe(LIMITS.creditTurnBytes);
  });

  it('make room for the next as soon as they are stored', async () => {
    await using test = await startTestGateway();
    const behind = await Promise.all(
      Array.from({ length: TURN_LIMITS.turnsMax + 1 }, () => test.login(test.addHost())),
    );
    for (const { agent } of behind) {
      agent.send(backlog(1));
      await nextAck(agent);
    }
    const [first, last] = [behind[0]?.agent, behind.at(-1)?.agent];
    assert(first !== undefined && last !== undefined);
    first.send(batchOf(2));
    await nextAck(first);
    // The clock has not moved.
    const sent = backlog(1).length - FRAME_HEADER_BYTES;
    expect((await nextAck(last)).creditLimit - sent).toBe(LIMITS.creditTurnBytes);
  });
});
