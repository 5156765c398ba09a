/** What leaves memory before its segment is full, and how it is read again: for a collector that lost it, or for a new file. */
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { failWith } from '@rollcall/shared/testing/fake-disk.ts';
import { appendTick, currentEpoch, readAll, testSchema, type ReadRecord } from './conformance.ts';
import type { DurableSpool } from './durable.ts';
import { TestMachine } from './testing.ts';

const cpu = testSchema('cpu', 4);

/** A spool with one open segment: a schema and `ticks` readings, durable, and acknowledged through a number. */
async function delivered(
  ticks: number,
  through: number,
): Promise<{ machine: TestMachine; spool: DurableSpool; id: string; records: ReadRecord[] }> {
  const machine = new TestMachine();
  const spool = machine.open({ sync: 'always' });
  for (let i = 0; i < ticks; i++) appendTick(spool, [cpu], i);
  await settle(spool);
  const { id } = currentEpoch(spool);
  const records = readAll(spool, id, 1);
  spool.acknowledge(id, through);
  return { machine, spool, id, records };
}

/** Lets the queue of the disk and what it sets off run empty. */
async function settle(spool: DurableSpool): Promise<void> {
  for (let i = 0; i < 20; i++) await spool.settled();
}

/** Counts calls to files of segments from now on. */
function countReads(machine: TestMachine): () => number {
  let count = 0;
  machine.disk.fault = (call, path) => {
    if ((call === 'read' || call === 'readFile') && path.includes('.seg')) count++;
  };
  return () => count;
}

/** Flips the bits of a record's last byte in the file of the open segment. */
function rot(machine: TestMachine, { body }: ReadRecord): void {
  const path = machine.disk.files('/spool').findLast((name) => name.endsWith('.seg')) ?? '';
  machine.disk.edit(path, (bytes) => {
    const at = bytes.indexOf(body) + body.length - 1;
    bytes[at] = 255 - (bytes[at] ?? 0);
    return bytes;
  });
}

describe('what is durable and acknowledged', () => {
  it('is read from the file, all of it at once, and what is neither stays in memory', async () => {
    const { machine, spool, id, records } = await delivered(20, 15);
    const reads = countReads(machine);
    expect(readAll(spool, id, 16)).toEqual(records.slice(15));
    expect(reads()).toBe(0);
    expect(spool.read(id, 1, { maxBytes: 1 << 20, maxRecords: 15 }).records).toHaveLength(15);
    expect(reads()).toBe(1);
    expect(readAll(spool, id, 1)).toEqual(records);
    expect(spool.crcOf(id, 3)).toBeDefined();
    expect(reads()).toBe(1);
  });

  it('is read as far as it has come since it was read last', async () => {
    const { machine, spool, id, records } = await delivered(5, 4);
    const reads = countReads(machine);
    expect(readAll(spool, id, 1)).toEqual(records);
    for (let i = 5; i < 30; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    const all = readAll(spool, id, 1);
    spool.acknowledge(id, 25);
    expect(readAll(spool, id, 1)).toEqual(all);
    expect([all.length, reads()]).toEqual([31, 2]);
  });

  it('is not kept for long when it was read again', async () => {
    const { machine, spool, id } = await delivered(5, 5);
    const reads = countReads(machine);
    const counts: number[] = [];
    for (const minute of [0, 1, 2, 3, 4]) {
      if (minute !== 3) spool.crcOf(id, 2);
      counts.push(reads());
      await machine.clock.advance(60_000);
    }
    // The upkeep comes each minute, and takes what nobody asked for in the minute before.
    expect(counts).toEqual([1, 1, 1, 1, 2]);
  });

  it('need not be read for what was on its way when its segment was full', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'always', segmentBytes: 4_096 });
    const { id } = currentEpoch(spool);
    const reads = countReads(machine);
    let [acked, ticks] = [0, 0];
    while (machine.disk.files('/spool').filter((path) => path.endsWith('.seg')).length < 4) {
      appendTick(spool, [cpu], ticks++);
      appendTick(spool, [cpu], ticks++);
      await settle(spool);
      const found = readAll(spool, id, acked + 1);
      expect(found.length).toBeGreaterThan(1);
      // What came last is still on its way.
      acked = (found.at(-1)?.seq ?? 0) - 1;
      spool.acknowledge(id, acked);
    }
    expect(reads()).toBe(0);
    expect(readAll(spool, id, 1).filter(({ kind }) => kind === RECORD_KIND.SAMPLES)).toHaveLength(ticks);
    expect(reads()).toBe(4);
  });

  it.each([
    ['nothing is acknowledged, as of the last of the segments that are closed', 0, -2],
    ['all is acknowledged, as of no closed one', 1, 0],
  ])('is in memory when %s', async (_what, share, fromMemory) => {
    const machine = new TestMachine();
    // Five records each: fewer than stay of the one that was closed last.
    const spool = machine.open({ sync: 'always', segmentBytes: 700 });
    for (let i = 0; i < 20; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    const { id, next } = currentEpoch(spool);
    spool.acknowledge(id, (next - 1) * share);
    const reads = countReads(machine);
    expect(readAll(spool, id, 1)).toHaveLength(next - 1);
    const files = machine.disk.files('/spool').filter((path) => path.endsWith('.seg'));
    expect(files.length).toBeGreaterThan(3);
    expect(reads()).toBe(files.length + fromMemory);
  });

  it('stays in memory while it is not durable', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'never' });
    for (let i = 0; i < 5; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    const { id, next } = currentEpoch(spool);
    const records = readAll(spool, id, 1);
    spool.acknowledge(id, next - 1);
    const reads = countReads(machine);
    expect(readAll(spool, id, 1)).toEqual(records);
    expect(reads()).toBe(0);
  });

  it('stays in memory when it came while others were made durable', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'interval' });
    for (let i = 0; i < 5; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    machine.disk.fault = (call, path) => void (call === 'sync' && path.endsWith('.seg') && begun.resolve());
    machine.disk.syncGate = gate.promise;
    await machine.clock.advance(60_000);
    await begun.promise;
    for (let i = 5; i < 9; i++) appendTick(spool, [cpu], i);
    gate.resolve();
    await settle(spool);
    const { id, next } = currentEpoch(spool);
    const records = readAll(spool, id, 1);
    spool.acknowledge(id, next - 1);
    const reads = countReads(machine);
    expect(readAll(spool, id, 7)).toEqual(records.slice(6));
    expect(reads()).toBe(0);
    expect(readAll(spool, id, 1)).toEqual(records);
    expect(reads()).toBe(1);
  });

  it('stays in memory while the file is in doubt', async () => {
    const { machine, spool, id, records } = await delivered(10, 0);
    machine.disk.fault = (call) => void (call === 'sync' && failWith('EIO'));
    appendTick(spool, [cpu], 10);
    await settle(spool);
    expect(spool.stats().isDurable).toBe(false);
    spool.acknowledge(id, 10);
    const reads = countReads(machine);
    expect(readAll(spool, id, 1).slice(0, -1)).toEqual(records);
    expect(reads()).toBe(0);
  });

  it('goes into the new file after a failed sync', async () => {
    const { machine, spool, id } = await delivered(10, 8);
    let fails = 1;
    machine.disk.fault = (call) => void (call === 'sync' && fails-- > 0 && failWith('EIO'));
    appendTick(spool, [cpu], 10);
    await settle(spool);
    const records = readAll(spool, id, 1);
    expect([records.length, spool.stats().isDurable]).toEqual([12, true]);
    machine.disk.losePower(() => 0.99);
    machine.bootId = 'second boot';
    expect(readAll(machine.open(), id, 1)).toEqual(records);
  });

  it('is a gap when it cannot be read after a failed sync; what is not acknowledged is in the new file', async () => {
    const { machine, spool, id, records } = await delivered(10, 8);
    let fails = 1;
    machine.disk.fault = (call) => {
      if (call === 'read' || (call === 'sync' && fails-- > 0)) failWith('EIO');
    };
    appendTick(spool, [cpu], 10);
    await settle(spool);
    const gap = { to: 8, gap: { reason: GAP_REASON.CORRUPT, ticksThrough: 7, isEstimated: false } };
    const found = readAll(spool, id, 1);
    expect(found[0]).toMatchObject(gap);
    expect(found.slice(1, 4)).toEqual(records.slice(8));
    expect(spool.stats().samplesDropped).toBe(0);
    expect(readAll(await machine.killAndOpen(), id, 1)).toEqual(found);
  });

  it.each(['EIO', 'ENOENT'])('is a gap when reading fails with %s, and the segment goes on', async (code) => {
    const { machine, spool, id, records } = await delivered(10, 8);
    machine.disk.fault = (call) => void (call === 'read' && failWith(code));
    const [first, ...others] = readAll(spool, id, 2);
    expect(first).toMatchObject({ seq: 2, to: 8, gap: { reason: GAP_REASON.SPOOL_UNREADABLE } });
    expect(others).toEqual(records.slice(8));
    expect(spool.crcOf(id, 5)).toBeUndefined();
    for (let i = 10; i < 15; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    expect(currentEpoch(spool)).toMatchObject({ id, first: 1, next: 17 });
    expect(readAll(spool, id, 9)).toHaveLength(8);
    expect(spool.stats()).toMatchObject({ isDurable: true, samplesDropped: 0 });
  });

  it('moves into another epoch, with the schemas in front of it', async () => {
    const { spool, id, records } = await delivered(10, 8);
    spool.rotateEpoch({ epochId: id, rehomeAfter: 4 });
    const moved = readAll(spool, currentEpoch(spool).id, 1);
    expect(moved.map(({ kind }) => kind === RECORD_KIND.SCHEMA).slice(0, 2)).toEqual([true, false]);
    const ticks = moved.filter(({ kind }) => kind === RECORD_KIND.SAMPLES);
    expect(ticks.map(({ wallMs }) => wallMs)).toEqual(records.slice(4).map(({ wallMs }) => wallMs));
  });

  it('is still there for its readers when the folder was removed, and declared lost once the disk can be used again', async () => {
    const { machine, spool, id, records } = await delivered(10, 8);
    for (const path of machine.disk.files('/spool')) machine.disk.remove(path);
    machine.disk.removeDir(`/spool/e-${id}`);
    expect(readAll(spool, id, 1)).toEqual(records);
    appendTick(spool, [cpu], 10);
    await settle(spool);
    expect(spool.stats().isDurable).toBe(false);
    expect(readAll(spool, id, 9)).toEqual(records.slice(8));
    await machine.clock.advance(200_000);
    await settle(spool);
    expect(spool.stats().isDurable).toBe(true);
    const [gap, ...rest] = readAll(spool, id, 1);
    expect(gap).toMatchObject({ seq: 1, to: 11, gap: { reason: GAP_REASON.SPOOL_UNREADABLE } });
    expect(rest).toEqual([]);
  });
});

const operation = fc.oneof(
  { weight: 8, arbitrary: fc.constant('append' as const) },
  { weight: 4, arbitrary: fc.constant('settle' as const) },
  { weight: 4, arbitrary: fc.constant('acknowledge' as const) },
  { weight: 2, arbitrary: fc.constant('look' as const) },
  { weight: 1, arbitrary: fc.constant('failSync' as const) },
  { weight: 1, arbitrary: fc.constant('failRead' as const) },
  { weight: 1, arbitrary: fc.constant('rot' as const) },
);
const step = fc.record({ kind: operation, at: fc.nat(99) });

it('has each number as a record or in an exact gap, and all that waits, whatever fails', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.constantFrom(700, 100_000),
      async (steps, segmentBytes) => {
        const machine = new TestMachine();
        const spool = machine.open({ sync: 'always', segmentBytes });
        // Of a segment that was closed, what waits is lost as well when it cannot be read.
        const isLarge = segmentBytes > 700;
        const failing = { sync: 0, read: 0 };
        machine.disk.fault = (call) => {
          if (call === 'sync' && failing.sync-- > 0) failWith('EIO');
          if ((call === 'read' || call === 'readFile') && failing.read-- > 0) failWith('EIO');
        };
        const { id } = currentEpoch(spool);
        const seen = new Map<number, ReadRecord>();
        const isSame = (record: ReadRecord): boolean =>
          isDeepStrictEqual(seen.get(record.seq) ?? record, record);
        let [ticks, rotted] = [0, false];
        const look = (from: number): void => {
          let seq = from;
          for (const record of readAll(spool, id, from)) {
            expect(record.seq).toBe(seq);
            const { gap, to } = record;
            // Nothing that waits may be lost; what is delivered is the same as ever, or declared.
            const isSound = gap === undefined ? isSame(record) : to <= acked && !gap.isEstimated;
            expect([seq, isSound]).toEqual([seq, true]);
            if (gap === undefined) seen.set(seq, record);
            seq = to + 1;
          }
          expect(seq).toBeGreaterThan(readable);
        };
        let [acked, readable] = [0, 0];
        for (const { kind, at } of steps) {
          if (kind === 'append') appendTick(spool, [cpu], ticks++);
          if (kind === 'settle') await settle(spool);
          if (kind === 'failSync') failing.sync = 1;
          if (kind === 'failRead' && isLarge) failing.read = 1 + (at % 5);
          const waiting = spool.read(id, acked + 1, { maxBytes: 1 << 20, maxRecords: 1_000 });
          readable = Math.max(readable, waiting.nextSeq - 1);
          if (kind === 'acknowledge') {
            look(acked + 1);
            acked += Math.ceil(((readable - acked) * at) / 99);
            spool.acknowledge(id, acked);
          }
          const record = seen.get(Math.ceil((acked * at) / 99));
          if (kind === 'rot' && isLarge && record !== undefined && !rotted) {
            rotted = true;
            rot(machine, record);
          }
          if (kind === 'look') look(1 + Math.floor((acked * at) / 99));
        }
        failing.read = 0;
        await settle(spool);
        look(acked + 1);
        look(1);
      },
    ),
    { numRuns: 150 },
  );
});

/** The times of the readings that stand in the epoch from a number on. */
function readings(spool: DurableSpool, epochId: string, fromSeq = 1): number[] {
  const ticks = readAll(spool, epochId, fromSeq).filter(({ kind }) => kind === RECORD_KIND.SAMPLES);
  return ticks.map(({ wallMs }) => wallMs);
}

describe('a disk that fails for a moment', () => {
  it('does not take the file from the segment that is written after a restart', async () => {
    const machine = new TestMachine();
    const first = machine.open({ sync: 'always' });
    appendTick(first, [cpu], 0);
    await settle(first);
    const second = await machine.killAndOpen({ sync: 'always' });
    appendTick(second, [cpu], 1);
    const path = machine.disk.files('/spool').findLast((name) => name.endsWith('.seg'));
    let failures = 1;
    machine.disk.fault = (call, name) => {
      if (call === 'sync' && name === path && failures-- > 0) failWith('EIO');
    };
    await settle(second);
    expect(failures).toBe(0);
    for (let i = 2; i < 6; i++) appendTick(second, [cpu], i);
    await settle(second);
    expect(second.stats().isDurable).toBe(true);
    const { id } = currentEpoch(second);
    expect(readings(await machine.killAndOpen({ sync: 'always' }), id)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('costs nothing that was durable when power goes while the file is written anew', async () => {
    const { machine, spool, id } = await delivered(10, 4);
    machine.disk.fault = (call) => {
      if (call === 'sync') failWith('EIO');
    };
    appendTick(spool, [cpu], 10);
    await settle(spool);
    machine.disk.losePower(() => 0.4);
    machine.bootId = 'second boot';
    expect(readings(machine.open(), id)).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });

  it('writes anew also what comes while it does so', async () => {
    const { machine, spool, id } = await delivered(3, 0);
    let syncs = 0;
    machine.disk.fault = (call) => {
      if (call !== 'sync') return;
      syncs++;
      // The first one fails; the second is that of the new file.
      if (syncs === 1) failWith('EIO');
      if (syncs === 2) appendTick(spool, [cpu], 4);
    };
    appendTick(spool, [cpu], 3);
    await settle(spool);
    expect(readings(spool, id)).toEqual([0, 1, 2, 3, 4]);
    machine.disk.fault = () => {};
    machine.disk.losePower(() => 0.4);
    machine.bootId = 'second boot';
    expect(readings(machine.open(), id)).toEqual([0, 1, 2, 3, 4]);
  });

  it('does not count against a segment later', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ sync: 'always', segmentBytes: 8_000 });
    for (let i = 0; i < 10; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    const { id } = currentEpoch(spool);
    spool.acknowledge(id, 8);
    machine.disk.fault = (call) => {
      if (call === 'read') failWith('EIO');
    };
    readAll(spool, id, 1);
    machine.disk.fault = () => {};
    // It is closed with records that nobody has.
    for (let i = 10; i < 400; i++) appendTick(spool, [cpu], i);
    await settle(spool);
    let failures = 1;
    machine.disk.fault = (call, path) => {
      if (call.startsWith('read') && path.endsWith('.seg') && failures-- > 0) failWith('EIO');
    };
    readAll(spool, id, 9);
    expect(failures).toBeLessThan(1);
    expect(spool.stats().samplesDropped).toBe(0);
  });
});
