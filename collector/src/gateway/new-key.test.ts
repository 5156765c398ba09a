import { describe, expect, it } from 'vitest';
import { MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { fingerprint, generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { decodeKeyOk, encodeKeyNext, ROTATE_FEATURE } from '@rollcall/shared/protocol/key-rotation.ts';
import { decodeError, encodeInventoryHave } from '@rollcall/shared/protocol/messages.ts';
import { helloFrame, helloOf } from './testing/test-agent.ts';
import { startTestGateway, type TestHost } from './testing/test-gateway.ts';

type TestGateway = Awaited<ReturnType<typeof startTestGateway>>;

/** A host that has been told that its next key is stored. */
async function afterOffer(test: TestGateway) {
  const host = test.addHost();
  const next = generateIdentity();
  const { agent } = await test.login(host);
  agent.send(encodeKeyNext({ agentId: host.agentId, old: host.identity, next }));
  const stored = decodeKeyOk((await agent.next(MESSAGE.KEY_OK)).body);
  const renewed: TestHost = { ...host, identity: next };
  return { host, renewed, agent, stored };
}

/** The close code of a login. */
async function refusal(test: TestGateway, host: TestHost): Promise<number> {
  const agent = test.connect();
  const { nonce } = await agent.challenge();
  agent.send(helloFrame(helloOf({ agentId: host.agentId }), host.identity, nonce));
  return (await agent.closed).code;
}

describe('a new key', () => {
  it('is named in WELCOME as something that the collector can do', async () => {
    await using test = await startTestGateway();
    const { welcome } = await test.login(test.addHost(), { features: [ROTATE_FEATURE, 'other'] });
    expect(welcome.features).toEqual([ROTATE_FEATURE]);
  });

  it('is stored beside the old one, which stays good until the new one was used', async () => {
    await using test = await startTestGateway();
    const { host, renewed, stored } = await afterOffer(test);
    expect(stored).toBe(fingerprint(renewed.identity.publicKey));
    await test.login(host);
    await test.login(host);
    await test.login(renewed);
    expect(await refusal(test, host)).toBe(4401);
    await test.login(renewed);
    expect([test.counts.get('keys_total offered'), test.counts.get('keys_total promoted')]).toEqual([1, 1]);
  });

  it('is stored four times at once and then once a minute, without ending the session', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const offer = async (isStored: boolean) => {
      const { agent } = await test.login(host);
      agent.send(encodeKeyNext({ agentId: host.agentId, old: host.identity, next: generateIdentity() }));
      // What is answered after it: whoever is not told of the key by then is not told.
      agent.send(encodeInventoryHave(new Map([['os', 'ab'.repeat(32)]])));
      await agent.next(isStored ? MESSAGE.KEY_OK : MESSAGE.INV_NEED);
    };
    for (let i = 0; i < 4; i++) await offer(true);
    await offer(false);
    expect([test.counts.get('keys_total offered'), test.counts.get('keys_total deferred')]).toEqual([4, 1]);
    await test.clock.advance(60_000);
    await offer(true);
  });

  it('may be offered again, or another one instead, when the agent does not know whether it was stored', async () => {
    await using test = await startTestGateway();
    const { host, renewed } = await afterOffer(test);
    const third = generateIdentity();
    for (const next of [renewed.identity, third]) {
      const { agent } = await test.login(host);
      agent.send(encodeKeyNext({ agentId: host.agentId, old: host.identity, next }));
      await agent.next(MESSAGE.KEY_OK);
    }
    expect(await refusal(test, renewed)).toBe(4401);
    await test.login({ ...host, identity: third });
  });

  it.each([
    ['the old key did not sign it', 'other'],
    ['it is the key that the agent has', 'same'],
    ["it is another host's", 'taken'],
    ["it is another host's next one", 'offered'],
  ])('is refused when %s', async (_what, how) => {
    await using test = await startTestGateway();
    const [host, neighbour] = [test.addHost('web'), test.addHost('db')];
    const offered = generateIdentity();
    test.hosts.setKeys(neighbour.id, {
      publicKey: neighbour.identity.publicKey,
      nextPublicKey: offered.publicKey,
    });
    const { agent } = await test.login(host);
    const next = { other: generateIdentity(), same: host.identity, taken: neighbour.identity, offered }[how];
    const old = how === 'other' ? generateIdentity() : host.identity;
    agent.send(encodeKeyNext({ agentId: host.agentId, old, next: next ?? old }));
    expect(decodeError((await agent.next(MESSAGE.ERROR)).body).code).toBe('PROTOCOL_ERROR');
    expect((await agent.closed).code).toBe(4400);
    expect(test.counts.get('keys_total refused')).toBe(1);
    await test.login(host);
    await test.login(neighbour);
  });

  it('comes once in a session', async () => {
    await using test = await startTestGateway();
    const { host, agent } = await afterOffer(test);
    agent.send(encodeKeyNext({ agentId: host.agentId, old: host.identity, next: generateIdentity() }));
    expect((await agent.closed).code).toBe(4400);
  });

  it('does not open the door to a copy: its generation is looked at first', async () => {
    await using test = await startTestGateway();
    const { host, renewed } = await afterOffer(test);
    test.hosts.setGeneration(host.id, 5);
    expect(await refusal(test, renewed)).toBe(4409);
    await test.login(host, { generation: 5 });
  });

  it('is no way back for an agent that was revoked', async () => {
    await using test = await startTestGateway();
    const { host, renewed } = await afterOffer(test);
    test.hosts.revoke(host.id);
    expect(await refusal(test, renewed)).toBe(4403);
  });

  it('waits when the database cannot be written; nothing has changed then', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const next = generateIdentity();
    const { agent } = await test.login(host);
    test.database.connection.exec('PRAGMA query_only = ON');
    const offer = encodeKeyNext({ agentId: host.agentId, old: host.identity, next });
    agent.send(offer);
    expect(await refusal(test, { ...host, identity: next })).toBe(4401);
    test.database.connection.exec('PRAGMA query_only = OFF');
    const again = await test.login(host);
    again.agent.send(offer);
    await again.agent.next(MESSAGE.KEY_OK);
    await test.login({ ...host, identity: next });
  });

  it('that cannot be made the only one lets the agent in, and both are good meanwhile', async () => {
    await using test = await startTestGateway();
    const { host, renewed } = await afterOffer(test);
    test.database.connection.exec('PRAGMA query_only = ON');
    await test.login(renewed);
    test.database.connection.exec('PRAGMA query_only = OFF');
    await test.login(host);
    await test.login(renewed);
    expect(await refusal(test, host)).toBe(4401);
  });
});
