/** One agent's session: its lanes, and what becomes of each record that it brings. */
import type { EpochMark } from '@rollcall/shared/protocol/handshake.ts';
import { storedForm, type WireRecord } from '@rollcall/shared/protocol/record.ts';
import { judge, type ReceiveTime, type Verdict } from './apply.ts';
import { measureBootTime, type BootReading } from './boot-time.ts';
import type { CommitGroup, GroupMember } from './group.ts';
import type { ApplyOutcome, JournalAgent, JournalSession, JournalSessionEvents } from './journal.ts';
import type { Lane } from './lane.ts';
import { JOURNAL_LIMITS } from './limits.ts';
import type { SchemaCache } from './schema-cache.ts';

/** What a session needs of the journal that it belongs to. */
export interface SessionHost {
  readonly schemas: SchemaCache;
  /** The reason why nothing can be written now. */
  readonly unavailable: string | undefined;
  receiveTime(): ReceiveTime;
  monoMs(): number;
  nextPos(): number;
  /** The group that is open; it is committed soon after. */
  openGroup(): CommitGroup;
  /** Called after something joined the open group. */
  joined(): void;
  /** A bug of whoever listens; it must not stop commits of the others. */
  listenerFailed(error: unknown): void;
  /** The session will not apply anything any more. */
  ended(session: Session): void;
  /** Counts an outcome for the statistics. */
  count(outcome: ApplyOutcome): void;
  /** Counts a tick that was stored by its machine's boot clock. */
  corrected(): void;
}

export class Session implements JournalSession, GroupMember {
  readonly agentId: string;
  readonly #host: SessionHost;
  readonly #events: JournalSessionEvents;
  /** Until our own clock could be trusted once, by which it is measured. */
  #bootReading: BootReading | undefined;
  #lanes: ReadonlyMap<string, Lane> = new Map();
  #marks: readonly EpochMark[] = [];
  #isOpen = true;

  constructor(host: SessionHost, agent: JournalAgent, events: JournalSessionEvents) {
    this.#host = host;
    this.agentId = agent.agentId;
    this.#bootReading = agent.bootReading;
    this.#events = events;
  }

  get marks(): readonly EpochMark[] {
    return this.#marks;
  }

  /** Called once, when what is durable is known. */
  start(lanes: ReadonlyMap<string, Lane>, marks: readonly EpochMark[]): void {
    this.#lanes = lanes;
    this.#marks = marks;
  }

  apply(epochId: string, record: WireRecord): ApplyOutcome {
    const outcome = this.#apply(epochId, record);
    this.#host.count(outcome);
    return outcome;
  }

  close(): void {
    this.#isOpen = false;
    this.#host.ended(this);
  }

  onCommitted(epochId: string, watermark: number): void {
    if (this.#isOpen) this.#tell(() => this.#events.committed(epochId, watermark));
  }

  onFailed(text: string): void {
    if (!this.#isOpen) return;
    this.close();
    this.#tell(() => this.#events.failed(text));
  }

  #tell(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.close();
      this.#host.listenerFailed(error);
    }
  }

  #apply(epochId: string, record: WireRecord): ApplyOutcome {
    if (!this.#isOpen) return refusal('SUPERSEDED', 'the session has ended');
    const { unavailable } = this.#host;
    if (unavailable !== undefined) return refusal('STORAGE_UNAVAILABLE', unavailable);
    const lane = this.#lanes.get(epochId);
    if (lane === undefined) return refusal('PROTOCOL_ERROR', `epoch ${epochId} is not one of this session`);
    const received = this.#host.receiveTime();
    if (this.#bootReading !== undefined && received.isTrusted)
      this.#measure(this.#bootReading, received.nowMs);
    const takenMs = lane.takenMs(record);
    const verdict = judge(lane, record, { received, takenMs, schemas: this.#host.schemas });
    switch (verdict.kind) {
      case 'duplicate':
      case 'refused':
        return verdict;
      case 'rejected':
      case 'gap':
      case 'schema':
      case 'samples':
      case 'other': {
        const group = this.#host.openGroup();
        group.touch(lane, this);
        const outcome = this.#join({ group, lane, record, takenMs, receivedMs: received.nowMs }, verdict);
        this.#host.joined();
        return outcome;
      }
    }
  }

  /** All epochs of the boot that the agent is in have one boot clock. */
  #measure(reading: BootReading, nowMs: number): void {
    this.#bootReading = undefined;
    const bootTime = measureBootTime(reading, { wallMs: nowMs, monoMs: this.#host.monoMs() });
    for (const lane of this.#lanes.values()) {
      if (lane.mark.bootId !== reading.bootId || !lane.measured(bootTime)) continue;
      const group = this.#host.openGroup();
      group.touch(lane, this);
      group.measuredLane(lane.mark.id);
    }
  }

  #join(arrival: Arrival, verdict: Exclude<Verdict, { kind: 'duplicate' | 'refused' }>): ApplyOutcome {
    switch (verdict.kind) {
      case 'rejected':
        return joinReject(arrival, verdict);
      case 'gap':
        return joinGap(arrival, verdict);
      case 'schema':
        return this.#joinSchema(arrival, verdict);
      case 'samples':
        return this.#joinSamples(arrival, verdict);
      case 'other':
        this.#store(arrival, arrival.record.bytes, 0);
        arrival.lane.advance(arrival.record, 'applied', { ticks: 0, samples: 0, isExact: true });
        return { kind: 'accepted', samples: 0, refusedBlocks: 0 };
    }
  }

  #joinSchema(arrival: Arrival, { number, schema }: Extract<Verdict, { kind: 'schema' }>): ApplyOutcome {
    const { group, lane, record } = arrival;
    const declared = lane.declare(number, schema, record.seq);
    group.addSchema(lane.mark.id, declared);
    this.#store(arrival, record.bytes, 0);
    lane.advance(record, 'applied', { ticks: 0, samples: 0, isExact: true });
    return { kind: 'accepted', samples: 0, refusedBlocks: 0 };
  }

  #joinSamples(arrival: Arrival, verdict: Extract<Verdict, { kind: 'samples' }>): ApplyOutcome {
    const { group, lane, record, takenMs } = arrival;
    const { blocks, samples, refusedBlocks } = verdict;
    for (const { schemaNumber, offsetMs } of blocks) {
      const used = lane.use(schemaNumber, takenMs + offsetMs);
      if (used !== undefined) group.addSchema(lane.mark.id, used);
    }
    lane.mark.offsetMsMax = Math.max(lane.mark.offsetMsMax, verdict.offsetMsMax);
    lane.mark.refusedBlocks += refusedBlocks;
    lane.cover(takenMs);
    if (takenMs !== record.wallMs) this.#host.corrected();
    const pos = this.#store(arrival, storedForm(record, verdict.body), samples);
    lane.advance(record, 'applied', { ticks: 1, samples, isExact: refusedBlocks === 0 });
    const { id: laneId, agentId, epochId } = lane.mark;
    group.ticks.push({ pos, laneId, agentId, epochId, timeMs: takenMs, blocks });
    return { kind: 'accepted', samples, refusedBlocks };
  }

  #store({ group, lane, record, takenMs, receivedMs }: Arrival, bytes: Buffer, samples: number): number {
    const pos = this.#host.nextPos();
    group.addRecord({
      pos,
      laneId: lane.mark.id,
      seq: record.seq,
      timeMs: takenMs,
      receivedMs,
      kind: record.kind,
      crc: record.crc,
      samples,
      bytes,
    });
    return pos;
  }
}

/** A record on its way into a group. */
interface Arrival {
  readonly group: CommitGroup;
  readonly lane: Lane;
  readonly record: WireRecord;
  readonly takenMs: number;
  readonly receivedMs: number;
}

function joinReject(arrival: Arrival, verdict: Extract<Verdict, { kind: 'rejected' }>): ApplyOutcome {
  const { group, lane, record, receivedMs } = arrival;
  const { code, text, samples } = verdict;
  const head = Buffer.from(record.bytes.subarray(0, JOURNAL_LIMITS.quarantineBytes));
  group.addReject({ laneId: lane.mark.id, seq: record.seq, code, text, samples, receivedMs, head });
  lane.advance(record, 'rejected', verdict);
  return { kind: 'rejected', code, samples, text };
}

function joinGap(arrival: Arrival, verdict: Extract<Verdict, { kind: 'gap' }>): ApplyOutcome {
  const { group, lane, record, receivedMs } = arrival;
  const { gap } = verdict;
  group.addGap({
    laneId: lane.mark.id,
    from: record.seq,
    to: gap.to,
    reason: gap.reason,
    isEstimated: gap.isEstimated || lane.mark.isEstimated,
    ticks: verdict.lostTicks,
    samples: verdict.lostSamples,
    firstMs: gap.firstWallMs,
    lastMs: gap.lastWallMs,
    receivedMs,
  });
  lane.skip(record.seq, gap);
  return { kind: 'accepted', samples: 0, refusedBlocks: 0 };
}

function refusal(code: 'SUPERSEDED' | 'STORAGE_UNAVAILABLE' | 'PROTOCOL_ERROR', text: string): ApplyOutcome {
  return { kind: 'refused', code, text };
}
