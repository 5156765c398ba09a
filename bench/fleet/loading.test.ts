import * as fc from 'fast-check';
import { decodeRecord, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { expect, it } from 'vitest';
import { seriesIn } from '../../collector/src/storage/remote-protocol/testing/write-request.ts';
import { unpackSnappy } from '../../collector/src/storage/remote-protocol/snappy.ts';
import { decodeLabels } from '../../collector/src/storage/remote-protocol/messages.ts';
import type { Recording } from '../recording.ts';
import { FleetPast } from './loading.ts';

const RECORDING: Recording = {
  series: [
    { name: 'node_load1', labels: new Map(), values: [0.5, 1, 2] },
    { name: 'node_cpu_seconds_total', labels: new Map([['cpu', '0']]), values: [1, 2, 3] },
  ],
  length: 3,
  timesMs: [0, 1, 2],
};
const START_MS = Date.UTC(2026, 5, 1) + 1_234;
const FINE_MS = START_MS + 40 * 60_000;
const END_MS = START_MS + 60 * 60_000;
const PAST = new FleetPast(RECORDING, [
  { startMs: START_MS, endMs: FINE_MS, intervalMs: 300_000 },
  { startMs: FINE_MS, endMs: END_MS, intervalMs: 60_000 },
]);

function recordsIn(fromMs: number, toMs: number) {
  return [...PAST.records({ fromMs, toMs })].map((bytes) => decodeRecord(bytes, 0));
}

it('gives the same records whatever portions they are asked for in', () => {
  const whole = recordsIn(START_MS, END_MS);
  expect(whole.map(({ seq }) => seq)).toEqual(whole.map((_, i) => i + 1));
  expect(whole.filter(({ kind }) => kind === RECORD_KIND.SAMPLES)).toHaveLength(8 + 20);
  expect(PAST.nextSeqAt(END_MS)).toBe(whole.length + 1);
  const cuts = fc.array(fc.integer({ min: START_MS + 1, max: END_MS }), { maxLength: 6 });
  fc.assert(
    fc.property(cuts, (some) => {
      const times = [START_MS, ...some.toSorted((left, right) => left - right), END_MS];
      const parts = times.slice(1).flatMap((toMs, i) => recordsIn(times[i] ?? START_MS, toMs));
      expect(parts.map(({ seq, crc }) => [seq, crc])).toEqual(whole.map(({ seq, crc }) => [seq, crc]));
      for (const timeMs of some) expect(PAST.nextSeqAt(timeMs)).toBe(recordsIn(START_MS, timeMs).length + 1);
    }),
    { numRuns: 25 },
  );
});

it('gives every host the same samples through remote write', () => {
  const hosts = ['host-0000', 'host-0001', 'host-0002'];
  const found = new Map<string, number>();
  for (const body of PAST.writeRequests({ fromMs: START_MS, toMs: END_MS }, hosts)) {
    const content = unpackSnappy(Buffer.from(body), 1e6);
    for (const { labelBytes, samples } of seriesIn(content)) {
      const text = decodeLabels(labelBytes)?.toString() ?? '';
      found.set(text, (found.get(text) ?? 0) + samples.length);
    }
  }
  expect([...found.keys()].toSorted()).toEqual(
    hosts
      .flatMap((host) => [
        `node_cpu_seconds_total{cpu="0", instance="${host}", job="node"}`,
        `node_load1{instance="${host}", job="node"}`,
      ])
      .toSorted(),
  );
  expect(new Set(found.values())).toEqual(new Set([PAST.tickCount({ fromMs: START_MS, toMs: END_MS })]));
});
