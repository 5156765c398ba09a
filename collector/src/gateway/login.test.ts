import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { generateIdentity, type Identity } from '@rollcall/shared/protocol/identity.ts';
import { decodeAck, decodeError, encodeGenerationAck } from '@rollcall/shared/protocol/messages.ts';
import { batchOf, helloFrame, helloOf, type TestAgent } from './testing/test-agent.ts';
import { startTestGateway } from './testing/test-gateway.ts';

const nextAck = async (agent: TestAgent) => decodeAck((await agent.next(MESSAGE.ACK)).body);

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

  it('binds both signatures to the TLS session, and takes none that is not', async () => {
    await using test = await startTestGateway({ isTls: true });
    const host = test.addHost();
    const downgraded = test.connect();
    const { nonce, binding } = await downgraded.challenge();
    expect(binding).toBe('exporter');
    downgraded.send(helloFrame(helloOf({ agentId: host.agentId }), host.identity, nonce));
    expect((await downgraded.closed).code).toBe(4401);
    const { agent, welcome } = await test.login(host);
    expect([agent.channelBinding.length, welcome.generation]).toEqual([32, 1]);
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

  it('lets a host in, however many others fail in its name', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const attempt = async (identity: Identity) => {
      const agent = test.connect();
      agent.send(helloFrame(helloOf({ agentId: host.agentId }), identity, (await agent.challenge()).nonce));
      return agent;
    };
    const stranger = generateIdentity();
    for (let i = 0; i < 15; i++) expect((await (await attempt(stranger)).closed).code).toBe(4401);
    await (await attempt(host.identity)).next(MESSAGE.WELCOME);
    expect(test.gateway.connectedAgents()).toBe(1);
    expect(test.counts.get('session_ends_total AUTH_FAILED')).toBe(15);
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
    test.journal.opening = () => gate.promise;
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
    test.journal.opening = () => new Promise(() => {});
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
