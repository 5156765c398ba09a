/** A journal in memory for tests of the gateway: the table of answers without a disk. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { EpochMark, EpochState } from '@rollcall/shared/protocol/handshake.ts';
import { RECORD_KIND, type WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { ApplyOutcome, Journal, JournalSession, JournalSessionEvents } from '../../journal/journal.ts';

interface Epoch {
  /** Highest number of the open group, and of what is committed. */
  working: number;
  committed: number;
  readonly crcs: Map<number, number>;
}

interface Waiting {
  readonly events: JournalSessionEvents;
  readonly epochId: string;
  readonly epoch: Epoch;
  readonly seq: number;
}

export class FakeJournal implements Journal {
  readonly storeId = '5'.repeat(32);
  /** Commits happen by themselves right after `apply`, unless a test wants to see the time in between. */
  isCommittingAtOnce = true;
  isWritable = true;
  /** What `openSession` waits for. */
  opening: () => Promise<void> = () => Promise.resolve();
  openCount = 0;
  closeCount = 0;
  readonly #epochs = new Map<string, Epoch>();
  #waiting: Waiting[] = [];

  async openSession(
    agent: { readonly agentId: string; readonly epochs: readonly EpochState[] },
    events: JournalSessionEvents,
  ): Promise<JournalSession> {
    await this.opening();
    this.openCount++;
    const byId = new Map(agent.epochs.map(({ id }) => [id, this.#epoch(agent.agentId, id)]));
    let isOpen = true;
    return {
      marks: [...byId].map(([id, epoch]) => markOf(id, epoch)),
      apply: (epochId, record) => {
        const epoch = byId.get(epochId);
        if (!isOpen || epoch === undefined)
          return { kind: 'refused', code: 'PROTOCOL_ERROR', text: 'no such epoch' };
        return this.#apply({ events, epochId, epoch }, record);
      },
      close: () => {
        if (isOpen) this.closeCount++;
        isOpen = false;
      },
    };
  }

  /** Settles the open group. */
  commit(): void {
    const newest = new Map<Epoch, Waiting>();
    for (const waiting of this.#waiting) newest.set(waiting.epoch, waiting);
    this.#waiting = [];
    for (const { events, epochId, epoch, seq } of newest.values()) {
      epoch.committed = seq;
      events.committed(epochId, seq);
    }
  }

  /** Loses the open group, as a full disk does. */
  fail(): void {
    const sessions = new Set(this.#waiting.map(({ events }) => events));
    for (const { epoch } of this.#waiting) epoch.working = epoch.committed;
    this.#waiting = [];
    for (const events of sessions) events.failed('disk full');
  }

  committedThrough(agentId: string, epochId: string): number {
    return this.#epoch(agentId, epochId).committed;
  }

  onCommitted(): () => void {
    return () => {};
  }

  lostSamples(): Readonly<Record<string, number>> {
    return {};
  }

  stats() {
    const counts = {
      commits: 0,
      failedCommits: 0,
      duplicates: 0,
      rejectedRecords: 0,
      refusedBlocks: 0,
      correctedTicks: 0,
    };
    return { rows: 0, bytes: 0, samples: 0, isWritable: this.isWritable, ...counts };
  }

  async prune() {
    return { rows: 0, bytes: 0 };
  }

  async close(): Promise<void> {}

  #apply(where: Omit<Waiting, 'seq'>, record: WireRecord): ApplyOutcome {
    const { epoch } = where;
    const { seq, crc, kind } = record;
    if (seq <= epoch.working) {
      const isSame = epoch.crcs.get(seq) === crc;
      return isSame ? { kind: 'duplicate' } : { kind: 'refused', code: 'SEQ_CONFLICT', text: 'other record' };
    }
    if (seq > epoch.working + 1) return { kind: 'refused', code: 'SEQ_HOLE', text: 'a number is missing' };
    epoch.working = seq;
    epoch.crcs.set(seq, crc);
    this.#waiting.push({ ...where, seq });
    if (this.isCommittingAtOnce) setImmediate(() => this.commit());
    if (kind > RECORD_KIND.INVENTORY_CHANGE) {
      return { kind: 'rejected', code: 'UNKNOWN_KIND', samples: 0, text: `kind ${kind}` };
    }
    const accepted = { kind: 'accepted' as const, samples: 1, refusedBlocks: 0 };
    return accepted;
  }

  #epoch(agentId: string, epochId: string): Epoch {
    const key = `${agentId}/${epochId}`;
    const epoch = this.#epochs.get(key) ?? { working: 0, committed: 0, crcs: new Map<number, number>() };
    this.#epochs.set(key, epoch);
    return epoch;
  }
}

function markOf(id: string, epoch: Epoch): EpochMark {
  const crc = epoch.crcs.get(epoch.committed);
  return { id, watermark: epoch.committed, crcs: crc === undefined ? [] : [{ seq: epoch.committed, crc }] };
}

/** For tests of a journal that cannot be opened. */
export async function unavailable(): Promise<never> {
  throw new AppError('STORAGE_UNAVAILABLE', 'disk full', { isRetryable: true });
}
