import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { encodeRecord, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { Epoch } from './epoch.ts';

const NOTHING = { schemaCount: 0, schemaNumberMax: 0 };

function newEpoch(): Epoch {
  const epoch = new Epoch({ id: '0011223344556677', bootId: '', ordinal: 1, shelf: undefined });
  epoch.openSegment();
  return epoch;
}

function push(epoch: Epoch, bytes: number): void {
  const seq = epoch.next;
  const draft = { kind: RECORD_KIND.SAMPLES, flags: 0, wallMs: 1_000 * seq, bootMs: seq };
  epoch.push(
    encodeRecord({ ...draft, body: Buffer.alloc(bytes) }, seq),
    { ticks: 1, samples: bytes },
    NOTHING,
  );
}

/** What an epoch says it holds, gone through segment by segment. */
function counted(epoch: Epoch) {
  const waiting = epoch.segments.filter(({ lastSeq }) => lastSeq > epoch.acked);
  const sizeOf = (segments: typeof waiting): number => segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const [oldest] = waiting.filter(({ firstSeq, lastSeq }) => lastSeq >= firstSeq);
  return {
    bytes: sizeOf([...epoch.segments]),
    waitingBytes: sizeOf(waiting),
    waitingRecords: waiting.reduce(
      (sum, { firstSeq, lastSeq }) => sum + lastSeq - Math.max(firstSeq - 1, epoch.acked),
      0,
    ),
    oldestWaitingMs: oldest && 1_000 * Math.max(oldest.firstSeq, epoch.acked + 1),
  };
}

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('push' as const), at: fc.nat(99) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), at: fc.nat(99) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), at: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('free' as const), at: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), at: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('giveUp' as const), at: fc.nat(99) }) },
);

it('always knows what it holds, and what of it waits', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const epoch = newEpoch();
      for (const { kind, at } of operations) {
        const first = epoch.segments[0]?.firstSeq ?? epoch.next;
        const seq = first + Math.floor(((epoch.next - first) * at) / 100);
        if (kind === 'push') push(epoch, at);
        else if (kind === 'open') epoch.openSegment();
        else if (kind === 'acknowledge') epoch.acknowledge(seq);
        else if (kind === 'free') epoch.free(() => true);
        else if (kind === 'drop' && epoch.segmentCount > 1) epoch.dropOldestSegment(GAP_REASON.BYTES);
        else if (kind === 'giveUp' && seq < (epoch.active?.firstSeq ?? 0))
          epoch.giveUpSegment(seq, GAP_REASON.SPOOL_UNREADABLE);
        const { bytes, waitingBytes, waitingRecords } = epoch;
        const oldestWaitingMs = waitingRecords === 0 ? undefined : epoch.oldestWaitingMs();
        expect({ bytes, waitingBytes, waitingRecords, oldestWaitingMs }).toEqual(counted(epoch));
      }
    }),
    { numRuns: 100 },
  );
});
