import { describe, expect, it } from 'vitest';
import {
  CONFIG_FEATURE,
  encodeConfigAck,
  openConfig,
  type ConfigDocument,
} from '@rollcall/shared/protocol/agent-config.ts';
import { MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { decodeError, encodeJsonFrame } from '@rollcall/shared/protocol/messages.ts';
import { AgentConfigStore } from '../fleet/config-store.ts';
import type { TestAgent } from './testing/test-agent.ts';
import { startTestGateway, type TestHost } from './testing/test-gateway.ts';

type TestGateway = Awaited<ReturnType<typeof startTestGateway>>;

async function nextConfig(test: TestGateway, agent: TestAgent, host: TestHost): Promise<ConfigDocument> {
  const { body } = await agent.next(MESSAGE.CONFIG);
  const opened = openConfig(body, { agentId: host.agentId, collectorKeys: [test.identity.publicKey] });
  if (opened.kind === 'flaw') throw new Error(opened.text);
  return opened.document;
}

const settings = { intervalMs: 30_000 };

describe('settings for an agent', () => {
  it('are offered to one that takes them, and its answer is kept', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    const { agent, welcome } = await test.login(host, { features: [CONFIG_FEATURE], configVersion: 0 });
    expect(welcome.features).toEqual([CONFIG_FEATURE]);
    new AgentConfigStore(test.database).wantOf(host.id, settings);
    await test.clock.advance(1_000);
    const { version, settings: offered } = await nextConfig(test, agent, host);
    expect(offered).toEqual(settings);
    agent.send(encodeConfigAck({ outcome: 'applied', version }));
    await expect
      .poll(async () => {
        await test.clock.advance(1_000);
        return test.configs.of(host.id)?.state;
      })
      .toBe('applied');
    const again = await test.login(host, {
      generation: 1,
      features: [CONFIG_FEATURE],
      configVersion: version,
    });
    await test.clock.advance(2_000);
    expect(test.counts.get('config offered')).toBe(1);
    again.agent.socket.terminate();
  });

  it('are not offered to one that does not name them', async () => {
    await using test = await startTestGateway();
    const host = test.addHost();
    await test.login(host);
    new AgentConfigStore(test.database).wantOf(host.id, settings);
    await test.clock.advance(2_000);
    expect(test.counts.get('config offered')).toBeUndefined();
  });

  it.each([
    ['an outcome', { version: 1, outcome: 'perhaps' }],
    ['a reason', { version: 1, outcome: 'rejected', reason: 'x'.repeat(9), text: '' }],
    ['a field', { version: 1, outcome: 'applied', more: 1 }],
    ['a version', { version: -1, outcome: 'applied' }],
    ['too long a text', { version: 1, outcome: 'rejected', reason: 'health', text: 'x'.repeat(201) }],
  ])('end the session of one that answers with %s that does not exist', async (_what, body) => {
    await using test = await startTestGateway();
    const { agent } = await test.login(test.addHost(), { features: [CONFIG_FEATURE] });
    agent.send(encodeJsonFrame(MESSAGE.CONFIG_ACK, body));
    expect(decodeError((await agent.next(MESSAGE.ERROR)).body).code).toBe('PROTOCOL_ERROR');
    expect((await agent.closed).code).toBe(4400);
  });
});
