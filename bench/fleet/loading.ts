/**
 * Brings the past of a fleet into a collector's data folder and into stores that take remote write, as fast as they take
 * it. Each takes one portion of time after the other; what is done is written down, so that loading can be broken off and
 * taken up again.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock, type Clock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import type { JournalSession, SealableJournal } from '../../collector/src/journal/journal.ts';
import { openJournal } from '../../collector/src/journal/open-journal.ts';
import { openJournalReader } from '../../collector/src/journal/reader.ts';
import { SchemaCache } from '../../collector/src/journal/schema-cache.ts';
import { BlockKeeper } from '../../collector/src/storage/embedded/sealing/keeper.ts';
import { threadWorkshop } from '../../collector/src/storage/embedded/sealing/thread-workshop.ts';
import { WRITE_HEADERS } from '../../collector/src/storage/remote-protocol/testing/write-request.ts';
import type { Recording } from '../recording.ts';
import { applyToAll, FleetHistory, historyEpoch, type HistorySize, type Portion } from './history.ts';

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** An hour is sealed so long after its end. */
const GRACE_MS = 600_000;
/** Prometheus takes samples less than an hour older than the newest; hosts follow each other within a portion. */
const WRITE_PORTION_MS = HOUR_MS;
/** With `COARSE_BLOCK_MS` half a day. Four readings of a series in a request would cost little more than none. */
const COARSE_PORTION_MS = 12 * HOUR_MS;
/** Length of the blocks that Prometheus is to begin with while it is loaded at the coarse pace. */
export const COARSE_BLOCK_MS = 2 * COARSE_PORTION_MS;
/** Records of all hosts together that are applied before the journal has to have committed them. */
const RECORDS_PER_COMMIT = 2_000;

/** One pace that the fleet reported at. */
interface Era {
  readonly size: HistorySize;
  readonly history: FleetHistory;
  /** Number of its first record in the lane of each host. */
  readonly firstSeq: number;
}

/** The past of a fleet: eras that follow each other, in which all hosts play the same recording. */
export class FleetPast {
  readonly startMs: number;
  readonly endMs: number;
  /** Beginning of the last era. */
  readonly fineMs: number;
  readonly #eras: readonly Era[];

  /** @param sizes in order of time, each beginning where the one before ends */
  constructor(recording: Recording, sizes: readonly HistorySize[]) {
    const eras: Era[] = [];
    let [firstSeq, firstSchema] = [1, 1];
    for (const size of sizes) {
      const history = new FleetHistory(recording, size, firstSchema);
      eras.push({ size, history, firstSeq });
      firstSchema += history.schemaCount;
      firstSeq += history.schemaCount + history.tickCount({ fromMs: size.startMs, toMs: size.endMs });
    }
    this.#eras = eras;
    this.startMs = Math.min(...sizes.map(({ startMs }) => startMs));
    this.endMs = Math.max(...sizes.map(({ endMs }) => endMs));
    this.fineMs = sizes.at(-1)?.startMs ?? this.endMs;
  }

  get seriesCount(): number {
    return Math.max(...this.#eras.map(({ history }) => history.seriesCount));
  }

  /** Readings of each host. */
  tickCount(portion: Portion): number {
    return this.#eras.reduce((sum, { history }) => sum + history.tickCount(portion), 0);
  }

  /** The records of a part of the time, numbered as in the whole; those that declare schemas come with the first readings. */
  *records({ fromMs, toMs }: Portion): Generator<Buffer> {
    for (const { size, history, firstSeq } of this.#eras) {
      const part = { fromMs: Math.max(fromMs, size.startMs), toMs: Math.min(toMs, size.endMs) };
      if (part.fromMs >= part.toMs) continue;
      if (part.fromMs === size.startMs) yield* history.schemaRecords(firstSeq);
      const before = history.tickCount({ fromMs: size.startMs, toMs: part.fromMs });
      yield* history.tickRecords(part, firstSeq + history.schemaCount + before);
    }
  }

  /** Number of the first record that is not before `timeMs`. */
  nextSeqAt(timeMs: number): number {
    let next = 1;
    for (const { size, history, firstSeq } of this.#eras) {
      if (size.startMs >= timeMs) break;
      const ticks = history.tickCount({ fromMs: size.startMs, toMs: timeMs });
      next = firstSeq + history.schemaCount + ticks;
    }
    return next;
  }

  *writeRequests(portion: Portion, instances: readonly string[]): Generator<Uint8Array> {
    for (const { history } of this.#eras) yield* history.writeRequests(portion, instances);
  }
}

/** A store on its way to the whole past. */
export interface LoadTarget {
  readonly name: string;
  /** Ends of the portions that it takes, rising; the last one is the end of the past. */
  readonly endsMs: readonly number[];
  /** Resolves when the store has the portion for good. */
  load(portion: Portion): Promise<void>;
  close(): Promise<void>;
}

/**
 * A journal that is filled by the day or the hour, and sealed after each as a collector would have done by then; days are
 * merged and rolled up when they are over. Days of the coarse pace, which have few readings an hour, are sealed as a whole.
 * Nobody else has the folder open.
 * @param agentIds hosts that the collector knows
 */
export async function journalTarget(
  dataDir: string,
  past: FleetPast,
  agentIds: readonly string[],
): Promise<LoadTarget> {
  const path = join(dataDir, 'journal.db');
  const dir = join(dataDir, 'blocks');
  const clock = steppedClock(past.startMs);
  const schemas = new SchemaCache();
  const ports = { clock, log: silentLogger, randomBytes };
  const journal = openJournal({ path, ...ports, yieldToLoop: nextTurn, schemas });
  const reader = openJournalReader({ path, schemas });
  const workshop = threadWorkshop({ journalFile: path, dir });
  const keep = async (windowMs: number): Promise<void> => {
    const settings = { windowMs, graceMs: GRACE_MS };
    const keeper = new BlockKeeper({ journal, reader, workshop, disk: nodeDisk, dir, ...ports, settings });
    await keeper.round();
    await keeper.stop();
  };
  const lanes = await openLanes(journal, past, agentIds);
  const spanAt = (timeMs: number): number =>
    timeMs < Math.floor(past.fineMs / DAY_MS) * DAY_MS ? DAY_MS : HOUR_MS;
  return {
    name: 'rollcall',
    endsMs: endsOf(past, spanAt),
    async load(portion) {
      clock.set(portion.toMs);
      let open = 0;
      for (const record of past.records(portion)) {
        const seq = applyToAll(lanes.sessions, record);
        open += lanes.sessions.length;
        if (open < RECORDS_PER_COMMIT) continue;
        open = 0;
        await lanes.committed(seq);
      }
      await lanes.committed(past.nextSeqAt(portion.toMs) - 1);
      // What is not over yet is sealed by whoever opens the folder.
      clock.set(Math.min(portion.toMs + GRACE_MS, Math.max(portion.toMs, systemClock.wallMs())));
      await keep(spanAt(portion.fromMs));
    },
    async close() {
      await journal.close();
      reader.close();
    },
  };
}

/** A store that takes remote write. */
export function remoteWriteTarget(
  { name, url }: { readonly name: string; readonly url: string },
  past: FleetPast,
  instances: readonly string[],
): LoadTarget {
  return {
    name,
    endsMs: endsOf(past, (timeMs) =>
      coarseEndOf(timeMs) <= past.fineMs ? COARSE_PORTION_MS : WRITE_PORTION_MS,
    ),
    async load(portion) {
      for (const body of past.writeRequests(portion, instances)) await post(`${url}/api/v1/write`, body);
    },
    async close() {
      if (name === 'victoria-metrics') await fetch(`${url}/internal/force_flush`);
    },
  };
}

/** The end of the coarse portion that begins with `timeMs`, UTC milliseconds; one that ends in the fine pace is none. */
export function coarseEndOf(timeMs: number): number {
  return Math.floor(timeMs / COARSE_PORTION_MS) * COARSE_PORTION_MS + COARSE_PORTION_MS;
}

async function post(url: string, body: Uint8Array): Promise<void> {
  const response = await fetch(url, { method: 'POST', body: new Uint8Array(body), headers: WRITE_HEADERS });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${answer}`);
}

/** Ends of portions that begin and end with whole spans of time, but for the first one and the last one. */
function endsOf({ startMs, endMs }: FleetPast, spanAt: (timeMs: number) => number): readonly number[] {
  const ends: number[] = [];
  for (let timeMs = startMs; timeMs < endMs;) {
    const spanMs = spanAt(timeMs);
    timeMs = Math.min(endMs, Math.floor(timeMs / spanMs) * spanMs + spanMs);
    ends.push(timeMs);
  }
  return ends;
}

/** Sessions of all hosts, and what of their records is durable. */
async function openLanes(journal: SealableJournal, past: FleetPast, agentIds: readonly string[]) {
  const epochs = [historyEpoch(past.nextSeqAt(past.endMs))];
  const watermarks = new Map<string, number>();
  const failures: string[] = [];
  const sessions: JournalSession[] = [];
  for (const agentId of agentIds) {
    const session = await journal.openSession(
      { agentId, epochs },
      {
        committed: (_epochId, watermark) => void watermarks.set(agentId, watermark),
        failed: (text) => void failures.push(text),
      },
    );
    watermarks.set(agentId, session.marks[0]?.watermark ?? 0);
    sessions.push(session);
  }
  return {
    sessions,
    /** Resolves when all hosts' records up to this number are durable. @throws Error when the journal could not write */
    async committed(seq: number): Promise<void> {
      while (Math.min(...watermarks.values()) < seq) {
        if (failures.length > 0) throw new Error(`the journal failed: ${failures[0]}`);
        await nextTurn();
      }
    },
  };
}

/** A clock that is put forward by hand; its timers run by the machine's time. */
function steppedClock(startMs: number): Clock & { set: (wallMs: number) => void } {
  let nowMs = startMs;
  return {
    set: (wallMs) => void (nowMs = Math.max(nowMs, wallMs)),
    wallMs: () => nowMs,
    monoMs: () => systemClock.monoMs(),
    bootMs: () => systemClock.bootMs(),
    setTimer: (delayMs, callback, options) => systemClock.setTimer(delayMs, callback, options),
  };
}
