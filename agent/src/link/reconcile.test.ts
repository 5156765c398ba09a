import { expect, it } from 'vitest';
import type { EpochState } from '@rollcall/shared/protocol/handshake.ts';
import { reconcile } from './reconcile.ts';

const OLD = 'aaaaaaaaaaaaaaaa';
const NOW = 'bbbbbbbbbbbbbbbb';

function epoch(change: Partial<EpochState> = {}): EpochState {
  return { id: NOW, bootId: 'boot', first: 1, next: 101, acked: 0, ...change };
}

/** The checksum of a record is ten times its number, as far as it is held. */
function crcOf(first: number, next: number) {
  return (_epochId: string, seq: number): number | undefined =>
    seq >= first && seq < next ? seq * 10 : undefined;
}

function pairs(...seqs: number[]): { seq: number; crc: number }[] {
  return seqs.map((seq) => ({ seq, crc: seq * 10 }));
}

function judge(
  held: Partial<EpochState>,
  mark:
    | { readonly watermark: number; readonly crcs: readonly { readonly seq: number; readonly crc: number }[] }
    | undefined,
  mustRotateEpoch = false,
) {
  const state = epoch(held);
  return reconcile({
    epochs: [state],
    marks: mark === undefined ? [] : [{ id: NOW, ...mark }],
    mustRotateEpoch,
    crcOf: crcOf(state.first, state.next),
  });
}

it('goes on behind the watermark', () => {
  const result = judge({}, { watermark: 40, crcs: pairs(40, 39, 38, 36) });
  expect(result).toEqual({ rotations: [], marks: [{ epochId: NOW, watermark: 40 }], rolledBack: [] });
});

it('begins at the start of an epoch that the collector does not know', () => {
  expect(judge({}, undefined).marks).toEqual([{ epochId: NOW, watermark: 0 }]);
});

it('cannot compare what it no longer holds', () => {
  const result = judge({ first: 41, acked: 40 }, { watermark: 40, crcs: [{ seq: 40, crc: 1 }] });
  expect(result.rotations).toEqual([]);
});

it('moves what is behind the last common record when a checksum differs', () => {
  const crcs = [{ seq: 40, crc: 1 }, { seq: 39, crc: 2 }, ...pairs(38, 36)];
  expect(judge({}, { watermark: 40, crcs }).rotations).toEqual([{ epochId: NOW, rehomeAfter: 38 }]);
});

it('moves everything held when there is no common record', () => {
  const result = judge({ first: 20, acked: 19 }, { watermark: 40, crcs: [{ seq: 40, crc: 1 }] });
  expect(result.rotations).toEqual([{ epochId: NOW, rehomeAfter: 19 }]);
});

it('takes numbers along that were dropped before they were acknowledged', () => {
  const result = judge({ first: 20, acked: 5 }, { watermark: 40, crcs: [{ seq: 40, crc: 1 }] });
  expect(result.rotations).toEqual([{ epochId: NOW, rehomeAfter: 5 }]);
});

it('begins a new epoch when the collector has numbers that were never assigned', () => {
  const result = judge({ next: 50, acked: 30 }, { watermark: 60, crcs: pairs(60, 59, 44) });
  expect(result.rotations).toEqual([{ epochId: NOW, rehomeAfter: 44 }]);
});

it('begins a new epoch behind the watermark when it is told to', () => {
  const result = judge({}, { watermark: 40, crcs: pairs(40) }, true);
  expect(result.rotations).toEqual([{ epochId: NOW, rehomeAfter: 40 }]);
});

it('sends again what is held when the store was set back', () => {
  const result = judge({ first: 10, acked: 80 }, { watermark: 40, crcs: pairs(40) });
  expect(result).toMatchObject({ marks: [{ watermark: 40 }], rolledBack: [NOW] });
});

it('judges each epoch by itself and rotates only the current one when told to', () => {
  const old = epoch({ id: OLD, next: 21, acked: 10 });
  const result = reconcile({
    epochs: [old, epoch()],
    marks: [{ id: OLD, watermark: 25, crcs: [] }],
    mustRotateEpoch: true,
    crcOf: () => undefined,
  });
  expect(result.marks).toEqual([{ epochId: OLD, watermark: 25 }]);
  expect(result.rotations).toEqual([{ epochId: NOW, rehomeAfter: 0 }]);
});
