/** Epochs that take the place of others, where disks and processes fail in between. */
import { expect, it } from 'vitest';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { failWith } from '@rollcall/shared/testing/fake-disk.ts';
import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { appendTick, currentEpoch, readAll, testSchema } from './conformance.ts';
import type { DurableSpool } from './durable.ts';
import { countTo, settle, TestMachine, ticksOf } from './testing.ts';

const cpu = testSchema('cpu', 20);

it('makes durable what an earlier process of this boot moved of an earlier boot', async () => {
  const machine = new TestMachine();
  const first = machine.open({ sync: 'always' });
  for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
  await settle(first);
  const before = currentEpoch(first).id;
  machine.disk.losePower(() => 0.9);
  machine.bootId = 'second boot';
  const second = machine.open({ sync: 'always' });
  await settle(second);
  expect(ticksOf(second)).toEqual(countTo(5));
  // Moved, and killed before the queue of the disk had its turn.
  second.rotateEpoch({ epochId: before, rehomeAfter: 0 });
  const third = await machine.killAndOpen({ sync: 'always' });
  await settle(third);
  expect(ticksOf(third)).toEqual(countTo(5));
  appendTick(third, [cpu], 5);
  await settle(third);
  await machine.clock.advance(600_000);
  await settle(third);
  machine.disk.losePower(() => 0.6);
  machine.bootId = 'third boot';
  const fourth = machine.open({ sync: 'always' });
  expect(ticksOf(fourth)).toEqual(countTo(6));
});
it('makes durable what an earlier process of this boot moved of this boot', async () => {
  const machine = new TestMachine();
  const first = machine.open({ sync: 'always' });
  for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
  await settle(first);
  const before = currentEpoch(first).id;
  first.rotateEpoch({ epochId: before, rehomeAfter: 0 });
  const third = await machine.killAndOpen({ sync: 'always' });
  await settle(third);
  await machine.clock.advance(600_000);
  await settle(third);
  machine.disk.losePower(() => 0.6);
  machine.bootId = 'third boot';
  const last = machine.open({ sync: 'always' });
  expect(ticksOf(last)).toEqual(countTo(5));
});

it.each([0, 1, 2])(
  'keeps the replaced epochs after a death until the new one is durable, of %i replacements before',
  async (before) => {
    for (let seed = 0; seed < 20; seed++) {
      const random = seededRandom(seed);
      const machine = new TestMachine();
      const first = machine.open({ sync: 'always' });
      for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
      await settle(first);
      for (let i = 0; i <= before; i++)
        first.rotateEpoch({ epochId: currentEpoch(first).id, rehomeAfter: 0 });
      // Dead before the queue of the disk had its turn, and the next one loses power as early.
      const second = await machine.killAndOpen({ sync: 'always' });
      expect(ticksOf(second)).toEqual(countTo(5));
      machine.disk.die();
      await second.settled();
      machine.disk.losePower(random);
      machine.bootId = 'second boot';
      const last = machine.open({ sync: 'always' });
      expect([...new Set(ticksOf(last))]).toEqual(countTo(5));
    }
  },
);

it('does not keep a replaced epoch longer than it takes to make the new one durable', async () => {
  const machine = new TestMachine();
  const first = machine.open({ sync: 'always' });
  for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
  await settle(first);
  const ids = [currentEpoch(first).id];
  for (let i = 0; i < 2; i++) {
    first.rotateEpoch({ epochId: ids.at(-1) ?? '', rehomeAfter: 0 });
    ids.push(currentEpoch(first).id);
  }
  const second = await machine.killAndOpen({ sync: 'always' });
  expect(second.epochs().map(({ id }) => id)).toEqual(ids.slice(-1));
  await settle(second);
  expect(machine.disk.list('/spool').filter((name) => name.startsWith('e-'))).toEqual([`e-${ids.at(-1)}`]);
  expect(machine.disk.files('/spool').some((path) => path.includes('REPLACES'))).toBe(false);
});

it('has the gaps of the new epoch after a death, also at its end', async () => {
  const machine = new TestMachine();
  const first = machine.open();
  for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
  const { id, next } = currentEpoch(first);
  first.giveUp({ epochId: id, seq: next - 1, reason: GAP_REASON.POISON });
  await settle(first);
  const gapsOf = (spool: DurableSpool) =>
    spool.epochs().flatMap((epoch) => readAll(spool, epoch.id, 1).flatMap(({ gap }) => gap ?? []));
  expect(gapsOf(first)).toMatchObject([{ reason: GAP_REASON.POISON, ticksThrough: 5 }]);
  first.rotateEpoch({ epochId: id, rehomeAfter: 0 });
  const second = await machine.killAndOpen();
  expect(gapsOf(second)).toMatchObject([{ reason: GAP_REASON.POISON, ticksThrough: 5 }]);
  expect(ticksOf(second)).toEqual(countTo(4));
});

it('keeps the replaced epoch until what moved to the disk is durable', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ sync: 'always' });
  for (let i = 0; i < 5; i++) appendTick(spool, [cpu], i);
  await settle(spool);
  const before = currentEpoch(spool).id;
  // The disk goes, and the epoch on it is replaced by one in memory.
  machine.disk.fault = (call) => void (call === 'write' && failWith('EIO'));
  appendTick(spool, [cpu], 5);
  expect(spool.stats().isDurable).toBe(false);
  spool.rotateEpoch({ epochId: before, rehomeAfter: 0 });
  // It comes back, but syncs of segments fail.
  machine.disk.fault = (call, path) => void (call === 'sync' && /\.seg/.test(path) && failWith('EIO'));
  await machine.clock.advance(70_000);
  await settle(spool);
  machine.disk.losePower(() => 0.1);
  machine.bootId = 'second boot';
  expect(ticksOf(machine.open({ sync: 'always' })).filter((t) => t < 5)).toEqual(countTo(5));
});

it('keeps the replaced epoch until the gaps of the new one are written', async () => {
  const machine = new TestMachine();
  const sizes = { segmentBytes: 2_048, maxBytes: 8_192 } as const;
  const first = machine.open(sizes);
  for (let i = 0; i < 10; i++) appendTick(first, [cpu], i);
  await settle(first);
  const { id } = currentEpoch(first);
  machine.bootId = 'second boot';
  const spool = await machine.killAndOpen(sizes);
  // Everything of the first epoch has to make way.
  for (let i = 10; i < 100; i++) {
    appendTick(spool, [cpu], i);
    await settle(spool);
  }
  const gapsOf = (s: DurableSpool) =>
    s
      .epochs()
      .map(({ id }) =>
        readAll(s, id, 1).flatMap(({ gap }) => (gap ? [[gap.to, gap.reason, gap.samplesThrough]] : [])),
      );
  const before = gapsOf(spool);
  let failures = 1;
  machine.disk.fault = (call, path) => {
    if (call === 'open' && path.includes('.gap') && failures-- > 0) failWith('EIO');
  };
  spool.rotateEpoch({ epochId: id, rehomeAfter: 0 });
  await settle(spool);
  expect(failures).toBeLessThan(1);
  expect(gapsOf(spool)).toEqual(before);
  const again = await machine.killAndOpen(sizes);
  expect(gapsOf(again).slice(0, 2)).toEqual(before);
});

it('a queue that hangs does not remove what moved at a second attempt', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ segmentBytes: 2_048 });
  await settle(spool);
  appendTick(spool, [cpu], 0);
  // The next sync of a folder hangs: the segment that is closed when the disk fails.
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const syncDir = machine.disk.syncDir.bind(machine.disk);
  machine.disk.syncDir = async (dir: string) => {
    await gate;
    return syncDir(dir);
  };
  machine.disk.fault = (call) => void (call === 'write' && failWith('EIO'));
  for (let i = 1; i < 30; i++) appendTick(spool, [cpu], i);
  let writes = 0;
  machine.disk.fault = (call, path) =>
    void (call === 'write' && path.endsWith('.seg') && ++writes === 12 && failWith('ENOSPC'));
  await machine.clock.advance(70_000);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  expect([writes, spool.stats().isDurable]).toEqual([12, false]);
  machine.disk.fault = () => {};
  await machine.clock.advance(70_000);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  expect(spool.stats().isDurable).toBe(true);
  release();
  await settle(spool);
  await machine.clock.advance(200_000);
  await settle(spool);
  expect(ticksOf(spool)).toEqual(countTo(30));
  expect(ticksOf(await machine.killAndOpen())).toEqual(countTo(30));
});

it('keeps the replaced epoch while the segments of the new one cannot be made durable', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ sync: 'always' });
  for (let i = 0; i < 5; i++) appendTick(spool, [cpu], i);
  await settle(spool);
  machine.disk.fault = (call, path) => void (call === 'sync' && /\.seg/.test(path) && failWith('EIO'));
  spool.rotateEpoch({ epochId: currentEpoch(spool).id, rehomeAfter: 0 });
  await settle(spool);
  machine.disk.losePower(() => 0.1);
  machine.bootId = 'second boot';
  const again = machine.open({ sync: 'always' });
  const ticks = again
    .epochs()
    .flatMap(({ id }) => readAll(again, id, 1))
    .flatMap(({ kind, wallMs }) => (kind === RECORD_KIND.SAMPLES ? [wallMs] : []));
  expect(ticks).toEqual([0, 1, 2, 3, 4]);
});

it.each(['always', 'interval', 'never'] as const)(
  'keeps everything in two hours without a connection on a disk that syncs small files only, with sync %s',
  async (sync) => {
    const machine = new TestMachine();
    const spool = machine.open({ sync, segmentBytes: 16_384 });
    machine.disk.fault = (call, path) => void (call === 'sync' && /\.seg/.test(path) && failWith('EIO'));
    let n = 0;
    for (let minute = 0; minute < 120; minute++) {
      for (let i = 0; i < 6; i++) appendTick(spool, [cpu], n++);
      await machine.clock.advance(60_000);
      await settle(spool);
    }
    const held = spool
      .epochs()
      .flatMap(({ id }) => readAll(spool, id, 1))
      .filter(({ kind }) => kind === RECORD_KIND.SAMPLES).length;
    expect(held).toBe(n);
  },
);

it('one that has nothing is followed by the one that it replaced, not by what that one had replaced', async () => {
  const machine = new TestMachine();
  const sizes = { sync: 'never', segmentBytes: 700 } as const;
  // Everything was delivered each time, and the process died before the queue of the disk had its turn.
  const deliverAndRotate = (spool: DurableSpool): void => {
    const { id, next } = currentEpoch(spool);
    spool.rotateEpoch({ epochId: id, rehomeAfter: next - 1 });
  };
  const first = machine.open(sizes);
  appendTick(first, [cpu], 0);
  deliverAndRotate(first);
  appendTick(first, [cpu], 1);
  const second = await machine.killAndOpen(sizes);
  expect(ticksOf(second)).toEqual([1]);
  deliverAndRotate(second);
  const third = await machine.killAndOpen(sizes);
  expect(ticksOf(third)).toEqual([1]);
});

it('does not find an epoch again whose replacement was replaced before it was durable', async () => {
  const machine = new TestMachine();
  const first = machine.open({ sync: 'always' });
  for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
  await settle(first);
  first.rotateEpoch({ epochId: currentEpoch(first).id, rehomeAfter: 0 });
  machine.disk.die();
  await first.settled();
  machine.disk.restart();
  machine.disk.fault = (call) => void (call === 'sync' && failWith('EIO'));
  const second = machine.open();
  await settle(second);
  machine.disk.fault = () => {};
  second.rotateEpoch({ epochId: currentEpoch(second).id, rehomeAfter: 0 });
  await settle(second);
  expect(ticksOf(await machine.killAndOpen())).toEqual(countTo(5));
});
