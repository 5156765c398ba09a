/** What is left of a spool after its files were cut, flipped, removed, mixed up or locked away. */
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
const START_MS = Date.UTC(2026, 0, 1);
const SMALL = { segmentBytes: 700 };

/** A spool of several segments whose process has died. */
async function written(ticks: number): Promise<{ machine: TestMachine; id: string; records: ReadRecord[] }> {
  const machine = new TestMachine();
  const spool = machine.open(SMALL);
  for (let i = 0; i < ticks; i++) appendTick(spool, [cpu], START_MS + i);
  await spool.settled();
  const { id } = currentEpoch(spool);
  const records = readAll(spool, id, 1);
  machine.disk.die();
  return { machine, id, records };
}

function segmentsOf(machine: TestMachine): string[] {
  return machine.disk.files('/spool').filter((path) => path.endsWith('.seg'));
}

/** Everything of an epoch, and what is wrong with it: each number must be a record as it was or in an exact gap. */
function account(
  spool: DurableSpool,
  id: string,
  records: readonly ReadRecord[],
): { readonly found: ReadRecord[]; readonly faults: string[] } {
  const found = readAll(spool, id, 1);
  const faults: string[] = [];
  let seq = 1;
  for (const record of found) {
    if (record.seq !== seq) faults.push(`${record.seq} where ${seq} belongs`);
    const { gap, to } = record;
    if (gap === undefined && !isDeepStrictEqual(record, records[seq - 1]))
      faults.push(`${seq} is another record`);
    const ticks = records.slice(0, to).filter(({ kind }) => kind === RECORD_KIND.SAMPLES).length;
    const isExact = gap?.ticksThrough === ticks && gap.samplesThrough === 4 * ticks && !gap.isEstimated;
    if (gap !== undefined && !isExact) faults.push(`the gap ${seq} to ${to} is not exact`);
    seq = to + 1;
  }
  const next = spool.epochs().find((epoch) => epoch.id === id)?.next;
  if (seq !== next) faults.push(`ends at ${seq}, next is ${next}`);
  return { found, faults };
}

it('loses no more than the record that was cut, at each byte of the newest segment', async () => {
  const { machine, id, records } = await written(12);
  const path = segmentsOf(machine).at(-1) ?? '';
  machine.disk.restart();
  const whole = machine.disk.readFile(path, 1 << 20);
  machine.disk.die();
  let count = records.length;
  for (let length = whole.length; length >= 0; length--) {
    machine.disk.restart();
    if (machine.disk.stat(path) === undefined) machine.disk.open(path, 'create').close();
    machine.disk.edit(path, () => whole.subarray(0, length));
    const spool = await machine.killAndOpen(SMALL);
    const { found, faults } = account(spool, id, records);
    expect(faults).toEqual([]);
    expect([count, count - 1]).toContain(found.length);
    // Numbers of a record that was cut may be with the collector, so they are not used again.
    const isAtBorder = found.length === count && currentEpoch(spool).id === id;
    expect(isAtBorder || length < whole.length).toBe(true);
    expect(found.length < count && currentEpoch(spool).id === id).toBe(false);
    count = found.length;
    machine.disk.die();
  }
  expect(count).toBeLessThan(records.length - 2);
});

it('survives each flipped byte of a segment in the middle, and declares exactly what it hit', async () => {
  const { machine, id, records } = await written(20);
  const paths = segmentsOf(machine);
  const path = paths[Math.floor(paths.length / 2)] ?? '';
  machine.disk.restart();
  const size = machine.disk.readFile(path, 1 << 20).length;
  for (let at = 0; at < size; at += 3) {
    const flip = (bytes: Buffer): Buffer => {
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      return bytes;
    };
    machine.disk.edit(path, flip);
    const spool = await machine.killAndOpen(SMALL);
    const { found, faults } = account(spool, id, records);
    expect(faults).toEqual([]);
    const gaps = found.flatMap(({ seq, to, gap }) =>
      gap === undefined ? [] : [{ count: to - seq + 1, gap }],
    );
    // A header can be done without; anything else is part of one record.
    expect(gaps.length).toBeLessThanOrEqual(1);
    for (const { count, gap } of gaps) expect([count, gap.reason]).toEqual([1, GAP_REASON.CORRUPT]);
    machine.disk.die();
    machine.disk.restart();
    machine.disk.edit(path, flip);
  }
});

describe('files', () => {
  it.each<[string, (machine: TestMachine, id: string) => void]>([
    ['a segment in the middle is missing', (machine) => machine.disk.remove(segmentsOf(machine)[1] ?? '')],
    ['one is empty', (machine) => machine.disk.edit(segmentsOf(machine)[1] ?? '', () => Buffer.alloc(0))],
    [
      'one ends in zeros',
      (machine) => machine.disk.edit(segmentsOf(machine)[1] ?? '', (bytes) => bytes.fill(0, 300)),
    ],
    [
      'one begins with zeros',
      (machine) => machine.disk.edit(segmentsOf(machine)[1] ?? '', (bytes) => bytes.fill(0, 0, 300)),
    ],
    [
      'the newest ends in zeros',
      (machine) =>
        machine.disk.edit(segmentsOf(machine).at(-1) ?? '', (bytes) =>
          Buffer.concat([bytes, Buffer.alloc(4_096)]),
        ),
    ],
    [
      'one stands there twice, under a wrong number',
      (machine) =>
        machine.disk.link(segmentsOf(machine)[1] ?? '', `${segmentsOf(machine)[1]?.slice(0, -5)}4.seg`),
    ],
    [
      'there are strangers',
      (machine, id) => {
        for (const name of [
          'notes.txt',
          '000000000000abc.seg',
          '000000000000099.gap',
          '000000000000002.seg.tmp',
        ]) {
          const file = machine.disk.open(`/spool/e-${id}/${name}`, 'create');
          file.write(Buffer.from('hello'), 0);
        }
      },
    ],
  ])('starts when %s', async (_what, change) => {
    const { machine, id, records } = await written(20);
    machine.disk.restart();
    change(machine, id);
    const spool = await machine.killAndOpen(SMALL);
    expect(account(spool, id, records).faults).toEqual([]);
    appendTick(spool, [cpu], 1);
    expect(spool.stats().isDurable).toBe(true);
    const all = readAll(spool, id, 1);
    expect(readAll(await machine.killAndOpen(SMALL), id, 1)).toEqual(all);
  });

  it('puts a segment of another epoch aside', async () => {
    const { machine, id, records } = await written(20);
    machine.disk.restart();
    const [first] = segmentsOf(machine);
    machine.disk.makeDir('/spool/e-ffffffffffffffff');
    machine.disk.link(first ?? '', '/spool/e-ffffffffffffffff/000000000000001.seg');
    const spool = await machine.killAndOpen(SMALL);
    expect(account(spool, id, records).faults).toEqual([]);
    expect(spool.epochs().map((epoch) => epoch.id)).not.toContain('ffffffffffffffff');
    expect(machine.disk.list('/spool/quarantine')).toEqual(['ffffffffffffffff-000000000000001.seg']);
  });

  it('finds a gap again whose file was damaged, with the same counts', async () => {
    const machine = new TestMachine();
    const sizes = { segmentBytes: 700, maxBytes: 3_000 };
    const before = machine.open(sizes);
    for (let i = 0; i < 60; i++) appendTick(before, [cpu], START_MS + i);
    await before.settled();
    const { id, first } = currentEpoch(before);
    const [gap] = readAll(before, id, 1);
    const path = machine.disk.files('/spool').find((name) => name.endsWith('.gap')) ?? '';
    machine.disk.edit(path, (bytes) => bytes.fill(1, 40, 44));
    const after = await machine.killAndOpen(sizes);
    const [found] = readAll(after, id, 1);
    expect(found?.to).toBe(first - 1);
    expect(found?.gap).toMatchObject({
      ticksThrough: gap?.gap?.ticksThrough,
      samplesThrough: gap?.gap?.samplesThrough,
    });
  });

  it('declares a segment that rots while the agent runs', async () => {
    const machine = new TestMachine();
    const spool = machine.open(SMALL);
    for (let i = 0; i < 30; i++) appendTick(spool, [cpu], START_MS + i);
    const { id } = currentEpoch(spool);
    const records = readAll(spool, id, 1);
    await spool.settled();
    machine.disk.edit(segmentsOf(machine)[1] ?? '', (bytes) => bytes.fill(0, 400, 450));
    const { found, faults } = account(spool, id, records);
    expect(faults).toEqual([]);
    const gaps = found.filter(({ gap }) => gap !== undefined);
    expect(gaps).toMatchObject([{ gap: { reason: GAP_REASON.CORRUPT } }]);
  });

  it('declares the end of a segment that its file lost, and nothing in front of it', async () => {
    const machine = new TestMachine();
    const spool = machine.open({ segmentBytes: 2_048 });
    for (let i = 0; i < 60; i++) appendTick(spool, [cpu], START_MS + i);
    await spool.settled();
    const { id } = currentEpoch(spool);
    const records = readAll(spool, id, 1);
    const [path = ''] = segmentsOf(machine);
    machine.disk.edit(path, (bytes) => bytes.subarray(0, bytes.length / 2));
    await machine.clock.advance(200_000);
    // At first it is found to be missing.
    readAll(spool, id, 1);
    const found = readAll(spool, id, 1);
    const at = found.findIndex(({ gap }) => gap !== undefined);
    expect(at).toBeGreaterThan(1);
    expect(found[at]?.gap).toMatchObject({ reason: GAP_REASON.CORRUPT, isEstimated: false });
    expect(found.slice(0, at)).toEqual(records.slice(0, at));
    expect(account(spool, id, records).faults).toEqual([]);
  });

  it.each(['EIO', 'ENOENT'])('declares a segment that fails with %s while the agent runs', async (code) => {
    const machine = new TestMachine();
    const spool = machine.open(SMALL);
    for (let i = 0; i < 30; i++) appendTick(spool, [cpu], START_MS + i);
    const { id } = currentEpoch(spool);
    const records = readAll(spool, id, 1);
    await spool.settled();
    const bad = segmentsOf(machine)[1];
    machine.disk.fault = (call, path) => void (call === 'readFile' && path === bad && failWith(code));
    const { found, faults } = account(spool, id, records);
    expect(faults).toEqual([]);
    const gaps = found.filter(({ gap }) => gap !== undefined);
    expect(gaps).toMatchObject([{ gap: { reason: GAP_REASON.SPOOL_UNREADABLE } }]);
    expect(spool.stats().samplesDropped).toBeGreaterThan(0);
  });

  it('keeps an epoch of which nothing can be read today, and has all of it tomorrow', async () => {
    const { machine, id, records } = await written(30);
    machine.disk.restart();
    machine.disk.fault = (call, path) =>
      void (call === 'readFile' && path.endsWith('.seg') && failWith('EIO'));
    const today = machine.open(SMALL);
    expect(today.epochs().map((epoch) => epoch.id)).not.toContain(id);
    const tomorrow = await machine.killAndOpen(SMALL);
    expect(readAll(tomorrow, id, 1)).toEqual(records);
  });

  it('leaves a gap for the next start that cannot be read today', async () => {
    const machine = new TestMachine();
    const sizes = { segmentBytes: 700, maxBytes: 3_000 };
    const before = machine.open(sizes);
    for (let i = 0; i < 60; i++) appendTick(before, [cpu], START_MS + i);
    await before.settled();
    const { id } = currentEpoch(before);
    const [gap] = readAll(before, id, 1);
    machine.disk.die();
    machine.disk.restart();
    machine.disk.fault = (call, path) =>
      void (call === 'readFile' && path.endsWith('.gap') && failWith('EIO'));
    machine.open(sizes);
    const [found] = readAll(await machine.killAndOpen(sizes), id, 1);
    expect(found).toMatchObject({ to: gap?.to, gap: { reason: GAP_REASON.BYTES } });
  });

  it('leaves its newest segment for the next start when that cannot be read, though the rest was delivered', async () => {
    const { machine, id, records } = await written(30);
    machine.disk.restart();
    const newest = segmentsOf(machine).at(-1);
    machine.disk.fault = (call, path) => void (call === 'readFile' && path === newest && failWith('EIO'));
    const sizes = { ...SMALL, retentionMs: 0 };
    const today = machine.open(sizes);
    today.acknowledge(id, records.length);
    await today.settled();
    expect(today.epochs().map((epoch) => epoch.id)).not.toContain(id);
    const tomorrow = await machine.killAndOpen(sizes);
    const found = readAll(tomorrow, id, 1).filter(({ gap }) => gap === undefined);
    expect(found.length).toBeGreaterThan(1);
    expect(found).toEqual(records.slice(-found.length));
  });

  it('knows all numbers of an epoch of which nothing is left but a gap and another one inside', async () => {
    const machine = new TestMachine();
    const first = machine.open(SMALL);
    for (let i = 0; i < 3; i++) appendTick(first, [cpu], START_MS + i);
    const { id, next } = currentEpoch(first);
    first.giveUp({ epochId: id, seq: 3, reason: GAP_REASON.POISON });
    await first.settled();
    machine.bootId = 'second boot';
    const sizes = { segmentBytes: 700, maxBytes: 3_000 };
    const second = await machine.killAndOpen(sizes);
    // The process dies before it can remove what the larger one stands for.
    machine.disk.fault = (call, path) =>
      void (call === 'remove' && path.endsWith('3.gap') && failWith('EIO'));
    for (let i = 3; i < 60; i++) appendTick(second, [cpu], START_MS + i);
    await second.settled();
    const all = readAll(second, id, 1);
    expect(all).toMatchObject([{ to: next - 1 }]);
    const third = await machine.killAndOpen(sizes);
    expect(readAll(third, id, 1)).toEqual(all);
    expect(third.epochs().find((epoch) => epoch.id === id)?.next).toBe(next);
  });

  it('takes the blame for its oldest segment when that cannot be read at the start', async () => {
    const { machine, id, records } = await written(30);
    machine.disk.restart();
    const [oldest] = segmentsOf(machine);
    machine.disk.fault = (call, path) => void (call === 'readFile' && path === oldest && failWith('EIO'));
    const { found, faults } = account(machine.open(SMALL), id, records);
    expect(faults).toEqual([]);
    expect(found[0]).toMatchObject({ seq: 1, gap: { reason: GAP_REASON.CORRUPT } });
  });

  it('starts with anything at all in its folder', async () => {
    const { machine, id } = await written(10);
    const names = [
      'META',
      'BALLAST',
      `e-${id}/000000000000001.seg`,
      `e-${id}/000000000000003.gap`,
      'e-0123456789abcdef/x',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.uint8Array({ maxLength: 400 }),
        async (name, content) => {
          machine.disk.restart();
          const path = `/spool/${name}`;
          machine.disk.makeDir(path.slice(0, path.lastIndexOf('/')));
          if (machine.disk.stat(path) === undefined) machine.disk.open(path, 'create').close();
          machine.disk.edit(path, () => Buffer.from(content));
          const spool = await machine.killAndOpen(SMALL);
          appendTick(spool, [cpu], 1);
          expect(readAll(spool, currentEpoch(spool).id, currentEpoch(spool).first).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('begins a new spool where a file has its name', () => {
    const machine = new TestMachine();
    machine.disk.open('/spool', 'create').close();
    const spool = machine.open();
    appendTick(spool, [cpu]);
    expect(spool.stats().isDurable).toBe(true);
    expect(machine.disk.list('/')).toEqual(['spool', 'spool-damaged']);
  });
});
