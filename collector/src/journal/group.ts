/** The open group: what the next transaction will write. */
import type { CommittedSamples } from './journal.ts';
import type { Lane } from './lane.ts';
import { JOURNAL_LIMITS } from './limits.ts';
import type { CommitBatch, GapRow, RecordRow, RejectRow, SchemaNumber } from './store.ts';

/** A session as the group sees it. */
export interface GroupMember {
  readonly agentId: string;
  onCommitted(epochId: string, watermark: number): void;
  onFailed(text: string): void;
}

export class CommitGroup {
  readonly ticks: CommittedSamples[] = [];
  readonly #members = new Map<Lane, GroupMember>();
  readonly #closedLanes: number[] = [];
  readonly #measuredLanes: number[] = [];
  readonly #records: RecordRow[] = [];
  readonly #gaps: GapRow[] = [];
  readonly #rejects: RejectRow[] = [];
  readonly #schemas: (SchemaNumber & { readonly laneId: number })[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#members.size === 0 && this.#closedLanes.length === 0;
  }

  get isFull(): boolean {
    const { groupRecords, groupBytes, groupLanes } = JOURNAL_LIMITS;
    return this.#entryCount >= groupRecords || this.#bytes >= groupBytes || this.#members.size >= groupLanes;
  }

  get #entryCount(): number {
    return this.#records.length + this.#gaps.length + this.#rejects.length;
  }

  members(): ReadonlySet<GroupMember> {
    return new Set(this.#members.values());
  }

  hasAgent(agentId: string): boolean {
    for (const member of this.#members.values()) if (member.agentId === agentId) return true;
    return false;
  }

  /** The lane's mark is written with this group. */
  touch(lane: Lane, member: GroupMember): void {
    this.#members.set(lane, member);
  }

  closeLane(laneId: number): void {
    this.#closedLanes.push(laneId);
  }

  /** Its `bootTimes` changed; it is touched as well. */
  measuredLane(laneId: number): void {
    this.#measuredLanes.push(laneId);
  }

  addRecord(row: RecordRow): void {
    this.#records.push(row);
    this.#bytes += row.bytes.length;
  }

  addGap(row: GapRow): void {
    this.#gaps.push(row);
  }

  addReject(row: RejectRow): void {
    this.#rejects.push(row);
    this.#bytes += row.head.length;
  }

  addSchema(laneId: number, schema: SchemaNumber): void {
    this.#schemas.push({ laneId, ...schema });
  }

  /** What is to be written, with the marks as they are now. */
  batch(): CommitBatch {
    return {
      marks: [...this.#members.keys()].map(({ mark }) => ({ ...mark })),
      closedLanes: this.#closedLanes,
      measuredLanes: this.#measuredLanes,
      records: this.#records,
      gaps: this.#gaps,
      rejects: this.#rejects,
      schemas: this.#schemas,
    };
  }

  /** Tells lanes and sessions that `batch` is on stable storage. */
  settle(batch: CommitBatch): void {
    const watermarks = new Map(batch.marks.map(({ id, watermark }) => [id, watermark]));
    for (const [lane, member] of this.#members) {
      const watermark = watermarks.get(lane.mark.id);
      if (watermark === undefined) continue;
      lane.settled(watermark);
      member.onCommitted(lane.mark.epochId, watermark);
    }
  }
}
