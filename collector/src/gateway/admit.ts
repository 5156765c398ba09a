/** Passes the records of one batch to the journal and sums up its answers. */
import type { ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Reject } from '@rollcall/shared/protocol/messages.ts';
import type { WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { ApplyOutcome, JournalSession } from '../journal/journal.ts';
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
  const tally = new Tally();
  let waitsSeq: number | undefined;
  let hasDuplicates = false;
  let refusal: Admission['refusal'];
  for (const record of records) {
    const { seq } = record;
    const outcome = journal.apply(epochId, record);
    tally.add(outcome);
    if (outcome.kind === 'refused') {
      refusal = { code: outcome.code, text: outcome.text };
      break;
    }
    if (outcome.kind === 'duplicate') {
      hasDuplicates = true;
      continue;
    }
    waitsSeq = seq;
    if (outcome.kind === 'rejected')
      rejects.push({ epochId, seq, code: outcome.code, samples: outcome.samples, text: outcome.text });
  }
  tally.countIn(counters);
  return { waitsSeq, hasDuplicates, rejects, refusal };
}

/** Sums of one batch: counting each record by itself would cost as much as storing it. */
class Tally {
  readonly #records = { accepted: 0, duplicate: 0, rejected: 0, refused: 0 };
  readonly #samples = { accepted: 0, rejected: 0 };

  add(outcome: ApplyOutcome): void {
    this.#records[outcome.kind]++;
    if (outcome.kind === 'accepted' || outcome.kind === 'rejected')
      this.#samples[outcome.kind] += outcome.samples;
  }

  countIn(counters: GatewayCounters): void {
    for (const [kind, count] of Object.entries(this.#records))
      if (count > 0) counters.count('records_total', kind, count);
    for (const [kind, count] of Object.entries(this.#samples))
      if (count > 0) counters.count('samples_total', kind, count);
  }
}
