/** What comes of a failure later: jobs of the disk that are done when what they were meant for has changed, and what moves. */
import { expect, it } from 'vitest';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { failWith } from '@rollcall/shared/testing/fake-disk.ts';
import { appendTick, currentEpoch, readAll, testSchema } from './conformance.ts';
import { countTo, settle, TestMachine, ticksOf } from './testing.ts';

const cpu = testSchema('cpu', 20);

it('does not remove what moved to the disk since a first attempt failed and could not be cleared away', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ segmentBytes: 2_048 });
  machine.disk.fault = (call) => void (call === 'write' && failWith('EIO'));
  for (let i = 0; i < 30; i++) appendTick(spool, [cpu], i);
  // As a file system that turns read-only after an error.
  let writes = 0;
  machine.disk.fault = (call, path) => {
    if (call === 'write' && path.endsWith('.seg')) writes++;
    if (writes > 12 && ['write', 'open', 'rename', 'remove', 'removeDir', 'makeDir', 'sync'].includes(call))
      failWith('EROFS');
  };
  await machine.clock.advance(70_000);
  await settle(spool);
  expect([spool.stats().isDurable, writes > 12]).toEqual([false, true]);
  machine.disk.fault = () => {};
  for (let minutes = 0; minutes < 6; minutes++) {
    await machine.clock.advance(60_000);
    await settle(spool);
  }
  expect(spool.stats().isDurable).toBe(true);
  expect(ticksOf(spool)).toEqual(countTo(30));
  expect(ticksOf(await machine.killAndOpen())).toEqual(countTo(30));
});

it.each(['open', 'write', 'rename'])(
  'keeps what moved to another epoch when %s fails for the note of it',
  async (failing) => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'always' });
    for (let i = 0; i < 10; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    machine.disk.fault = (call, path) => {
      if (call === failing && path.includes('REPLACES')) failWith('ENOSPC');
    };
    spool.rotateEpoch({ epochId: currentEpoch(spool).id, rehomeAfter: 0 });
    await settle(spool);
    expect(new Set(ticksOf(await machine.killAndOpen({ sync: 'always' })))).toEqual(new Set(countTo(10)));
  },
);

it('does not shorten a gap when its first attempt is done late', async () => {
  const machine = new TestMachine();
  const sizes = { segmentBytes: 2_048, maxBytes: 8_192 };
  const spool = machine.open(sizes);
  const { id } = currentEpoch(spool);
  let failures = 2;
  machine.disk.fault = (call, path) => {
    if (call === 'open' && path.includes('.gap') && failures-- > 0) failWith('ENOSPC');
  };
  for (let i = 0; i < 100; i++) {
    appendTick(spool, [cpu], i);
    await settle(spool);
  }
  expect(failures).toBeLessThan(0);
  const [before] = readAll(spool, id, 1);
  // The upkeep tries again.
  await machine.clock.advance(60_000);
  await settle(spool);
  const [after] = readAll(await machine.killAndOpen(sizes), id, 1);
  expect(after).toMatchObject({ to: before?.to, gap: { reason: GAP_REASON.BYTES } });
});

it('trusts no second sync of a file that was found when the first one failed', async () => {
  const machine = new TestMachine();
  const first = machine.open();
  for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
  const { id } = currentEpoch(first);
  const path = machine.disk.files('/spool').findLast((name) => name.endsWith('.seg'));
  machine.disk.die();
  await first.settled();
  machine.disk.restart();
  let failures = 2;
  machine.disk.fault = (call, name) => {
    if (call === 'sync' && (name === path || name === `${path}.tmp`) && failures-- > 0) failWith('EIO');
  };
  const spool = machine.open({ sync: 'always' });
  await settle(spool);
  expect(failures).toBeLessThan(1);
  await machine.clock.advance(120_000);
  await settle(spool);
  machine.disk.losePower(() => 0.6);
  machine.bootId = 'second boot';
  const ticks = readAll(machine.open(), id, 1).filter(({ kind }) => kind === RECORD_KIND.SAMPLES);
  expect(ticks.map(({ wallMs }) => wallMs)).toEqual(countTo(5));
});

it('leaves records of an earlier boot to that boot when they move, in their place', async () => {
  const machine = new TestMachine();
  const first = machine.open({ sync: 'always' });
  for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
  const before = currentEpoch(first).id;
  machine.bootId = 'second boot';
  const spool = await machine.killAndOpen({ sync: 'always' });
  appendTick(spool, [cpu], 5);
  spool.rotateEpoch({ epochId: before, rehomeAfter: 0 });
  await settle(spool);
  const epochs = spool.epochs();
  expect(epochs.map(({ bootId }) => bootId)).toEqual(['first boot', 'second boot']);
  expect(epochs.map(({ id }) => id)).not.toContain(before);
  expect(ticksOf(spool)).toEqual(countTo(6));
  const after = await machine.killAndOpen({ sync: 'always' });
  expect(after.epochs().map(({ id }) => id)).toEqual(epochs.map(({ id }) => id));
  expect(ticksOf(after)).toEqual(countTo(6));
});

it.each(['never', 'interval'] as const)(
  'goes on in memory under %s when segments cannot be made durable',
  async (sync) => {
    const machine = new TestMachine();
    const spool = machine.open({ sync, segmentBytes: 2_048, maxMemoryBytes: 8_192 });
    machine.disk.fault = (call) => void (call === 'sync' && failWith('EIO'));
    for (let i = 0; i < 100; i++) {
      appendTick(spool, [cpu], i);
      await settle(spool);
    }
    expect(spool.stats().isDurable).toBe(false);
    const inMemory = currentEpoch(spool);
    // Nor does it try each minute with the same result.
    await machine.clock.advance(600_000);
    expect(currentEpoch(spool).id).toBe(inMemory.id);
    machine.disk.fault = () => {};
    await machine.clock.advance(200_000);
    await settle(spool);
    expect(spool.stats().isDurable).toBe(true);
  },
);

it('counts what was given up before a restart also when it moves', async () => {
  const machine = new TestMachine();
  const first = machine.open({ sync: 'always' });
  for (let i = 0; i < 5; i++) appendTick(first, [cpu], i);
  const { id } = currentEpoch(first);
  first.giveUp({ epochId: id, seq: 3, reason: GAP_REASON.POISON });
  await settle(first);
  const spool = await machine.killAndOpen({ sync: 'always' });
  spool.rotateEpoch({ epochId: id, rehomeAfter: 0 });
  const moved = readAll(spool, currentEpoch(spool).id, 1);
  const gap = moved.find((record) => record.gap !== undefined);
  expect(gap?.gap).toMatchObject({ reason: GAP_REASON.POISON, ticksThrough: 2, samplesThrough: 40 });
  expect(ticksOf(spool)).toEqual([0, 2, 3, 4]);
});
