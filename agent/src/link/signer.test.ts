import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import {
  decodeKeyNext,
  encodeKeyOk,
  isVouchedFor,
  ROTATE_FEATURE,
} from '@rollcall/shared/protocol/key-rotation.ts';
import { CLOSE_CODE, decodeBye } from '@rollcall/shared/protocol/messages.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { MemorySpool } from '../spool/memory.ts';
import { appendTick, testSchema } from '../spool/conformance.ts';
import { memoryIdentityStore } from './identity.ts';
import { ageMsMaxOf, KEY_AGE_MS_MAX, ringOf } from './key-ring.ts';
import { FakeCollector, FACTS } from './testing/fake-collector.ts';
import { FakeNetwork } from './testing/fake-socket.ts';
import { Uplink } from './uplink.ts';

const AGENT_ID = Buffer.alloc(16, 1);
const KEYS = generateIdentity();
const cpu = testSchema('cpu', 2);

/** An agent that is connected, with a key of `ageMs`. */
async function setUp(ageMs: number, features: readonly string[] = [ROTATE_FEATURE]) {
  const clock = new FakeClock();
  const log = fakeLog();
  const collector = new FakeCollector(KEYS.publicKey);
  collector.settings.features = features;
  collector.settings.isRefusing = true;
  const network = new FakeNetwork(collector);
  const spool = new MemorySpool({ clock, bootId: 'boot', randomBytes: (count) => Buffer.alloc(count, 1) });
  const collectorKeys = [collector.identity.publicKey];
  const identity = memoryIdentityStore({ agentId: AGENT_ID, keys: KEYS, collectorKeys });
  identity.storeKeys({ ...ringOf(KEYS), sinceMs: clock.wallMs() - ageMs });
  const uplink = new Uplink({
    clock,
    log,
    random: () => 0.5,
    randomBytes: (count) => Buffer.alloc(count, 2),
    spool,
    identity,
    dial: network.dial,
    facts: FACTS,
    inventory: { sections: () => [], onChange: () => {} },
  });
  uplink.start();
  await clock.advance(3_000);
  const framesOf = (type: number): Buffer[] =>
    collector.frames.filter((frame) => frame.type === type).map(({ body }) => body);
  const offers = () => framesOf(MESSAGE.KEY_NEXT).map((body) => decodeKeyNext(body));
  return { clock, log, collector, network, spool, identity, uplink, framesOf, offers };
}

describe('an agent', () => {
  it('offers a new key when its own is 30 days old, and is known by it after the next login', async () => {
    const { clock, collector, identity, uplink, framesOf, offers } = await setUp(KEY_AGE_MS_MAX);
    const [offer] = offers();
    if (offer === undefined) throw new Error('no key was offered');
    expect(isVouchedFor(offer, { agentId: AGENT_ID, publicKey: KEYS.publicKey })).toBe(true);
    expect(identity.keys()).toMatchObject({ current: KEYS, next: { publicKey: offer.publicKey } });
    collector.settings.agentKey = offer.publicKey;
    collector.send(encodeKeyOk(offer.publicKey));
    await clock.advance(1_000);
    expect(framesOf(MESSAGE.BYE).map((body) => decodeBye(body))).toEqual(['key']);
    expect([uplink.stats().phase, uplink.stats().sessions]).toEqual(['LIVE', 2]);
    expect(identity.keys()).toMatchObject({
      current: { publicKey: offer.publicKey },
      next: null,
      previous: KEYS,
    });
    await clock.advance(3_600_000);
    expect(offers()).toHaveLength(1);
  });

  it('does so in a session that lasts, too', async () => {
    const { clock, spool, offers } = await setUp(ageMsMaxOf(KEYS) - 60_000);
    expect(offers()).toEqual([]);
    await clock.advance(61_000);
    appendTick(spool, [cpu]);
    await clock.advance(1_000);
    appendTick(spool, [cpu]);
    await clock.advance(1_000);
    expect(offers()).toHaveLength(1);
  });

  it('offers nothing to a collector that does not take it', async () => {
    const { offers, identity } = await setUp(KEY_AGE_MS_MAX, []);
    expect([offers(), identity.keys().next]).toEqual([[], null]);
  });

  it('offers the same key again when nobody said that it was stored', async () => {
    const { clock, network, spool, offers } = await setUp(KEY_AGE_MS_MAX);
    network.cut();
    await clock.advance(10_000);
    expect(offers()).toHaveLength(1);
    await clock.advance(300_000);
    appendTick(spool, [cpu]);
    await clock.advance(1_000);
    expect(offers().map(({ publicKey }) => publicKey.toString('hex'))).toEqual(
      Array.from({ length: 2 }, () => offers()[0]?.publicKey.toString('hex')),
    );
  });

  it('offers it once in five minutes to a collector that ends the session over it', async () => {
    const { clock, collector, spool, offers, uplink } = await setUp(KEY_AGE_MS_MAX);
    for (let minutes = 0; minutes < 60; minutes++) {
      const before = offers().length;
      appendTick(spool, [cpu]);
      await clock.advance(30_000);
      if (minutes === 0 || offers().length > before) collector.close(CLOSE_CODE.PROTOCOL_ERROR);
      await clock.advance(30_000);
    }
    expect(offers().length).toBeGreaterThan(6);
    expect(offers().length).toBeLessThan(14);
    expect(uplink.stats().sessions).toBeGreaterThan(6);
  });

  it('is not moved by a word about a key that it never offered', async () => {
    const { clock, collector, uplink } = await setUp(KEY_AGE_MS_MAX);
    collector.send(encodeKeyOk(generateIdentity().publicKey));
    await clock.advance(1_000);
    expect(uplink.stats()).toMatchObject({ phase: 'LIVE', sessions: 1 });
  });

  it('does not offer a key that it could not keep, and tries again after an hour', async () => {
    const world = await setUp(ageMsMaxOf(KEYS) - 1_800_000);
    const { clock, identity, log, spool, offers } = world;
    const storeKeys = identity.storeKeys.bind(identity);
    identity.storeKeys = () => {
      throw new AppError('DATA_DIR_UNUSABLE', 'no space');
    };
    const warnings = () => log.lines.filter(({ message }) => message.includes('cannot keep the keys')).length;
    const hours = async (count: number): Promise<void> => {
      for (let minutes = 0; minutes < count * 60; minutes += 10) {
        appendTick(spool, [cpu]);
        await clock.advance(600_000);
      }
    };
    await hours(2);
    expect([offers().length, warnings()]).toEqual([0, 2]);
    identity.storeKeys = storeKeys;
    await hours(1);
    expect(offers().length).toBeGreaterThan(0);
  });

  it('that the collector knows by another of its keys gets in at once, without an alarm', async () => {
    const { clock, collector, network, identity, log, uplink } = await setUp(KEY_AGE_MS_MAX);
    const { next } = identity.keys();
    if (next === null) throw new Error('no key was offered');
    // KEY_OK was lost, and what the agent does not know: the collector has given the old key up.
    collector.settings.agentKey = next.publicKey;
    network.cut();
    await clock.advance(2_000);
    expect(uplink.stats()).toMatchObject({ phase: 'LIVE', sessions: 2 });
    expect(identity.keys().current).toBe(next);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('raises the alarm when the collector knows none of its keys', async () => {
    const { clock, collector, network, log } = await setUp(KEY_AGE_MS_MAX);
    collector.settings.agentKey = generateIdentity().publicKey;
    network.cut();
    await clock.advance(10_000);
    expect(log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields['reason'])).toEqual([
      'the collector does not know this agent; enrol it again if this does not end',
    ]);
  });
});
