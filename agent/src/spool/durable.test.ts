import { describe, expect, it } from 'vitest';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { failWith } from '@rollcall/shared/testing/fake-disk.ts';
import { appendTick, currentEpoch, readAll, spoolConformance, testSchema } from './conformance.ts';
import { TestMachine } from './testing.ts';

const cpu = testSchema('cpu', 20);
const SMALL = { segmentBytes: 2_048, maxBytes: 8_192 };

spoolConformance((sizes) => new TestMachine().open({ ...sizes, sync: 'never', retentionMs: 0 }));

const START_MS = Date.UTC(2026, 0, 1);

describe('after a restart of the process', () => {
  it('goes on in the same epoch with everything that was not acknowledged', async () => {
    const machine = new TestMachine();
    const before = machine.open();
    for (let i = 0; i < 30; i++) appendTick(before, [cpu], i);
    const state = currentEpoch(before);
    const records = readAll(before, state.id, 1);
    const after = await machine.killAndOpen();
    expect(currentEpoch(after)).toEqual(state);
    expect(readAll(after, state.id, 1)).toEqual(records);
    appendTick(after, [cpu], 99);
    expect(readAll(after, state.id, state.next).map(({ kind }) => kind)).toEqual([
      RECORD_KIND.SCHEMA,
      RECORD_KIND.SAMPLES,
    ]);
  });

  it('makes durable what the process before it had no time to', async () => {
    const machine = new TestMachine();
    const before = machine.open();
    appendTick(before, [cpu]);
    const { id } = currentEpoch(before);
    const records = readAll(before, id, 1);
    // Nothing was synced, neither by the process that dies nor by an append of the next one.
    const next = await machine.killAndOpen();
    await next.settled();
    machine.disk.losePower(() => 0.99);
    machine.bootId = 'second boot';
    expect(readAll(machine.open(), id, 1)).toEqual(records);
  });

  it('writes anew what cannot be synced after a restart', async () => {
    const machine = new TestMachine();
    appendTick(machine.open(), [cpu]);
    machine.disk.die();
    machine.disk.restart();
    const failed: string[] = [];
    machine.disk.fault = (call, path) => {
      if (call !== 'sync' || !path.endsWith('.seg') || failed.length > 0) return;
      failed.push(path);
      failWith('EIO');
    };
    const after = machine.open();
    await after.settled();
    expect(failed).toHaveLength(1);
    const { id } = currentEpoch(after);
    const records = readAll(after, id, 1);
    machine.disk.losePower(() => 0.99);
    machine.bootId = 'second boot';
    expect(readAll(machine.open(), id, 1)).toEqual(records);
  });

  it('gives a schema the number that it had', async () => {
    const machine = new TestMachine();
    const before = machine.open();
    appendTick(before, [testSchema('net', 3), cpu]);
    const number = before.declareSchema(cpu);
    const after = await machine.killAndOpen();
    expect(after.declareSchema(testSchema('disk', 4))).toBe(3);
    expect(after.declareSchema(cpu)).toBe(number);
  });

  it('begins another epoch when the machine was booted, and keeps the old one', async () => {
    const machine = new TestMachine();
    const before = machine.open();
    appendTick(before, [cpu]);
    const old = currentEpoch(before);
    machine.bootId = 'second boot';
    const after = await machine.killAndOpen();
    expect(after.epochs()).toMatchObject([old, { bootId: 'second boot', first: 1, next: 1 }]);
    expect(readAll(after, old.id, 1)).toHaveLength(2);
    expect(after.found).toMatchObject({ isOtherBoot: true, isDamaged: false, last: { wallMs: START_MS } });
  });

  it.each([
    ['the boot is unknown', (machine: TestMachine) => void (machine.bootId = '')],
    ['it belongs to another agent', (machine: TestMachine) => void (machine.owner = Buffer.alloc(16, 9))],
    ['META is gone', (machine: TestMachine) => machine.disk.remove('/spool/META')],
    ['META is garbage', (machine: TestMachine) => machine.disk.edit('/spool/META', (bytes) => bytes.fill(7))],
    ['META is empty', (machine: TestMachine) => machine.disk.edit('/spool/META', () => Buffer.alloc(0))],
  ])('begins another epoch when %s', async (_why, change) => {
    const machine = new TestMachine();
    machine.bootId = 'boot';
    const before = machine.open();
    appendTick(before, [cpu]);
    const old = currentEpoch(before);
    change(machine);
    const after = await machine.killAndOpen();
    expect(currentEpoch(after).id).not.toBe(old.id);
    expect(readAll(after, old.id, 1)).toHaveLength(2);
  });

  it('begins another epoch when META is older than the segments', async () => {
    const machine = new TestMachine();
    const first = machine.open();
    appendTick(first, [cpu]);
    const meta = machine.disk.readFile('/spool/META', 99);
    first.rotateEpoch({ epochId: currentEpoch(first).id, rehomeAfter: 0 });
    const second = currentEpoch(first);
    machine.disk.edit('/spool/META', () => meta);
    const after = await machine.killAndOpen();
    expect(after.epochs().map(({ id }) => id)).toContain(second.id);
    expect(currentEpoch(after).id).not.toBe(second.id);
  });

  it('declares the same gaps again until they are acknowledged', async () => {
    const machine = new TestMachine();
    const before = machine.open(SMALL);
    for (let i = 0; i < 200; i++) appendTick(before, [cpu], i);
    before.giveUp({
      epochId: currentEpoch(before).id,
      seq: currentEpoch(before).first + 5,
      reason: GAP_REASON.POISON,
    });
    await before.settled();
    const { id, next } = currentEpoch(before);
    const records = readAll(before, id, 1);
    expect(records.filter(({ gap }) => gap !== undefined)).toHaveLength(2);
    expect(machine.disk.list('/spool/quarantine')).toHaveLength(1);
    const after = await machine.killAndOpen(SMALL);
    expect(readAll(after, id, 1)).toEqual(records);
    after.acknowledge(id, next - 1);
    await after.settled();
    const last = await machine.killAndOpen({ ...SMALL, retentionMs: 0 });
    last.acknowledge(id, next - 1);
    await last.settled();
    expect(machine.disk.files('/spool').filter((path) => path.endsWith('.gap'))).toEqual([]);
  });

  it('keeps one copy of what was moved to another epoch, wherever the process died', async () => {
    const machine = new TestMachine();
    const before = machine.open(SMALL);
    for (let i = 0; i < 20; i++) appendTick(before, [cpu], i);
    before.rotateEpoch({ epochId: currentEpoch(before).id, rehomeAfter: 8 });
    const { id } = currentEpoch(before);
    const walls = readAll(before, id, 1).map(({ wallMs }) => wallMs);
    machine.disk.die();
    const after = await machine.killAndOpen(SMALL);
    expect(after.epochs().map((epoch) => epoch.id)).toEqual([id]);
    expect(readAll(after, id, 1).map(({ wallMs }) => wallMs)).toEqual(walls);
  });
});

describe('what is acknowledged', () => {
  it('stays for two days, so that a collector that lost it gets it again', async () => {
    const clock = new FakeClock();
    const machine = new TestMachine(clock);
    const spool = machine.open({ segmentBytes: 2_048 });
    for (let i = 0; i < 50; i++) appendTick(spool, [cpu], clock.wallMs(), clock.bootMs());
    const { id, next } = currentEpoch(spool);
    const records = readAll(spool, id, 1);
    spool.acknowledge(id, next - 1);
    expect(spool.stats()).toMatchObject({ recordsHeld: 0, bytesHeld: 0, oldestUnackedMs: undefined });
    await clock.advance(47 * 3_600_000);
    spool.acknowledge(id, next - 1);
    expect(readAll(spool, id, 1).slice(0, records.length)).toEqual(records);
    await clock.advance(2 * 3_600_000);
    spool.acknowledge(id, next - 1);
    await spool.settled();
    expect(machine.disk.files('/spool').filter((path) => path.endsWith('.seg'))).toHaveLength(1);
    expect(readAll(spool, id, 1)[0]?.gap).toMatchObject({ reason: GAP_REASON.COLLECTOR_ROLLBACK });
    spool.close();
    expect(clock.timerCount).toBe(0);
  });

  it('makes way first when there is too much, without a gap', () => {
    const spool = new TestMachine().open(SMALL);
    for (let i = 0; i < 25; i++) appendTick(spool, [cpu], i);
    const { id, next } = currentEpoch(spool);
    spool.acknowledge(id, next - 1);
    for (let i = 0; i < 20; i++) appendTick(spool, [cpu], i);
    expect(spool.stats().samplesDropped).toBe(0);
    expect(readAll(spool, id, next).some(({ gap }) => gap !== undefined)).toBe(false);
  });

  it('is forgotten with its epoch', async () => {
    const clock = new FakeClock();
    const machine = new TestMachine(clock);
    appendTick(machine.open(), [cpu], clock.wallMs(), clock.bootMs());
    machine.bootId = 'second boot';
    const spool = await machine.killAndOpen();
    const [old] = spool.epochs();
    spool.acknowledge(old?.id ?? '', 2);
    expect(spool.epochs()).toHaveLength(2);
    await clock.advance(49 * 3_600_000);
    spool.acknowledge(old?.id ?? '', 2);
    expect(spool.epochs()).toHaveLength(1);
    await spool.settled();
    expect(machine.disk.list('/spool')).not.toContain(`e-${old?.id ?? ''}`);
  });
});

it('drops what is older than the collector takes, by the clock that nobody can set', async () => {
  const clock = new FakeClock();
  const spool = new TestMachine(clock).open({ segmentBytes: 2_048 });
  for (let i = 0; i < 20; i++) appendTick(spool, [cpu], clock.wallMs(), clock.bootMs());
  const { id } = currentEpoch(spool);
  clock.stepWall(400 * 86_400_000);
  await clock.advance(60_000);
  expect(spool.stats().samplesDropped).toBe(0);
  await clock.advance(14 * 86_400_000);
  const gaps = readAll(spool, id, 1).flatMap(({ gap }) => gap ?? []);
  expect(gaps).toMatchObject([{ reason: GAP_REASON.AGE, isEstimated: false }]);
  expect(spool.stats().samplesDropped).toBeGreaterThan(0);
});

it.each([
  ['keeps what an earlier boot took before its wall clock was set, for nobody knows how old it is', 5_000, 0],
  ['drops what an earlier boot took too long ago', START_MS - 15 * 86_400_000, 20],
])('%s', async (_what, wallMs, dropped) => {
  const clock = new FakeClock(wallMs);
  const machine = new TestMachine(clock);
  appendTick(machine.open(), [cpu], clock.wallMs(), clock.bootMs());
  machine.bootId = 'second boot';
  clock.stepWall(START_MS - wallMs);
  const spool = await machine.killAndOpen();
  await clock.advance(60_000);
  expect(spool.stats().samplesDropped).toBe(dropped);
});

describe('syncing', () => {
  it('sends a record only when it is durable, and tells when that is', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'always' });
    let calls = 0;
    spool.onAppend(() => calls++);
    appendTick(spool, [cpu]);
    const { id } = currentEpoch(spool);
    expect([readAll(spool, id, 1).length, calls]).toEqual([0, 0]);
    await settle(spool);
    expect([readAll(spool, id, 1).length, calls]).toEqual([2, 1]);
  });

  it('makes records durable together that come quickly, the last one when nothing follows or the agent stops', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'always', syncGatherMs: 2_000 });
    let syncs = 0;
    machine.disk.fault = (call, path) => void (call === 'sync' && path.endsWith('.seg') && syncs++);
    const seen: number[][] = [];
    const { id } = currentEpoch(spool);
    for (let i = 0; i < 4; i++) {
      appendTick(spool, [cpu], i);
      await machine.clock.advance(1_000);
      seen.push([readAll(spool, id, 1).length, syncs]);
    }
    // A schema and the first tick; then two ticks at a time.
    expect(seen).toEqual([
      [2, 1],
      [2, 1],
      [4, 2],
      [4, 2],
    ]);
    await machine.clock.advance(1_500);
    expect([readAll(spool, id, 1).length, syncs]).toEqual([5, 3]);
    appendTick(spool, [cpu], 5);
    await spool.settled();
    await settle(spool);
    expect(readAll(spool, id, 1)).toHaveLength(6);
  });

  it('goes on sampling while a sync takes its time, and sends all of it afterwards', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'always' });
    const slow = Promise.withResolvers<void>();
    machine.disk.syncGate = slow.promise;
    for (let i = 0; i < 10; i++) appendTick(spool, [cpu], i);
    await machine.clock.advance(2_000);
    const { id } = currentEpoch(spool);
    expect(readAll(spool, id, 1)).toEqual([]);
    machine.disk.syncGate = Promise.resolve();
    slow.resolve();
    await settle(spool);
    expect(readAll(spool, id, 1)).toHaveLength(11);
  });

  it('goes on in memory when a sync never ends', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'always' });
    machine.disk.syncGate = new Promise(() => {});
    appendTick(spool, [cpu]);
    await machine.clock.advance(31_000);
    appendTick(spool, [cpu]);
    expect(spool.stats().isDurable).toBe(false);
    expect(readAll(spool, currentEpoch(spool).id, 1)).toHaveLength(2);
  });

  it('writes a segment anew after a failed sync and never syncs the old file again', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'always' });
    let fails = 1;
    machine.disk.fault = (call) => void (call === 'sync' && fails-- > 0 && failWith('EIO'));
    for (let i = 0; i < 5; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    const { id } = currentEpoch(spool);
    expect(spool.stats().isDurable).toBe(true);
    const records = readAll(spool, id, 1);
    expect(records).toHaveLength(6);
    expect(readAll(await machine.killAndOpen(), id, 1)).toEqual(records);
  });

  it('syncs now and then under the policy interval', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'interval' });
    let syncs = 0;
    machine.disk.fault = (call, path) => void (call === 'synced' && path.endsWith('.seg') && syncs++);
    appendTick(spool, [cpu]);
    await settle(spool);
    expect(syncs).toBe(0);
    expect(readAll(spool, currentEpoch(spool).id, 1)).toHaveLength(2);
    await machine.clock.advance(61_000);
    expect(syncs).toBe(1);
  });
});

/** Lets the queue of the disk and what it sets off run empty. */
async function settle(spool: { settled(): Promise<void> }): Promise<void> {
  for (let i = 0; i < 20; i++) await spool.settled();
}
