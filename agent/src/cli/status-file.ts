/**
 * `status.json` in the data folder: what a running agent says about itself, for `status` and `doctor`. Written twice a
 * minute, more often at the start, without waiting for the disk; removed when the agent stops.
 */
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { JsonReader, parseJsonObject, type JsonObject } from '@rollcall/shared/protocol/json.ts';
import { processFields, readProcesses } from '@rollcall/shared/protocol/processes.ts';
import type { ShownSetting } from '../config/in-force.ts';
import type { PrivateDir } from '../enroll/private-dir.ts';
import type { AppStatus } from '../app.ts';
import { SNAPSHOTS_MAX, type DatedSnapshot } from '../samplers/processes/watch.ts';

const STATUS_FILE = 'status.json';
const FORMAT = 1;
/** Time between two writings, and while it has no connection and no acknowledgement yet: people look right after a start. */
export const STATUS_INTERVAL_MS = 30_000;
const STARTING_INTERVAL_MS = 2_000;
/** After that it is no start any more. */
const STARTING_MS = 60_000;
const TEXT_MAX = 4_096;
const SETTINGS_MAX = 16;

/** Times are wall clock in milliseconds; null when it has not happened or is not so. */
export interface StatusReport {
  readonly pid: number;
  readonly version: string;
  readonly collector: string;
  readonly startedMs: number;
  readonly writtenMs: number;
  readonly phase: string;
  readonly connectedSinceMs: number | null;
  /** Why there is no connection, null while there is one and before the first attempt. */
  readonly endReason: string | null;
  readonly lastAckMs: number | null;
  readonly recordsWaiting: number;
  readonly bytesWaiting: number;
  readonly bytesMax: number;
  readonly oldestWaitingMs: number | null;
  readonly samplesDropped: number;
  readonly isSpoolDurable: boolean;
  /** What holds of the settings that a collector may change. */
  readonly settings: readonly ShownSetting[];
  /** The busiest programs of the last minutes, the newest last; what is told when the machine is under strain. */
  readonly processes: readonly DatedSnapshot[];
}

/** Who is running; does not change while it does. */
export interface Running {
  readonly pid: number;
  readonly version: string;
  readonly collector: string;
}

export interface StatusWriterOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly dir: PrivateDir;
  readonly running: Running;
  readonly status: () => AppStatus;
}

/** Writes the file from `start` to `stop`. That it cannot be written is said once and stops nothing. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #startedMs: number;
  readonly #startedMonoMs: number;
  #timer: Timer | undefined;
  #hasComplained = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#startedMs = options.clock.wallMs();
    this.#startedMonoMs = options.clock.monoMs();
  }

  start(): void {
    const { lastAckMs } = this.#write();
    const runsMs = this.#options.clock.monoMs() - this.#startedMonoMs;
    const isStarting = lastAckMs === null && runsMs < STARTING_MS;
    const pauseMs = isStarting ? STARTING_INTERVAL_MS : STATUS_INTERVAL_MS;
    this.#timer = this.#options.clock.setTimer(pauseMs, () => this.start(), {
      isBackground: true,
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#try(() => this.#options.dir.remove(STATUS_FILE));
  }

  #write(): StatusReport {
    const { clock, dir, running, status } = this.#options;
    const { uplink, spool, processes, settings } = status();
    const report: StatusReport = {
      ...running,
      startedMs: this.#startedMs,
      writtenMs: clock.wallMs(),
      phase: uplink.phase,
      connectedSinceMs: uplink.connectedSinceMs ?? null,
      endReason: uplink.endReason ?? null,
      lastAckMs: uplink.lastAckMs ?? null,
      recordsWaiting: spool.recordsHeld,
      bytesWaiting: spool.bytesHeld,
      bytesMax: spool.bytesMax,
      oldestWaitingMs: spool.oldestUnackedMs ?? null,
      samplesDropped: spool.samplesDropped,
      isSpoolDurable: spool.isDurable,
      settings,
      processes,
    };
    const content = `${JSON.stringify(contentOf(report), null, 2)}\n`;
    this.#try(() => dir.write(STATUS_FILE, content, { isDurable: false }));
    return report;
  }

  #try(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (this.#hasComplained) return;
      this.#hasComplained = true;
      this.#options.log.warn('the status file cannot be written', { error: describeError(error) });
    }
  }
}

function contentOf({ processes, ...report }: StatusReport): JsonObject {
  const snapshots = processes.map(({ atMs, ...snapshot }) => ({ atMs, ...processFields(snapshot) }));
  return { format: FORMAT, ...report, processes: snapshots };
}

/**
 * What the agent of this folder last said, undefined when none runs or it was written by another version that says it
 * differently.
 * @throws AppError DATA_DIR_UNUSABLE when it may not be read
 */
export function readStatus(dir: PrivateDir): StatusReport | undefined {
  const text = dir.read(STATUS_FILE);
  return text === undefined ? undefined : parseStatus(text);
}

function parseStatus(text: string): StatusReport | undefined {
  try {
    const json = parseJsonObject(Buffer.from(text));
    const reader = new JsonReader(json, STATUS_FILE);
    reader.integer('format', FORMAT, FORMAT);
    const optional = (key: string): number | null => (json[key] === null ? null : reader.integer(key, 0));
    return {
      pid: reader.integer('pid', 1),
      version: reader.text('version', TEXT_MAX),
      collector: reader.text('collector', TEXT_MAX),
      startedMs: reader.integer('startedMs', 0),
      writtenMs: reader.integer('writtenMs', 0),
      phase: reader.text('phase', TEXT_MAX),
      connectedSinceMs: optional('connectedSinceMs'),
      // An agent from before this was told says nothing.
      endReason: reader.isNull('endReason') ? null : reader.text('endReason', TEXT_MAX),
      lastAckMs: optional('lastAckMs'),
      recordsWaiting: reader.integer('recordsWaiting', 0),
      bytesWaiting: reader.integer('bytesWaiting', 0),
      bytesMax: reader.integer('bytesMax', 0),
      oldestWaitingMs: optional('oldestWaitingMs'),
      samplesDropped: reader.integer('samplesDropped', 0),
      isSpoolDurable: json['isSpoolDurable'] === true,
      settings: readSettings(reader),
      processes: readSnapshots(reader),
    };
  } catch {
    // Damaged, or of another version: it is rewritten within half a minute, and nothing depends on it.
    return undefined;
  }
}

/** Nor does an agent from before a collector could set anything. */
function readSettings(reader: JsonReader): readonly ShownSetting[] {
  if (reader.isNull('settings')) return [];
  return reader.objectList('settings', SETTINGS_MAX).map((each) => ({
    key: each.text('key', TEXT_MAX),
    value: each.text('value', TEXT_MAX),
    origin: each.text('origin', TEXT_MAX),
  }));
}

/** An agent from before there were any does not tell them. */
function readSnapshots(reader: JsonReader): readonly DatedSnapshot[] {
  if (reader.isNull('processes')) return [];
  return reader
    .objectList('processes', SNAPSHOTS_MAX)
    .map((each) => ({ atMs: each.integer('atMs', 0), ...readProcesses(each) }));
}
