/** The spool while its disk is full, read-only, broken or gone, and afterwards. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { failWith } from '@rollcall/shared/testing/fake-disk.ts';
import { appendTick, currentEpoch, readAll, testSchema } from './conformance.ts';
import { roomBytes, SPOOL_BYTES_MIN } from './room.ts';
import { countTo, settle, TestMachine } from './testing.ts';

const cpu = testSchema('cpu', 20);
const GIB = 1 << 30;

describe.each([
  ['the disk is full', 'ENOSPC', ['write', 'open']],
  ['the quota is used up', 'EDQUOT', ['write', 'open']],
  ['no more files can be made', 'ENOSPC', ['open']],
  ['the disk is read-only', 'EROFS', ['write', 'open', 'makeDir', 'rename', 'remove']],
  ['writing fails', 'EIO', ['write']],
  ['all descriptors are in use', 'EMFILE', ['open']],
])('when %s', (_what, code, calls) => {
  it('goes on in memory in a new epoch, and returns with everything when the disk is well', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ segmentBytes: 2_048 });
    for (let i = 0; i < 5; i++) appendTick(spool, [cpu], i);
    const onDisk = currentEpoch(spool);
    machine.disk.fault = (call) => void (calls.includes(call) && failWith(code));
    for (let i = 5; i < 30; i++) appendTick(spool, [cpu], i);
    const inMemory = currentEpoch(spool);
    expect(inMemory.id).not.toBe(onDisk.id);
    expect(spool.stats().isDurable).toBe(false);

    await machine.clock.advance(300_000);
    expect(spool.stats().isDurable).toBe(false);
    machine.disk.fault = () => {};
    await machine.clock.advance(100_000);
    expect(spool.stats().isDurable).toBe(true);
    appendTick(spool, [cpu], 30);
    await spool.settled();

    const walls = ticksOf(await machine.killAndOpen());
    expect(walls).toEqual(countTo(31));
  });
});

it('does not trust a disk that works now and then', async () => {
  const machine = new TestMachine();
  const spool = machine.open();
  appendTick(spool, [cpu]);
  let probes = 0;
  machine.disk.fault = (call, path) =>
    void (call === 'write' && (path.endsWith('.seg') || ++probes % 3 === 0) && failWith('EIO'));
  appendTick(spool, [cpu]);
  await machine.clock.advance(600_000);
  expect(spool.stats().isDurable).toBe(false);
  expect(probes).toBeGreaterThan(20);
});

it('stays in memory when the move to the disk fails in the middle', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ segmentBytes: 2_048 });
  machine.disk.fault = (call) => void (call === 'write' && failWith('ENOSPC'));
  for (let i = 0; i < 30; i++) appendTick(spool, [cpu], i);
  let writes = 0;
  machine.disk.fault = (call, path) =>
    void (call === 'write' && path.endsWith('.seg') && ++writes > 12 && failWith('ENOSPC'));
  await machine.clock.advance(100_000);
  expect([spool.stats().isDurable, writes > 12]).toEqual([false, true]);
  for (let i = 30; i < 40; i++) appendTick(spool, [cpu], i);
  machine.disk.fault = () => {};
  await machine.clock.advance(200_000);
  expect(spool.stats().isDurable).toBe(true);
  expect(ticksOf(await machine.killAndOpen())).toEqual(countTo(40));
});

it('loses what was in memory with the process, and uses none of its numbers again', async () => {
  const machine = new TestMachine();
  const spool = machine.open();
  appendTick(spool, [cpu], 1);
  const onDisk = currentEpoch(spool);
  machine.disk.fault = (call) => void (call === 'write' && failWith('EROFS'));
  appendTick(spool, [cpu], 2);
  const inMemory = currentEpoch(spool);
  const after = await machine.killAndOpen();
  expect(currentEpoch(after)).toEqual(onDisk);
  expect(after.epochs().map(({ id }) => id)).not.toContain(inMemory.id);
});

it('drops the oldest in memory with a gap when the disk stays away', () => {
  const machine = new TestMachine();
  const spool = machine.open({ segmentBytes: 2_048, maxMemoryBytes: 8_192 });
  machine.disk.fault = (call) => void (call === 'write' && failWith('EROFS'));
  for (let i = 0; i < 200; i++) appendTick(spool, [cpu], i);
  const records = readAll(spool, currentEpoch(spool).id, 1);
  expect(records[0]?.gap).toMatchObject({ reason: GAP_REASON.BYTES, isEstimated: false });
  expect(spool.stats().bytesHeld).toBeLessThanOrEqual(8_192);
});

it('starts in memory when the folder cannot be used, and finds what is in it after the next start', async () => {
  const machine = new TestMachine();
  const first = machine.open();
  appendTick(first, [cpu], 1);
  machine.disk.die();
  await first.settled();
  machine.disk.restart();
  machine.disk.fault = (call) => void (call === 'list' && failWith('EACCES'));
  const second = machine.open();
  appendTick(second, [cpu], 2);
  expect(second.stats().isDurable).toBe(false);
  machine.disk.fault = () => {};
  await machine.clock.advance(100_000);
  expect(second.stats().isDurable).toBe(true);
  expect(ticksOf(await machine.killAndOpen())).toEqual([1, 2]);
});

it('makes a new spool when its folder was removed while it ran', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ segmentBytes: 2_048 });
  for (let i = 0; i < 30; i++) appendTick(spool, [cpu], i);
  await spool.settled();
  const old = currentEpoch(spool);
  for (const path of machine.disk.files('/spool')) machine.disk.remove(path);
  for (const name of machine.disk.list('/spool')) machine.disk.removeDir(`/spool/${name}`);
  machine.disk.removeDir('/spool');
  appendTick(spool, [cpu], 30);
  expect(spool.stats().isDurable).toBe(false);
  // The disk may come back, so nothing is given up yet.
  expect(readAll(spool, old.id, 1)).toEqual([]);
  await machine.clock.advance(100_000);
  expect(spool.stats().isDurable).toBe(true);
  const lost = readAll(spool, old.id, 1).flatMap(({ gap }) => gap ?? []);
  for (const gap of lost) {
    expect(gap).toMatchObject({ reason: GAP_REASON.SPOOL_UNREADABLE, isEstimated: false });
  }
  // The newest segment was still in memory.
  expect(lost.at(-1)?.ticksThrough).toBeGreaterThan(20);
  appendTick(spool, [cpu], 31);
  await spool.settled();
  expect(ticksOf(await machine.killAndOpen()).slice(-2)).toEqual([30, 31]);
});

it('keeps everything when an epoch is replaced on a full disk, however much it is', async () => {
  const machine = new TestMachine();
  const sizes = { segmentBytes: 2_048, maxMemoryBytes: 8_192 } as const;
  const spool = machine.open(sizes);
  for (let i = 0; i < 200; i++) appendTick(spool, [cpu], i);
  await spool.settled();
  const old = currentEpoch(spool);
  machine.disk.fault = (call) => void ((call === 'write' || call === 'makeDir') && failWith('ENOSPC'));
  spool.rotateEpoch({ epochId: old.id, rehomeAfter: 0 });
  expect(spool.stats().isDurable).toBe(false);
  for (let i = 200; i < 210; i++) appendTick(spool, [cpu], i);
  expect(ticksOf(spool)).toEqual(countTo(210));
  expect(spool.stats().samplesDropped).toBe(0);
  // What comes while the disk stays away has only the memory.
  for (let i = 210; i < 400; i++) appendTick(spool, [cpu], i);
  expect(ticksOf(spool).slice(0, 200)).toEqual(countTo(200));
  const dropped = 400 - ticksOf(spool).length;
  expect(dropped).toBeGreaterThan(0);
  expect(spool.stats().samplesDropped).toBe(dropped * 20);
  // The files stay until all of it was delivered or has others.
  expect(ticksOf(await reopened(machine, sizes)).slice(0, 200)).toHaveLength(200);
});

it('moves what was replaced on a full disk when there is room again', async () => {
  const machine = new TestMachine();
  const sizes = { segmentBytes: 2_048, maxMemoryBytes: 8_192 } as const;
  const spool = machine.open(sizes);
  for (let i = 0; i < 200; i++) appendTick(spool, [cpu], i);
  await spool.settled();
  const old = currentEpoch(spool);
  machine.disk.fault = (call) => void (call === 'write' && failWith('ENOSPC'));
  spool.rotateEpoch({ epochId: old.id, rehomeAfter: 0 });
  // A move that fails on its way leaves all as it is.
  let writes = 0;
  machine.disk.fault = (call, path) =>
    void (call === 'write' && path.endsWith('.seg') && ++writes > 60 && failWith('ENOSPC'));
  await machine.clock.advance(100_000);
  expect([spool.stats().isDurable, writes > 60]).toEqual([false, true]);
  // Part of it is delivered meanwhile.
  const [moved] = spool.epochs();
  spool.acknowledge(moved?.id ?? '', 100);
  machine.disk.fault = () => {};
  await machine.clock.advance(200_000);
  for (let i = 0; i < 20; i++) await spool.settled();
  expect(spool.stats().isDurable).toBe(true);
  expect(machine.disk.list('/spool')).not.toContain(`e-${old.id}`);
  const left = ticksOf(spool);
  expect(left.at(-1)).toBe(199);
  expect(left.length).toBeGreaterThan(100);
  expect(ticksOf(await machine.killAndOpen(sizes))).toEqual(left);
});

it('keeps what moved from the files of a replaced epoch while its own cannot be closed', async () => {
  const machine = new TestMachine();
  const sizes = { segmentBytes: 2_048, maxMemoryBytes: 8_192 };
  const spool = machine.open(sizes);
  for (let i = 0; i < 100; i++) appendTick(spool, [cpu], i);
  await settle(spool);
  const old = currentEpoch(spool);
  machine.disk.fault = (call) => void (call === 'write' && failWith('ENOSPC'));
  spool.rotateEpoch({ epochId: old.id, rehomeAfter: 0 });
  const moved = spool.epochs()[0]?.id ?? '';
  let syncs = 0;
  machine.disk.fault = (call, path) =>
    void (call === 'sync' && path.includes(moved) && ++syncs <= 10 && failWith('EIO'));
  // As who sends them does: then what is read stays in memory for a while.
  spool.onAppend(() => void ticksOf(spool));
  await machine.clock.advance(100_000);
  await settle(spool);
  expect(syncs).toBeGreaterThan(0);
  expect(ticksOf(spool)).toEqual(countTo(100));
  await machine.clock.advance(8_000_000);
  await settle(spool);
  expect(machine.disk.list('/spool')).not.toContain(`e-${old.id}`);
  expect(ticksOf(spool)).toEqual(countTo(100));
  expect(ticksOf(await machine.killAndOpen(sizes))).toEqual(countTo(100));
});

it('declares what it drops with the room of the ballast when the disk is full', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ segmentBytes: 2_048, maxBytes: 8_192 });
  for (let i = 0; i < 20; i++) appendTick(spool, [cpu], i);
  await spool.settled();
  expect(machine.disk.stat('/spool/BALLAST')?.sizeBytes).toBe(256 * 1024);
  machine.disk.fault = (call, path) => {
    const isFull = machine.disk.files('/spool').includes('/spool/BALLAST');
    if (call === 'write' && path.includes('.gap') && isFull) failWith('ENOSPC');
  };
  for (let i = 20; i < 60; i++) appendTick(spool, [cpu], i);
  await spool.settled();
  expect(machine.disk.files('/spool').filter((path) => path.endsWith('.gap'))).toHaveLength(1);
  expect(machine.disk.stat('/spool/BALLAST')).toBeUndefined();
});

it('keeps a segment until the gap for it could be written', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ segmentBytes: 2_048, maxBytes: 8_192 });
  machine.disk.fault = (call, path) => void (call === 'write' && path.includes('.gap') && failWith('ENOSPC'));
  for (let i = 0; i < 60; i++) appendTick(spool, [cpu], i);
  await spool.settled();
  const files = machine.disk.files('/spool');
  expect(files.filter((path) => path.endsWith('.gap'))).toEqual([]);
  machine.disk.fault = () => {};
  await machine.clock.advance(61_000);
  await spool.settled();
  const after = machine.disk.files('/spool');
  expect(after.filter((path) => path.endsWith('.gap'))).toHaveLength(1);
  expect(after.length).toBeLessThan(files.length);
});

it('shrinks rather than fill the disk of its user, and says why readings are lost', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ segmentBytes: 1 << 20, maxBytes: 64 << 20 });
  // Random, so that it stays as large as it is.
  const body = randomBytes(120_000);
  while (spool.stats().bytesHeld < 10 << 20) {
    spool.append({ kind: RECORD_KIND.EVENT, flags: 0, wallMs: 1, bootMs: 1, body }, { ticks: 0, samples: 0 });
  }
  machine.disk.freeBytes = 0;
  await machine.clock.advance(60_000);
  expect(spool.stats().bytesHeld).toBeLessThanOrEqual(SPOOL_BYTES_MIN);
  const gaps = readAll(spool, currentEpoch(spool).id, 1).flatMap(({ gap }) => gap ?? []);
  expect(gaps).toMatchObject([{ reason: GAP_REASON.DISK_FULL, isEstimated: false }]);
});

it('leaves the room that the user needs', async () => {
  const machine = new TestMachine();
  const spool = machine.open({ maxBytes: 64 * 1024 * 1024 });
  expect(spool.stats().bytesMax).toBe(64 * 1024 * 1024);
  machine.disk.freeBytes = GIB;
  await machine.clock.advance(60_000);
  expect(spool.stats().bytesMax).toBe(SPOOL_BYTES_MIN);
});

it.each([
  ['an empty disk', { freeBytes: 100 * GIB, totalBytes: 100 * GIB }, 64],
  ['a disk of which 5 % are free', { freeBytes: 5 * GIB, totalBytes: 100 * GIB }, 20],
  ['one with room for a part', { freeBytes: 5 * GIB + (10 << 20), totalBytes: 100 * GIB }, 30],
  ['a full disk', { freeBytes: 0, totalBytes: 100 * GIB }, 8],
  ['a small disk', { freeBytes: 600 << 20, totalBytes: GIB }, 64],
  ['a small disk with less than 512 MiB', { freeBytes: 500 << 20, totalBytes: GIB }, 8],
  [
    'a disk without files left',
    { freeBytes: 100 * GIB, totalBytes: 100 * GIB, freeFiles: 5, totalFiles: 1_000 },
    20,
  ],
])('takes so much of %s', (_what, space, expectedMib) => {
  const room = roomBytes(
    { freeFiles: 0, totalFiles: 0, ...space },
    { heldBytes: 20 << 20, maxBytes: 64 << 20 },
  );
  expect(room / (1 << 20)).toBe(expectedMib);
});

/** Wall clocks of all ticks held, in the order in which they are sent. */
function ticksOf(spool: ReturnType<TestMachine['open']>): number[] {
  return spool
    .epochs()
    .flatMap(({ id, first }) => readAll(spool, id, first))
    .flatMap(({ kind, wallMs }) => (kind === 1 ? [wallMs] : []));
}

/** The process dies, and the disk is well when another one opens the spool. */
async function reopened(machine: TestMachine, sizes: Parameters<TestMachine['open']>[0]) {
  machine.disk.fault = () => {};
  return machine.killAndOpen(sizes);
}
