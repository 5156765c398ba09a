/** More epochs than an agent may have: what has to go is told by those that stay. */
import { expect, it } from 'vitest';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { failWith } from '@rollcall/shared/testing/fake-disk.ts';
import { appendTick, currentEpoch, readAll, testSchema } from './conformance.ts';
import type { DurableSpool } from './durable.ts';
import { countTo, settle, TestMachine, ticksOf } from './testing.ts';

const cpu = testSchema('cpu', 20);
const TICKS = 3;
const EPOCHS = 6;

/** Boots so many times without a connection, and takes a few readings each time. */
async function bootWithout(machine: TestMachine, boots: number): Promise<DurableSpool> {
  let spool: DurableSpool | undefined;
  for (let boot = 0; boot < boots; boot++) {
    machine.bootId = `boot ${boot}`;
    spool = await machine.killAndOpen({ epochsMax: EPOCHS });
    for (let i = 0; i < TICKS; i++) appendTick(spool, [cpu], boot * TICKS + i);
    await settle(spool);
  }
  if (spool === undefined) throw new Error('no boots');
  return spool;
}

function gapsOf(spool: DurableSpool) {
  return spool.epochs().flatMap(({ id }) => readAll(spool, id, 1).flatMap(({ gap }) => gap ?? []));
}

it('declares the oldest epochs in those of later boots, however often the machine boots', async () => {
  const machine = new TestMachine();
  const boots = 2 * EPOCHS + 3;
  const spool = await bootWithout(machine, boots);
  expect(spool.epochs()).toHaveLength(EPOCHS);
  const held = ticksOf(spool);
  const lost = gapsOf(spool);
  expect(held).toEqual(countTo(boots * TICKS).slice(-held.length));
  expect(held.length + lost.reduce((sum, { ticksThrough }) => sum + ticksThrough, 0)).toBe(boots * TICKS);
  expect(lost.reduce((sum, { samplesThrough }) => sum + samplesThrough, 0)).toBe(
    (boots * TICKS - held.length) * 20,
  );
  for (const gap of lost) expect(gap).toMatchObject({ reason: GAP_REASON.EPOCHS, isEstimated: true });
  expect(lost.reduce((least, { firstWallMs }) => Math.min(least, firstWallMs), Infinity)).toBe(0);
  expect(spool.stats().samplesDropped).toBe(TICKS * 20);
});

it('keeps what an earlier process knew to be delivered until the collector says so again', async () => {
  const DAY_MS = 86_400_000;
  const startMs = Date.UTC(2026, 0, 1);
  const machine = new TestMachine();
  machine.clock.stepWall(startMs - machine.clock.wallMs());
  const first = machine.open();
  appendTick(first, [cpu], startMs);
  await settle(first);
  const { id, next } = currentEpoch(first);
  machine.bootId = 'second boot';
  const second = await machine.killAndOpen();
  second.acknowledge(id, next - 1);
  await settle(second);
  // Off for some days, while the collector is restored from a backup of before.
  machine.clock.stepWall(5 * DAY_MS);
  machine.bootId = 'third boot';
  const third = await machine.killAndOpen();
  await settle(third);
  expect(third.epochs()[0]).toMatchObject({ id, acked: 0 });
  expect(ticksOf(third)).toEqual([startMs]);
  third.acknowledge(id, next - 1);
  expect(third.epochs().map((epoch) => epoch.id)).not.toContain(id);
});

it('does not declare what an earlier process knew to be delivered', async () => {
  const machine = new TestMachine();
  for (let boot = 0; boot <= 2 * EPOCHS; boot++) {
    machine.bootId = `boot ${boot}`;
    const spool = await machine.killAndOpen({ epochsMax: EPOCHS });
    // Of the boot before, which is told with the first connection.
    for (const { id, next } of spool.epochs()) spool.acknowledge(id, next - 1);
    expect(gapsOf(spool)).toEqual([]);
    appendTick(spool, [cpu], boot);
    await settle(spool);
  }
});

it('keeps the files of an epoch that makes way until the gap that tells of it is on the disk', async () => {
  const machine = new TestMachine();
  const spool = await bootWithout(machine, EPOCHS);
  const [oldest] = spool.epochs();
  machine.bootId = 'last boot';
  machine.disk.die();
  await spool.settled();
  machine.disk.restart();
  machine.disk.fault = (call, path) => void (call === 'open' && path.includes('.gap') && failWith('EIO'));
  const last = machine.open({ epochsMax: EPOCHS });
  appendTick(last, [cpu], 9_999);
  await settle(last);
  expect(machine.disk.list('/spool')).toContain(`e-${oldest?.id}`);
  machine.disk.fault = () => {};
  await machine.clock.advance(61_000);
  await settle(last);
  expect(machine.disk.list('/spool')).not.toContain(`e-${oldest?.id}`);
  expect(gapsOf(last)).toMatchObject([{ ticksThrough: TICKS }]);
});

it('does not try again what an epoch that made way at the start needs no more', async () => {
  const machine = new TestMachine();
  await bootWithout(machine, EPOCHS);
  machine.bootId = 'last boot';
  const last = await machine.killAndOpen({ epochsMax: EPOCHS });
  await settle(last);
  const told = machine.log.lines.length;
  await machine.clock.advance(600_000);
  await settle(last);
  expect(machine.log.lines.slice(told)).toEqual([]);
});

it('goes on behind a delivered epoch that takes records again', async () => {
  const machine = new TestMachine();
  const first = machine.open({ epochsMax: EPOCHS });
  appendTick(first, [cpu], 0);
  const { id, next } = currentEpoch(first);
  // In memory another epoch is current, of which nothing is left after the death.
  machine.disk.fault = (call) => void (call === 'write' && failWith('EIO'));
  appendTick(first, [cpu], 1);
  machine.disk.fault = () => {};
  first.acknowledge(id, next - 1);
  await settle(first);
  expect(machine.disk.files('/spool').some((path) => path.endsWith('DELIVERED'))).toBe(true);
  const second = await machine.killAndOpen({ epochsMax: EPOCHS });
  expect(currentEpoch(second)).toMatchObject({ id, next });
  appendTick(second, [cpu], 2);
  await settle(second);
  const third = await machine.killAndOpen({ epochsMax: EPOCHS });
  expect(third.epochs()).toMatchObject([{ id }]);
  expect(third.stats().recordsHeld).toBeGreaterThan(0);
  expect(ticksOf(third)).toEqual([0, 2]);
});
