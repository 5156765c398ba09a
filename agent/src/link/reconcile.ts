/**
 * Compares what the agent holds with what the collector has, epoch by epoch. It finds histories that have forked, for
 * example when a virtual machine was set back to a snapshot: their records move to a fresh epoch instead of being taken
 * for duplicates. See docs/protocol.md, "Reconciliation".
 */
import type { EpochMark, EpochState } from '@rollcall/shared/protocol/handshake.ts';

export interface Reconciliation {
  /** Epochs that must be replaced by fresh ones; the session then ends, because its list of epochs is fixed. */
  readonly rotations: readonly { readonly epochId: string; readonly rehomeAfter: number }[];
  /** The watermark of every other epoch, oldest first; sending goes on behind it. */
  readonly marks: readonly { readonly epochId: string; readonly watermark: number }[];
  /** Epochs of which the collector once acknowledged more than it has now: its store was set back. */
  readonly rolledBack: readonly string[];
}

interface Options {
  /** What the agent holds, oldest first, the current epoch last. */
  readonly epochs: readonly EpochState[];
  /** What the collector said; an epoch that is missing is new to it. */
  readonly marks: readonly EpochMark[];
  readonly mustRotateEpoch: boolean;
  /** Checksum of a record that the agent holds. */
  readonly crcOf: (epochId: string, seq: number) => number | undefined;
}

export function reconcile(options: Options): Reconciliation {
  const rotations: { epochId: string; rehomeAfter: number }[] = [];
  const marks: { epochId: string; watermark: number }[] = [];
  const rolledBack: string[] = [];
  for (const [index, epoch] of options.epochs.entries()) {
    const mark = options.marks.find(({ id }) => id === epoch.id) ?? { id: epoch.id, watermark: 0, crcs: [] };
    const isCurrent = index === options.epochs.length - 1;
    const { isForked, agreedSeq } = compareChecksums(epoch, mark, options.crcOf);
    const isAhead = isCurrent && mark.watermark >= epoch.next;
    if (isForked || isAhead) {
      rotations.push({ epochId: epoch.id, rehomeAfter: agreedSeq });
    } else if (isCurrent && options.mustRotateEpoch) {
      rotations.push({ epochId: epoch.id, rehomeAfter: mark.watermark });
    } else {
      if (mark.watermark < epoch.acked) rolledBack.push(epoch.id);
      marks.push({ epochId: epoch.id, watermark: mark.watermark });
    }
  }
  return { rotations, marks, rolledBack };
}

/** `agreedSeq`: the highest number at which both ends hold the same record, else the one before all that is at stake. */
function compareChecksums(
  epoch: EpochState,
  mark: EpochMark,
  crcOf: Options['crcOf'],
): { isForked: boolean; agreedSeq: number } {
  let isForked = false;
  // Numbers that were dropped before they were acknowledged lie below `first` and must not be forgotten.
  let agreedSeq = Math.min(epoch.first - 1, epoch.acked);
  for (const { seq, crc } of mark.crcs) {
    const held = crcOf(epoch.id, seq);
    if (held === undefined) continue;
    if (held === crc) agreedSeq = Math.max(agreedSeq, seq);
    else isForked = true;
  }
  return { isForked, agreedSeq };
}
