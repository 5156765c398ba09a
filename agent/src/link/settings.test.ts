import { describe, expect, it } from 'vitest';
import {
  CONFIG_FEATURE,
  decodeConfigAck,
  encodeConfig,
  signConfig,
  type ConfigAnswer,
} from '@rollcall/shared/protocol/agent-config.ts';
import { MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { MemorySpool } from '../spool/memory.ts';
import { memoryIdentityStore } from './identity.ts';
import { FakeCollector, FACTS } from './testing/fake-collector.ts';
import { FakeNetwork } from './testing/fake-socket.ts';
import { Uplink, type SettingsDesk } from './uplink.ts';

const AGENT_ID = Buffer.alloc(16, 1);
const KEYS = generateIdentity();
const APPLIED: ConfigAnswer = { outcome: 'applied', version: 7 };

/** An agent whose settings have `version`, not connected yet. */
function setUp(version: number | undefined) {
  const clock = new FakeClock();
  const collector = new FakeCollector(KEYS.publicKey);
  collector.settings.features = [CONFIG_FEATURE];
  collector.settings.challengeFeatures = [CONFIG_FEATURE];
  const network = new FakeNetwork(collector);
  const collectorKeys = [collector.identity.publicKey];
  const offered: Buffer[] = [];
  let answer: (answer: ConfigAnswer) => void = () => {};
  const settings: SettingsDesk = {
    version,
    offered: (body) => void offered.push(Buffer.from(body)),
    onAnswer: (listener) => void (answer = listener),
  };
  const uplink = new Uplink({
    clock,
    log: fakeLog(),
    random: () => 0.5,
    randomBytes: (count) => Buffer.alloc(count, 2),
    spool: new MemorySpool({ clock, bootId: 'boot', randomBytes: (count) => Buffer.alloc(count, 1) }),
    identity: memoryIdentityStore({ agentId: AGENT_ID, keys: KEYS, collectorKeys }),
    dial: network.dial,
    facts: FACTS,
    inventory: { sections: () => [], onChange: () => {} },
    settings,
  });
  const connect = async (): Promise<void> => {
    uplink.start();
    await clock.advance(3_000);
  };
  const document = signConfig({ agentId: AGENT_ID, version: 7, settings: {} }, collector.identity);
  const acks = (): ConfigAnswer[] =>
    collector.frames
      .filter(({ type }) => type === MESSAGE.CONFIG_ACK)
      .map(({ body }) => decodeConfigAck(body));
  return {
    clock,
    collector,
    network,
    offered,
    connect,
    document,
    acks,
    answer: (a: ConfigAnswer) => answer(a),
  };
}

describe('a session', () => {
  it('tells which settings are in force, hands over what is offered, and says what became of it', async () => {
    const { collector, clock, connect, offered, document, answer, acks } = setUp(5);
    await connect();
    expect(collector.hellos[0]).toMatchObject({ configVersion: 5 });
    expect(collector.hellos[0]?.features).toContain(CONFIG_FEATURE);
    collector.send(encodeConfig(document));
    await clock.advance(0);
    expect(offered).toEqual([document]);
    answer(APPLIED);
    expect(acks()).toEqual([APPLIED]);
  });

  it('does not speak of a version to a collector that would not read it, nor of settings where none are taken', async () => {
    const old = setUp(5);
    old.collector.settings.challengeFeatures = undefined;
    await old.connect();
    expect(old.collector.hellos[0]).not.toHaveProperty('configVersion');
    const closed = setUp(undefined);
    await closed.connect();
    expect(closed.collector.hellos[0]).not.toHaveProperty('configVersion');
    expect(closed.collector.hellos[0]?.features).not.toContain(CONFIG_FEATURE);
  });

  it('tells at its beginning what became known while there was none', async () => {
    const { clock, network, connect, answer, acks } = setUp(0);
    await connect();
    network.cut();
    await clock.advance(0);
    answer(APPLIED);
    expect(acks()).toEqual([]);
    await clock.advance(60_000);
    expect(acks()).toEqual([APPLIED]);
    network.cut();
    await clock.advance(60_000);
    expect(acks()).toHaveLength(1);
  });

  it('says nothing to a collector that asks nothing', async () => {
    const { collector, connect, answer, acks } = setUp(0);
    collector.settings.features = [];
    await connect();
    answer(APPLIED);
    expect(acks()).toEqual([]);
  });
});
