import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { canonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { decodeGap } from '@rollcall/shared/protocol/gap.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import {
  CLOSE_CODE,
  decodeBye,
  decodeGenerationAck,
  decodeInventoryChunk,
  decodeInventoryHave,
  encodeAck,
  encodeBye,
  encodeError,
  encodeGoaway,
  encodeInventoryNeed,
  encodeReject,
} from '@rollcall/shared/protocol/messages.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { COLUMNS_FEATURE, PACK_FEATURE } from '@rollcall/shared/protocol/pack.ts';
import { RECORD_HEADER_BYTES, RECORD_KIND, recordBody } from '@rollcall/shared/protocol/record.ts';
import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { appendTick, currentEpoch, testSchema } from '../spool/conformance.ts';
import { MemorySpool } from '../spool/memory.ts';
import { memoryIdentityStore } from './identity.ts';
import { FakeCollector, FACTS } from './testing/fake-collector.ts';
import { FakeNetwork } from './testing/fake-socket.ts';
import { Uplink } from './uplink.ts';

const cpu = testSchema('cpu', 20);
const KEYS = generateIdentity();

function setUp(
  options: { readonly segmentBytes?: number; readonly maxBytes?: number; readonly gatherMs?: number } = {},
) {
  const clock = new FakeClock();
  const log = fakeLog();
  let draws = 0;
  const randomBytes = (count: number): Buffer => Buffer.alloc(count, ++draws);
  const collector = new FakeCollector(KEYS.publicKey);
  const network = new FakeNetwork(collector);
  const spool = new MemorySpool({ clock, bootId: 'boot', randomBytes, ...options });
  const collectorKeys = [collector.identity.publicKey];
  const identity = memoryIdentityStore({ agentId: Buffer.alloc(16, 1), keys: KEYS, collectorKeys });
  let sections = [canonicalSection({ name: 'os', content: { name: 'Linux' } })];
  let onChange: () => void = () => {};
  const uplink = new Uplink({
    clock,
    log,
    random: () => 0.5,
    randomBytes,
    spool,
    identity,
    dial: network.dial,
    facts: FACTS,
    inventory: { sections: () => sections, onChange: (listener) => void (onChange = listener) },
    vitals: () => ({ load1: 7 }),
    ...(options.gatherMs === undefined ? {} : { gatherMs: options.gatherMs }),
  });
  const changeInventory = (next: typeof sections): void => {
    sections = next;
    onChange();
  };
  return { clock, log, collector, network, spool, identity, uplink, changeInventory };
}

type World = ReturnType<typeof setUp>;

async function connect(world: World): Promise<void> {
  world.uplink.start();
  await world.clock.advance(3_000);
}

/** Numbers of the ticks that the collector has of the epoch. */
function ticksAt({ collector, spool }: World): number[] {
  const records = collector.records.get(currentEpoch(spool).id) ?? new Map();
  return [...records.values()].filter(({ kind }) => kind === RECORD_KIND.SAMPLES).map(({ seq }) => seq);
}

describe('a session', () => {
  it('greets, proves itself, stores the generation and delivers what the spool holds', async () => {
    const world = setUp();
    for (let i = 0; i < 3; i++) appendTick(world.spool, [cpu]);
    await connect(world);
    const { collector, spool, identity, uplink } = world;
    expect(collector.faults).toEqual([]);
    expect(collector.hellos[0]).toMatchObject({ hostName: 'web-1', generation: 0, isDurable: false });
    expect(ticksAt(world)).toEqual([2, 3, 4]);
    expect(currentEpoch(spool)).toMatchObject({ next: 5, acked: 4 });
    expect(collector.types()).toEqual([MESSAGE.HELLO, MESSAGE.GEN_ACK, MESSAGE.INV_HAVE]);
    expect(decodeGenerationAck(collector.frames[1]?.body ?? Buffer.alloc(0))).toBe(1);
    expect(identity.facts()).toEqual({ generation: 1, storeId: 'store', binding: 'none' });
    expect(uplink.stats()).toMatchObject({
      phase: 'LIVE',
      endReason: undefined,
      sessions: 1,
      batchesSent: 1,
    });
  });

  it('sends a new record at once', async () => {
    const world = setUp();
    await connect(world);
    appendTick(world.spool, [cpu]);
    await world.clock.advance(0);
    expect(ticksAt(world)).toEqual([2]);
  });

  it('gathers records that come fast, and waits no longer than it says', async () => {
    const world = setUp({ gatherMs: 2_000 });
    await connect(world);
    const sentAfter: number[] = [];
    for (let tick = 0; tick < 6; tick++) {
      appendTick(world.spool, [cpu]);
      // Timers are never exact.
      await world.clock.advance(tick % 2 === 0 ? 1_004 : 997);
      sentAfter.push(ticksAt(world).length);
    }
    expect(sentAfter).toEqual([1, 1, 3, 3, 5, 5]);
    await world.clock.advance(1_500);
    expect(ticksAt(world)).toHaveLength(6);
    await world.clock.advance(10_000);
    appendTick(world.spool, [cpu]);
    await world.clock.advance(0);
    expect(ticksAt(world)).toHaveLength(7);
  });

  it('sends what it gathered when it stops', async () => {
    const world = setUp({ gatherMs: 2_000 });
    await connect(world);
    for (let i = 0; i < 3; i++) appendTick(world.spool, [cpu]);
    const stopping = world.uplink.stop();
    await world.clock.advance(10_000);
    await stopping;
    expect(ticksAt(world)).toHaveLength(3);
    expect(world.clock.timerCount).toBe(0);
  });

  it('keeps batches to the size that passes a slow link', async () => {
    const world = setUp();
    for (let i = 0; i < 900; i++) appendTick(world.spool, [cpu]);
    await connect(world);
    expect(ticksAt(world)).toHaveLength(900);
    expect(world.collector.batches).toBeGreaterThan(3);
    expect(world.collector.faults).toEqual([]);
  });

  it('sends nothing before the collector has proved who it is', async () => {
    const world = setUp();
    appendTick(world.spool, [cpu]);
    world.collector.settings.signer = generateIdentity();
    await connect(world);
    expect(new Set(world.collector.types())).toEqual(new Set([MESSAGE.HELLO]));
    expect(world.collector.batches).toBe(0);
    expect(world.network.lastClose).toBe(CLOSE_CODE.AUTH_FAILED);
    const { phase, endReason } = world.uplink.stats();
    expect([phase, endReason]).toEqual(['BACKOFF', expect.stringContaining('identity pinned')]);
    const alarm = world.log.lines.find(({ level }) => level === 'error');
    expect(alarm?.fields['reason']).toContain('does not match the identity pinned');
  });

  it.each([
    ['binds less to TLS than before', { binding: 'none' as const }],
    ['wants to bind to a TLS session that there is none of', { binding: 'exporter' as const }],
  ])('refuses a collector that %s', async (_what, settings) => {
    const world = setUp();
    if (settings.binding === 'none')
      world.identity.store({ generation: 1, storeId: '', binding: 'exporter' });
    Object.assign(world.collector.settings, settings);
    await connect(world);
    expect(world.collector.frames).toEqual([]);
    expect(world.network.lastClose).toBe(CLOSE_CODE.AUTH_FAILED);
  });

  it('goes dormant when no version is common', async () => {
    const world = setUp();
    Object.assign(world.collector.settings, { versionMin: 2, versionMax: 3 });
    await connect(world);
    expect(world.uplink.stats().phase).toBe('DORMANT');
    await world.clock.advance(4_000_000);
    expect(world.network.dials).toBe(2);
  });

  it('does not confirm a generation that could not be stored', async () => {
    const world = setUp();
    world.identity.store = () => {
      throw new Error('disk full');
    };
    await connect(world);
    expect(world.collector.types()).not.toContain(MESSAGE.GEN_ACK);
    expect(world.uplink.stats().phase).toBe('LIVE');
  });
});

describe('flow control', () => {
  it('stops at the credit and goes on when more is granted', async () => {
    const world = setUp();
    for (let i = 0; i < 50; i++) appendTick(world.spool, [cpu]);
    world.collector.settings.creditLimit = 1_000;
    world.collector.settings.isAcking = false;
    await connect(world);
    const before = world.uplink.stats().bytesSent;
    const recordBytes = 300;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(1_000 + recordBytes);
    world.collector.ackAll(2_000);
    await world.clock.advance(0);
    expect(world.uplink.stats().bytesSent).toBeGreaterThan(before);
    expect(world.uplink.stats().bytesSent).toBeLessThan(2_000 + recordBytes);
    expect(world.collector.faults).toEqual([]);
  });

  it('leaves at most one batch over 64 KiB in the socket', async () => {
    const world = setUp();
    await connect(world);
    world.network.isStalled = true;
    for (let i = 0; i < 2_000; i++) appendTick(world.spool, [cpu]);
    await world.clock.advance(0);
    expect(world.uplink.stats().bytesSent).toBeLessThan(2 * 64 * 1024);
    world.network.flush();
    await world.clock.advance(0);
    expect(ticksAt(world)).toHaveLength(2_000);
    expect(world.collector.faults).toEqual([]);
  });
});

describe('packed batches', () => {
  /** Bodies of the records that the collector has of the epoch, in the order in which they came. */
  const bodiesAt = ({ collector, spool }: World): Buffer[] =>
    [...(collector.records.get(currentEpoch(spool).id) ?? [])].map(([, record]) => recordBody(record));

  /** A world whose collector takes packed batches and acknowledges nothing by itself. */
  function packing(creditLimit: number): World {
    const world = setUp();
    Object.assign(world.collector.settings, { features: [PACK_FEATURE], isAcking: false, creditLimit });
    return world;
  }

  function appendEvents(world: World, bodies: readonly Buffer[]): void {
    const fields = { kind: RECORD_KIND.EVENT, flags: 0, wallMs: world.clock.wallMs(), bootMs: 1 };
    for (const body of bodies) world.spool.append({ ...fields, body }, { ticks: 0, samples: 0 });
  }

  /** Of 2.2 KiB as a record, and of more than a record may have once it is inflated, so that it cannot be packed. */
  const bulky = (seed: number): Buffer => {
    const random = seededRandom(seed);
    const body = Buffer.alloc(LIMITS.recordBytes + 1);
    for (let at = 0; at < 1_500; at++) body[at] = Math.floor(random() * 256);
    return body;
  };

  /** Of `bytes` as a record. */
  const dense = (bytes: number, seed = 1): Buffer => {
    const random = seededRandom(seed);
    return Buffer.from(Array.from({ length: bytes - RECORD_HEADER_BYTES }, () => Math.floor(random() * 256)));
  };

  it('hold more than the credit would take as it is', async () => {
    const world = packing(4_000);
    for (let i = 0; i < 28; i++) appendTick(world.spool, [cpu]);
    expect(world.spool.stats().bytesHeld).toBeGreaterThan(4_000);
    await connect(world);
    const { collector, uplink } = world;
    expect([collector.batches, collector.packedBatches]).toEqual([1, 1]);
    expect(ticksAt(world)).toHaveLength(28);
    expect(uplink.stats().bytesSent).toBeLessThan(4_000);
    expect(collector.faults).toEqual([]);
  });

  it('stop at twice the credit, and go on behind what they hold', async () => {
    const world = packing(4_000);
    for (let i = 0; i < 200; i++) appendTick(world.spool, [cpu], world.clock.wallMs() + i * 10_000);
    await connect(world);
    const { collector, spool, uplink } = world;
    expect(ticksAt(world).length).toBeGreaterThan(10);
    expect(ticksAt(world).length).toBeLessThan(200);
    expect(uplink.stats().bytesSent).toBeLessThan(4_000 + 2 * 4_000);
    for (let limit = 8_000; limit < 200_000; limit += 4_000) {
      collector.ackAll(limit);
      await world.clock.advance(0);
    }
    expect(ticksAt(world)).toHaveLength(200);
    expect(currentEpoch(spool)).toMatchObject({ next: 202, acked: 201 });
    expect(collector.faults).toEqual([]);
  });

  it('are not sent to a collector that does not name them', async () => {
    const world = packing(1 << 30);
    world.collector.settings.features = ['other'];
    for (let i = 0; i < 28; i++) appendTick(world.spool, [cpu]);
    await connect(world);
    expect([world.collector.batches, world.collector.packedBatches]).toEqual([1, 0]);
  });

  it('hold columns for a collector that takes them, and in the next session as well', async () => {
    const bytesSent = async (features: readonly string[], isColumns: boolean): Promise<number> => {
      const world = packing(1 << 30);
      Object.assign(world.collector.settings, { features, isAcking: true });
      appendTick(world.spool, [cpu]);
      await connect(world);
      world.network.cut();
      // The schema is at the collector already, and not among the records that wait.
      for (let i = 0; i < 60; i++) appendTick(world.spool, [cpu], world.clock.wallMs() + i * 10_000);
      const before = world.uplink.stats().bytesSent;
      await world.clock.advance(600_000);
      expect(ticksAt(world)).toHaveLength(61);
      const { packedBatches, columnBatches, faults } = world.collector;
      expect([packedBatches, columnBatches, faults]).toEqual([1, isColumns ? 1 : 0, []]);
      return world.uplink.stats().bytesSent - before;
    };
    const packed = await bytesSent([PACK_FEATURE], false);
    // Values of floating point that have nothing to do with each other: columns save least.
    expect(await bytesSent([PACK_FEATURE, COLUMNS_FEATURE], true)).toBeLessThan(packed);
  });

  it('read six times the credit ahead where they hold columns, and so leave at once', async () => {
    const world = packing(4_000);
    world.collector.settings.features = [PACK_FEATURE, COLUMNS_FEATURE];
    // The same again and again, as of a machine on which nothing happens.
    for (let i = 0; i < 80; i++) appendTick(world.spool, [cpu]);
    expect(world.spool.stats().bytesHeld).toBeGreaterThan(3 * 4_000);
    await connect(world);
    const { batches, columnBatches, faults } = world.collector;
    expect([batches, columnBatches, ticksAt(world).length, faults]).toEqual([1, 1, 80, []]);
  });

  it('give way to plain ones within the credit where records cannot be packed', async () => {
    const bodies = Array.from({ length: 30 }, (_, i) => bulky(i + 1));
    const world = packing(16 * 1024);
    appendEvents(world, bodies);
    await connect(world);
    const { collector, uplink } = world;
    // Seven in the first, and one for the few bytes that were left; fourteen were read ahead.
    expect([collector.batches, bodiesAt(world).length]).toEqual([2, 8]);
    expect(uplink.stats().bytesSent).toBeGreaterThan(16 * 1024);
    for (let limit = 32 * 1024; limit < 100 * 1024; limit += 16 * 1024) {
      collector.ackAll(limit);
      await world.clock.advance(0);
    }
    expect(Buffer.concat(bodiesAt(world)).equals(Buffer.concat(bodies))).toBe(true);
    expect([collector.packedBatches, collector.faults]).toEqual([0, []]);
  });

  it.each([
    ['a few bytes of credit', 3, 400],
    ['one byte of credit, and a record as large as any', 1, LIMITS.recordBytes],
    ['a record of a little more than the credit', 1_000, 1_500],
    ['a record of more than twice the credit', 1_000, 2_500],
  ])('of one record are plain ones: %s', async (_what, creditLimit, bytes) => {
    const world = packing(creditLimit);
    appendEvents(world, [dense(bytes), ...Array.from({ length: 9 }, () => dense(200))]);
    await connect(world);
    const { collector, uplink } = world;
    expect(bodiesAt(world).map(({ length }) => length + RECORD_HEADER_BYTES)).toEqual([bytes]);
    expect([collector.batches, collector.packedBatches, collector.faults]).toEqual([1, 0, []]);
    collector.ackAll(uplink.stats().bytesSent + 1);
    await world.clock.advance(0);
    expect(bodiesAt(world)).toHaveLength(2);
    collector.ackAll(1 << 20);
    await world.clock.advance(0);
    expect(bodiesAt(world)).toHaveLength(10);
    expect(collector.faults).toEqual([]);
  });

  it('bring every record once and in order, whatever the credit and the records are', async () => {
    const record = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('tick' as const), bytes: fc.constant(0) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('dense' as const),
          bytes: fc.integer({ min: 40, max: 3_000 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('bulky' as const), bytes: fc.constant(0) }) },
    );
    const round = fc.record({
      records: fc.array(record, { maxLength: 30 }),
      grantBytes: fc.constantFrom(0, 1, 7, 300, 1_024, 4_000, 16_384),
      isCut: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(round, { maxLength: 8 }), fc.nat(2_000), async (rounds, creditLimit) => {
        const world = packing(creditLimit);
        await connect(world);
        const { collector, spool, clock, network, uplink } = world;
        let sentBefore = 0;
        for (const { records, grantBytes, isCut } of rounds) {
          for (const [at, { kind, bytes }] of records.entries()) {
            if (kind === 'tick') appendTick(spool, [cpu], clock.wallMs() + at);
            else appendEvents(world, [kind === 'dense' ? dense(bytes, at) : bulky(at)]);
          }
          await clock.advance(0);
          if (isCut) {
            network.cut();
            await clock.advance(60_000);
            sentBefore = uplink.stats().bytesSent;
          }
          collector.ackAll(uplink.stats().bytesSent - sentBefore + grantBytes);
          await clock.advance(0);
        }
        collector.settings.isAcking = true;
        collector.settings.creditLimit = 1 << 30;
        network.cut();
        await clock.advance(60_000);
        const { id, next } = currentEpoch(spool);
        expect(collector.faults).toEqual([]);
        expect([...(collector.records.get(id)?.keys() ?? [])]).toEqual(
          Array.from({ length: next - 1 }, (_, at) => at + 1),
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe('reconnecting', () => {
  it('goes on behind the watermark, so that nothing is lost and nothing comes twice', async () => {
    const world = setUp();
    world.collector.settings.isAcking = false;
    await connect(world);
    for (let i = 0; i < 40; i++) {
      appendTick(world.spool, [cpu]);
      await world.clock.advance(1_000);
      if (i % 7 === 3) world.network.cut();
      if (i % 11 === 5) world.collector.ackAll();
    }
    await world.clock.advance(60_000);
    expect(world.network.dials).toBeGreaterThan(3);
    expect(ticksAt(world)).toHaveLength(40);
    expect(world.collector.faults).toEqual([]);
  });

  it('declares what it had to drop during an outage', async () => {
    const world = setUp({ segmentBytes: 2_048, maxBytes: 8_192 });
    world.network.outcome = { kind: 'failed', code: 'COLLECTOR_UNREACHABLE' };
    await connect(world);
    for (let i = 0; i < 200; i++) appendTick(world.spool, [cpu]);
    world.network.outcome = { kind: 'open' };
    await world.clock.advance(120_000);
    const { id, next, acked } = currentEpoch(world.spool);
    expect(acked).toBe(next - 1);
    expect(world.collector.records.get(id)?.get(1)?.kind).toBe(RECORD_KIND.GAP);
    expect(world.collector.faults).toEqual([]);
  });

  it('moves to a new epoch when the collector asks for it, and loses nothing', async () => {
    const world = setUp();
    for (let i = 0; i < 3; i++) appendTick(world.spool, [cpu]);
    const before = currentEpoch(world.spool).id;
    world.collector.settings.mustRotateEpoch = true;
    await connect(world);
    expect(currentEpoch(world.spool).id).not.toBe(before);
    expect(ticksAt(world)).toHaveLength(3);
    const bye = world.collector.frames.find(({ type }) => type === MESSAGE.BYE);
    expect(decodeBye(bye?.body ?? Buffer.alloc(0))).toBe('epoch');
    expect(world.network.dials).toBe(2);
  });

  it('moves to a new epoch when the histories have forked', async () => {
    const world = setUp();
    for (let i = 0; i < 5; i++) appendTick(world.spool, [cpu]);
    const { id } = currentEpoch(world.spool);
    // The collector holds a record 3 that this agent never wrote.
    const other = setUp();
    for (let i = 0; i < 2; i++) appendTick(other.spool, [testSchema('cpu', 3)]);
    await connect(other);
    const foreign = other.collector.records.get(currentEpoch(other.spool).id);
    world.collector.records.set(id, new Map(foreign));
    world.collector.watermarks.set(id, 3);
    await connect(world);
    expect(currentEpoch(world.spool).id).not.toBe(id);
    expect(ticksAt(world)).toHaveLength(5);
    expect(world.collector.faults).toEqual([]);
  });

  it('warns once in each session that the collector has less than it once acknowledged', async () => {
    const world = setUp();
    for (let i = 0; i < 3; i++) appendTick(world.spool, [cpu]);
    await connect(world);
    const warnings = (): number =>
      world.log.lines.filter(({ level, message }) => level === 'warn' && message.includes('is older than'))
        .length;
    expect(warnings()).toBe(0);
    for (let times = 1; times <= 2; times++) {
      world.collector.watermarks.clear();
      world.network.cut();
      await world.clock.advance(60_000);
      expect(warnings()).toBe(times);
    }
  });

  it('follows the spool into a new epoch', async () => {
    const world = setUp();
    await connect(world);
    for (let i = 1; i <= 140; i++) appendTick(world.spool, [testSchema('net', i)]);
    await world.clock.advance(1_000);
    expect(world.collector.watermarks.size).toBe(2);
    expect(world.spool.stats().oldestUnackedMs).toBeUndefined();
    expect(world.collector.faults).toEqual([]);
  });

  it('comes back in the window of a GOAWAY', async () => {
    const world = setUp();
    await connect(world);
    world.collector.send(encodeGoaway('restart', { minMs: 20_000, maxMs: 30_000 }));
    await world.clock.advance(24_000);
    expect(world.network.dials).toBe(1);
    await world.clock.advance(2_000);
    expect(world.network.dials).toBe(2);
  });

  it('keeps to Retry-After', async () => {
    const world = setUp();
    world.network.outcome = { kind: 'refused', statusCode: 503, retryAfterMs: 9_000 };
    await connect(world);
    world.network.outcome = { kind: 'open' };
    await world.clock.advance(8_000);
    expect(world.network.dials).toBe(1);
    await world.clock.advance(2_000);
    expect(world.uplink.stats().phase).toBe('LIVE');
  });

  it.each([
    [CLOSE_CODE.REVOKED, 'DORMANT'],
    [CLOSE_CODE.IDENTITY_CONFLICT, 'DORMANT'],
    [CLOSE_CODE.SUPERSEDED, 'BACKOFF'],
  ])('obeys close code %i', async (code, phase) => {
    const world = setUp();
    await connect(world);
    world.collector.close(code);
    await world.clock.advance(0);
    expect(world.uplink.stats().phase).toBe(phase);
  });

  it('says once that the collector is away, and that it is back', async () => {
    const world = setUp();
    world.network.outcome = { kind: 'failed', code: 'COLLECTOR_UNREACHABLE' };
    await connect(world);
    await world.clock.advance(600_000);
    expect(world.network.dials).toBeGreaterThan(10);
    expect(world.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    world.network.outcome = { kind: 'open' };
    await world.clock.advance(60_000);
    expect(world.log.lines.map(({ message }) => message)).toContain('connected to the collector');
  });
});

describe('liveness', () => {
  it('pings a silent connection and gives it up after 30 s without an answer', async () => {
    const world = setUp();
    await connect(world);
    await world.clock.advance(25_000);
    expect(world.network.pings).toBe(2);
    world.network.pong();
    await world.clock.advance(25_000);
    expect(world.uplink.stats().phase).toBe('LIVE');
    await world.clock.advance(10_000);
    expect(world.network.lastClose).toBe(0);
  });

  it('keeps a link that takes a large inventory slowly, and gives it up once it takes no more', async () => {
    const world = setUp();
    await connect(world);
    world.network.isStalled = true;
    const paths = Array.from({ length: 20_000 }, (_unused, index) => `/usr/share/package/${index}`);
    world.changeInventory([canonicalSection({ name: 'os', content: { paths } })]);
    world.collector.send(encodeInventoryNeed(['os']));
    for (let piece = 0; piece < 4; piece++) {
      await world.clock.advance(25_000);
      world.network.trickle();
    }
    expect(world.uplink.stats().phase).toBe('LIVE');
    await world.clock.advance(30_000);
    expect(world.network.lastClose).toBe(0);
  });
});

describe('what the collector says', () => {
  it.each([
    ['bytes that are no message', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
    ['a message of an agent', encodeBye('stop')],
    [
      'an ack of what was never sent',
      encodeAck({ epochId: 'ffffffffffffffff', watermark: 1, creditLimit: 1 }),
    ],
  ])('ends the session when it is %s', async (_what, bytes) => {
    const world = setUp();
    await connect(world);
    world.collector.send(bytes);
    await world.clock.advance(0);
    expect(world.network.lastClose).toBe(CLOSE_CODE.PROTOCOL_ERROR);
    await world.clock.advance(10_000);
    expect(world.uplink.stats().phase).toBe('LIVE');
  });

  it('is counted and told when it rejects records, once per reason', async () => {
    const world = setUp();
    await connect(world);
    const reject = {
      epochId: currentEpoch(world.spool).id,
      seq: 1,
      code: 'UNKNOWN_KIND',
      samples: 4,
    } as const;
    for (let i = 0; i < 3; i++) world.collector.send(encodeReject({ ...reject, text: 'bad\u001b[31m' }));
    await world.clock.advance(0);
    expect(world.uplink.stats()).toMatchObject({ recordsRejected: 3, samplesRejected: 12 });
    const warnings = world.log.lines.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ fields }) => fields['text'])).toEqual(['bad[31m']);
  });

  it('is logged when it is an error', async () => {
    const world = setUp();
    await connect(world);
    world.collector.send(encodeError('SEQ_HOLE', 'record 7 after 5'));
    await world.clock.advance(0);
    expect(world.log.lines.at(-1)).toMatchObject({
      level: 'warn',
      fields: { reason: 'SEQ_HOLE: record 7 after 5' },
    });
  });
});

describe('inventory', () => {
  it('is sent in pieces when the collector asks, and told again when it changes', async () => {
    const world = setUp();
    await connect(world);
    const large = canonicalSection({ name: 'packages', content: { all: 'x'.repeat(200_000) } });
    world.changeInventory([large]);
    world.collector.send(encodeInventoryNeed(['packages', 'unknown']));
    await world.clock.advance(0);
    const have = world.collector.frames.filter(({ type }) => type === MESSAGE.INV_HAVE).at(-1);
    expect([...decodeInventoryHave(have?.body ?? Buffer.alloc(0))]).toEqual([['packages', large.hash]]);
    const chunks = world.collector.frames
      .filter(({ type }) => type === MESSAGE.INV_FULL)
      .map(({ body }) => decodeInventoryChunk(body));
    expect(chunks.length).toBeGreaterThan(1);
    const bytes = Buffer.concat(chunks.map((chunk) => chunk.bytes));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(large.hash);
  });

  it('waits for a socket that is full', async () => {
    const world = setUp();
    await connect(world);
    world.network.isStalled = true;
    world.changeInventory([canonicalSection({ name: 'packages', content: { all: 'x'.repeat(400_000) } })]);
    world.collector.send(encodeInventoryNeed(['packages']));
    await world.clock.advance(0);
    world.network.flush();
    await world.clock.advance(0);
    const last = world.collector.frames.filter(({ type }) => type === MESSAGE.INV_FULL).at(-1);
    const chunk = decodeInventoryChunk(last?.body ?? Buffer.alloc(0));
    expect(chunk.offset + chunk.bytes.length).toBe(chunk.totalBytes);
  });

  it('says nothing before the first reading', async () => {
    const world = setUp();
    world.changeInventory([]);
    await connect(world);
    expect(world.collector.types()).not.toContain(MESSAGE.INV_HAVE);
  });
});

describe('stopping', () => {
  it('delivers what is left, says goodbye and leaves no timer', async () => {
    const world = setUp();
    await connect(world);
    appendTick(world.spool, [cpu]);
    await Promise.all([world.uplink.stop(), world.clock.advance(0)]);
    await world.uplink.stop();
    expect(ticksAt(world)).toEqual([2]);
    const bye = world.collector.frames.at(-1);
    expect(bye?.type).toBe(MESSAGE.BYE);
    expect(decodeBye(bye?.body ?? Buffer.alloc(0))).toBe('stop');
    expect(world.clock.timerCount).toBe(0);
  });

  it('waits five seconds for acks and no longer', async () => {
    const world = setUp();
    world.collector.settings.isAcking = false;
    await connect(world);
    appendTick(world.spool, [cpu]);
    await world.clock.advance(0);
    let isDone = false;
    const stopping = world.uplink.stop().then(() => (isDone = true));
    await world.clock.advance(4_900);
    expect(isDone).toBe(false);
    await world.clock.advance(200);
    expect(isDone).toBe(true);
    await stopping;
    expect(world.clock.timerCount).toBe(0);
  });

  it.each([
    ['before it started', 0],
    ['while it waits', 1_000],
  ])('is quick %s', async (_what, waitMs) => {
    const world = setUp();
    if (waitMs > 0) world.uplink.start();
    await world.clock.advance(waitMs);
    await world.uplink.stop();
    expect(world.network.dials).toBe(0);
    expect(world.clock.timerCount).toBe(0);
  });
});

describe('whatever the network does', () => {
  const act = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.nat(30) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), count: fc.nat(20) }) },
    ...(['cut', 'stall', 'flush', 'fail', 'open', 'mute', 'ack', 'goaway', 'conflict'] as const).map(
      (kind) => ({
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant(kind), count: fc.constant(0) }),
      }),
    ),
  );

  async function perform(
    world: World,
    { kind, count }: { readonly kind: string; readonly count: number },
  ): Promise<number> {
    const { network, collector, spool, clock } = world;
    if (kind === 'wait') await clock.advance(count * 1_000);
    if (kind === 'cut') network.cut();
    if (kind === 'stall') network.isStalled = true;
    if (kind === 'flush') network.flush();
    if (kind === 'fail') network.outcome = { kind: 'failed', code: 'COLLECTOR_UNREACHABLE' };
    if (kind === 'open') network.outcome = { kind: 'open' };
    if (kind === 'mute') collector.settings.isAcking = false;
    if (kind === 'ack') collector.ackAll();
    if (kind === 'goaway') collector.send(encodeGoaway('restart', { minMs: 0, maxMs: 2_000 }));
    if (kind === 'conflict') collector.close(CLOSE_CODE.SUPERSEDED);
    if (kind !== 'append') return 0;
    for (let i = 0; i < count; i++) appendTick(spool, [cpu], clock.wallMs() + i);
    return count;
  }

  /** Ticks that the collector has, and ticks that it was told are lost, of all epochs. */
  function account({ collector }: World): { stored: number; lost: number } {
    let stored = 0;
    let lost = 0;
    for (const records of collector.records.values()) {
      let counted = 0;
      for (const record of records.values()) {
        if (record.kind === RECORD_KIND.SAMPLES) counted++;
        if (record.kind === RECORD_KIND.SAMPLES) stored++;
        if (record.kind !== RECORD_KIND.GAP) continue;
        const { ticksThrough } = decodeGap(recordBody(record));
        lost += ticksThrough - counted;
        counted = ticksThrough;
      }
    }
    return { stored, lost };
  }

  it('each tick arrives once or is declared lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const world = setUp({ segmentBytes: 1_024, maxBytes: 3_072 });
        world.uplink.start();
        let taken = 0;
        for (const step of acts) taken += await perform(world, step);
        world.network.outcome = { kind: 'open' };
        world.collector.settings.isAcking = true;
        world.network.flush();
        world.network.cut();
        await world.clock.advance(180_000);
        const { stored, lost } = account(world);
        expect({ faults: world.collector.faults, ticks: stored + lost }).toEqual({
          faults: [],
          ticks: taken,
        });
        expect(world.spool.stats().oldestUnackedMs).toBeUndefined();
      }),
      { numRuns: 30 },
    );
  });
});

describe('vitals', () => {
  const vitalsOf = ({ collector }: World): number =>
    collector.types().filter((type) => type === MESSAGE.VITALS).length;

  it('come with HELLO, and every 30 s while a backlog keeps the new readings waiting', async () => {
    const world = setUp();
    const { clock, collector, spool } = world;
    collector.settings.creditLimit = 0;
    appendTick(spool, [cpu], clock.wallMs());
    await connect(world);
    expect(collector.hellos[0]?.vitals).toEqual({ load1: 7 });
    const grant = (creditLimit: number): void =>
      collector.send(encodeAck({ epochId: currentEpoch(spool).id, watermark: 0, creditLimit }));
    for (let i = 0; i < 12; i++) {
      await clock.advance(10_000);
      grant(0);
      appendTick(spool, [cpu], clock.wallMs());
      await clock.advance(0);
    }
    expect(vitalsOf(world)).toBe(3);
    collector.settings.creditLimit = 1 << 30;
    grant(1 << 30);
    await clock.advance(0);
    await clock.advance(50_000);
    appendTick(spool, [cpu], clock.wallMs());
    await clock.advance(0);
    expect(ticksAt(world)).toHaveLength(14);
    expect(vitalsOf(world)).toBe(3);
  });

  it('stay at home while there is no backlog', async () => {
    const world = setUp();
    await connect(world);
    for (let i = 0; i < 12; i++) {
      appendTick(world.spool, [cpu], world.clock.wallMs());
      await world.clock.advance(10_000);
    }
    expect(vitalsOf(world)).toBe(0);
  });
});

it.each([
  [0, undefined],
  [9_000, undefined],
  [3_600_000, 'this machine is 3600 s ahead'],
  [-60_000, 'this machine is 60 s behind'],
])('says so when the clock of the machine is off by %s ms', async (offMs, expected) => {
  const world = setUp();
  world.clock.stepWall(offMs - 2_500);
  await connect(world);
  const warning = world.log.lines.find(({ message }) => message.includes('clocks'));
  expect(warning?.fields['reason']).toBe(expected);
});
