/** Passes the records of one batch to the journal and sums up its answers. */
import type { ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Reject } from '@rollcall/shared/protocol/messages.ts';
import type { WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { JournalSession } from '../journal/journal.ts';
import type { GatewayCounters } from './counters.ts';

export interface Admission {
  /** Highest number that waits for a commit; undefined when none does. */
  readonly waitsSeq: number | undefined;
  readonly hasDuplicates: boolean;
  /** Consumed without being stored; the agent is to be told. */
  readonly rejects: readonly Reject[];
  /** Why the session must end. Records after the one that was refused were not looked at. */
  readonly refusal: { readonly code: ErrorCode; readonly text: string } | undefined;
}

/** Judges records in their order until one is refused; those before it are stored all the same. */
export function admitRecords(
  journal: JournalSession,
  batch: { readonly epochId: string; readonly records: readonly WireRecord[] },
  counters: GatewayCounters,
): Admission {
  const { epochId, records } = batch;
  const rejects: Reject[] = [];
  let waitsSeq: number | undefined;
  let hasDuplicates = false;
  for (const record of records) {
    const { seq } = record;
    const outcome = journal.apply(epochId, record);
    counters.count('records_total', outcome.kind);
    switch (outcome.kind) {
      case 'accepted':
        counters.count('samples_total', outcome.kind, outcome.samples);
        waitsSeq = seq;
        break;
      case 'rejected':
        counters.count('samples_total', outcome.kind, outcome.samples);
        waitsSeq = seq;
        rejects.push({ epochId, seq, code: outcome.code, samples: outcome.samples, text: outcome.text });
        break;
      case 'duplicate':
        hasDuplicates = true;
        break;
      case 'refused':
        return { waitsSeq, hasDuplicates, rejects, refusal: { code: outcome.code, text: outcome.text } };
    }
  }
  return { waitsSeq, hasDuplicates, rejects, refusal: undefined };
}
