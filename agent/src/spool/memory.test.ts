import { expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import {
  appendTick,
  currentEpoch,
  readAll,
  spoolConformance,
  testSchema,
  type SpoolSizes,
} from './conformance.ts';
import { MemorySpool } from './memory.ts';

const cpu = testSchema('cpu', 20);

/** A counter in place of randomness, so that epochs have names that tests can tell. */
function openMemory(sizes?: SpoolSizes): MemorySpool {
  let epochs = 0;
  const randomBytes = (count: number): Buffer => Buffer.alloc(count, ++epochs);
  return new MemorySpool({ clock: new FakeClock(), bootId: 'boot', randomBytes, ...sizes });
}

spoolConformance(openMemory);

it('is not durable', () => {
  expect(openMemory().stats().isDurable).toBe(false);
});

it('drops the oldest segment when full and declares exactly what was in it', () => {
  const spool = openMemory({ segmentBytes: 2_048, maxBytes: 8_192 });
  for (let i = 0; i < 200; i++) appendTick(spool, [cpu]);
  const { id, first } = currentEpoch(spool);
  const [gap, ...rest] = readAll(spool, id, 1);
  const ticksHeld = rest.filter(({ kind }) => kind === RECORD_KIND.SAMPLES).length;
  expect(gap).toMatchObject({ seq: 1, to: first - 1 });
  expect(gap?.gap).toMatchObject({ reason: GAP_REASON.BYTES, ticksThrough: 200 - ticksHeld });
  expect(spool.stats().samplesDropped).toBe(20 * (200 - ticksHeld));
});

it('cuts the front of a gap that the collector has in part', () => {
  const spool = openMemory({ segmentBytes: 2_048, maxBytes: 8_192 });
  for (let i = 0; i < 200; i++) appendTick(spool, [cpu]);
  const { id, first } = currentEpoch(spool);
  spool.acknowledge(id, 10);
  const whole = readAll(spool, id, 1)[0]?.gap;
  const [cut] = readAll(spool, id, 11);
  expect(cut).toMatchObject({ seq: 11, to: first - 1 });
  expect(cut?.gap).toEqual(whole);
});

it('estimates the counts of a gap only when it must be cut to move', () => {
  const spool = openMemory({ segmentBytes: 2_048, maxBytes: 8_192 });
  for (let i = 0; i < 200; i++) appendTick(spool, [cpu]);
  const old = currentEpoch(spool);
  spool.rotateEpoch({ epochId: old.id, rehomeAfter: 10 });
  const [gap] = readAll(spool, currentEpoch(spool).id, 1);
  expect(gap).toMatchObject({ seq: 1, to: old.first - 11, gap: { isEstimated: true } });
});

it('keeps an older epoch until it is delivered', () => {
  const spool = openMemory({ segmentBytes: 64 * 1024, maxBytes: 1024 * 1024 });
  for (let i = 1; i <= 140; i++) appendTick(spool, [testSchema('net', i)]);
  const [old] = spool.epochs();
  expect(spool.epochs()).toHaveLength(2);
  spool.acknowledge(old?.id ?? '', (old?.next ?? 0) - 1);
  expect(spool.epochs()).toHaveLength(1);
});

it('needs room for two segments', () => {
  expect(() => openMemory({ segmentBytes: 1_024, maxBytes: 2_000 })).toThrow(RangeError);
});
