/**
 * The newest readings of each host, computed from the ticks as they are committed; those of an agent whose old records keep
 * the new ones waiting as it announces them meanwhile.
 */
import { usedRatioOf } from '@rollcall/shared/catalogue/vitals.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { Vitals as AnnouncedVitals } from '@rollcall/shared/protocol/handshake.ts';
import type { ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { HostVitals } from '../api/types.ts';
import type { CommittedSamples } from '../journal/journal.ts';
import { sumAt, valueAt, vitalColumns, type FilesystemColumns, type VitalColumns } from './vitals-columns.ts';

/** A reading that was not renewed for so long, by the host's own newest tick, is no longer shown. */
const READING_AGE_MS_MAX = 300_000;

const MOUNTPOINT_LENGTH_MAX = 256;

/** A reading and the time of the tick that it came with. */
interface Reading<T> {
  readonly value: T;
  readonly timeMs: number;
}

/** Sums of counters at one time, to take the next ones' difference to. */
interface Counters {
  readonly timeMs: number;
  readonly first: number;
  readonly second: number;
}

interface HostReadings {
  newestMs: number;
  cpuBusyRatio: Reading<number> | undefined;
  cpuCount: Reading<number> | undefined;
  memory: Reading<{ readonly usedRatio: number; readonly totalBytes: number }> | undefined;
  load1: Reading<number> | undefined;
  fullest: Reading<HostVitals['fullestFilesystem']> | undefined;
  network: Reading<{ readonly receive: number; readonly transmit: number }> | undefined;
  bootedMs: Reading<number> | undefined;
  /** Of the schema that carried them; another schema has other columns, hence other sums. */
  cpuBefore: { readonly schema: Schema; readonly counters: Counters } | undefined;
  networkBefore: { readonly schema: Schema; readonly counters: Counters } | undefined;
}

/** What an agent said around its records. */
interface Announcement {
  /** By the clock of the agent, to compare with ticks. */
  readonly agentMs: number;
  /** By the clock of the collector. */
  readonly receivedMs: number;
  readonly bootedMs: number | null;
  readonly cpuBusyRatio: number | null;
  readonly memoryUsedRatio: number | null;
  readonly load1: number | null;
  readonly fullestRatio: number | null;
  readonly fullestMountpoint: string | null;
}

export class FleetVitals {
  readonly #byHost = new Map<string, HostReadings>();
  readonly #announced = new Map<string, Announcement>();

  /**
   * Takes over ticks, oldest first. Of many of one host only the two newest count, which a rate needs: a host that drains
   * a backlog costs no more than another one. None that is older than what is known changes anything.
   */
  committed(ticks: readonly CommittedSamples[]): void {
    for (const tick of twoNewestOfEach(ticks)) {
      let readings = this.#byHost.get(tick.agentId);
      if (readings === undefined) {
        readings = noReadings();
        this.#byHost.set(tick.agentId, readings);
      }
      if (tick.timeMs <= readings.newestMs) continue;
      readings.newestMs = tick.timeMs;
      for (const block of tick.blocks) {
        if (block.kind === 'values') readBlock(readings, block, tick.timeMs);
      }
    }
  }

  /**
   * What an agent says about now, past the records that wait; never stored as samples. Shown until a tick is newer.
   * @param receivedMs wall clock of the collector; what is shown is never newer, whatever the clock of the agent says
   * @param bootedMs when the machine was started, by what it said at login; null when that is not known
   */
  announced(
    hostId: string,
    vitals: AnnouncedVitals,
    { receivedMs, bootedMs }: { readonly receivedMs: number; readonly bootedMs: number | null },
  ): void {
    const mountpoint = vitals['fullestMountpoint'];
    const saidMs = amountOf(vitals['timeMs']) ?? receivedMs;
    // A tick from the future proves that the clock of the agent is ahead, also for what it announces. Else a time in the
    // future is none, and would hide all ticks until then.
    const isAhead = (this.newestDataMs(hostId) ?? 0) > receivedMs;
    this.#announced.set(hostId, {
      agentMs: isAhead ? saidMs : Math.min(receivedMs, saidMs),
      receivedMs,
      bootedMs,
      cpuBusyRatio: ratioOf(vitals['cpuBusyRatio']),
      memoryUsedRatio: ratioOf(vitals['memoryUsedRatio']),
      load1: amountOf(vitals['load1']),
      fullestRatio: ratioOf(vitals['fullestRatio']),
      fullestMountpoint: typeof mountpoint === 'string' ? cleanText(mountpoint, MOUNTPOINT_LENGTH_MAX) : null,
    });
  }

  /** Null when nothing came since the collector started; single readings are null when they are old or absent. */
  of(hostId: string): HostVitals | null {
    const readings = this.#byHost.get(hostId);
    const stored = readings === undefined ? null : vitalsOf(readings);
    const announced = this.#announced.get(hostId);
    const isNewer =
      announced !== undefined && announced.agentMs > (stored?.timeMs ?? Number.NEGATIVE_INFINITY);
    return isNewer ? withAnnouncement(stored, announced) : stored;
  }

  /** Time of the host's newest tick, null when none came since the collector started. */
  newestDataMs(hostId: string): number | null {
    return this.#byHost.get(hostId)?.newestMs ?? null;
  }

  /** The host was deleted. */
  forget(hostId: string): void {
    this.#byHost.delete(hostId);
    this.#announced.delete(hostId);
  }
}

function vitalsOf(readings: HostReadings): HostVitals {
  const fresh = <T>(reading: Reading<T> | undefined): T | null =>
    reading !== undefined && readings.newestMs - reading.timeMs <= READING_AGE_MS_MAX ? reading.value : null;
  const memory = fresh(readings.memory);
  const network = fresh(readings.network);
  return {
    timeMs: readings.newestMs,
    cpuBusyRatio: fresh(readings.cpuBusyRatio),
    cpuCount: fresh(readings.cpuCount),
    memoryUsedRatio: memory?.usedRatio ?? null,
    memoryTotalBytes: memory?.totalBytes ?? null,
    load1: fresh(readings.load1),
    fullestFilesystem: fresh(readings.fullest),
    receiveBytesPerSecond: network?.receive ?? null,
    transmitBytesPerSecond: network?.transmit ?? null,
    bootedMs: fresh(readings.bootedMs),
  };
}

/** What was announced, beside what hardly changes; left out is what may be of before a reboot, and rates. */
function withAnnouncement(stored: HostVitals | null, announced: Announcement): HostVitals {
  const { agentMs, receivedMs, cpuBusyRatio, memoryUsedRatio, load1, fullestRatio, fullestMountpoint } =
    announced;
  const known = stored?.fullestFilesystem ?? null;
  return {
    timeMs: Math.min(receivedMs, agentMs),
    cpuBusyRatio,
    cpuCount: stored?.cpuCount ?? null,
    memoryUsedRatio,
    memoryTotalBytes: stored?.memoryTotalBytes ?? null,
    load1,
    fullestFilesystem:
      fullestRatio === null || fullestMountpoint === null
        ? null
        : {
            mountpoint: fullestMountpoint,
            usedRatio: fullestRatio,
            sizeBytes: known?.mountpoint === fullestMountpoint ? known.sizeBytes : null,
          },
    receiveBytesPerSecond: null,
    transmitBytesPerSecond: null,
    bootedMs: announced.bootedMs,
  };
}

/** Null for what an agent that keeps to the format does not send. */
function amountOf(value: number | string | undefined): number | null {
  return typeof value === 'number' && value >= 0 ? value : null;
}

function ratioOf(value: number | string | undefined): number | null {
  const amount = amountOf(value);
  return amount !== null && amount <= 1 ? amount : null;
}

function* twoNewestOfEach(ticks: readonly CommittedSamples[]): Iterable<CommittedSamples> {
  const before = new Map<string, CommittedSamples>();
  const newest = new Map<string, CommittedSamples>();
  for (const tick of ticks) {
    const last = newest.get(tick.agentId);
    if (last !== undefined) before.set(tick.agentId, last);
    newest.set(tick.agentId, tick);
  }
  yield* before.values();
  yield* newest.values();
}

function noReadings(): HostReadings {
  return {
    newestMs: Number.NEGATIVE_INFINITY,
    cpuBusyRatio: undefined,
    cpuCount: undefined,
    memory: undefined,
    load1: undefined,
    fullest: undefined,
    network: undefined,
    bootedMs: undefined,
    cpuBefore: undefined,
    networkBefore: undefined,
  };
}

function readBlock(readings: HostReadings, block: ValuesBlock, timeMs: number): void {
  const columns = vitalColumns(block.schema);
  if (columns.cpuAll.length > 0) {
    readings.cpuCount = { value: columns.cpuCount, timeMs };
    readCpu(readings, block, columns, timeMs);
  }
  if (columns.received.length > 0) readNetwork(readings, block, columns, timeMs);
  if (columns.filesystems.length > 0) {
    readings.fullest = { value: fullestOf(block, columns.filesystems), timeMs };
  }
  const load1 = valueAt(block, columns.load1);
  if (load1 !== undefined) readings.load1 = { value: load1, timeMs };
  const bootedSeconds = valueAt(block, columns.bootTime);
  if (bootedSeconds !== undefined) readings.bootedMs = { value: bootedSeconds * 1000, timeMs };
  const totalBytes = valueAt(block, columns.memoryTotal);
  const availableBytes = valueAt(block, columns.memoryAvailable);
  if (totalBytes !== undefined && availableBytes !== undefined && totalBytes > 0) {
    readings.memory = { value: { usedRatio: 1 - availableBytes / totalBytes, totalBytes }, timeMs };
  }
}

function readCpu(readings: HostReadings, block: ValuesBlock, columns: VitalColumns, timeMs: number): void {
  const before = readings.cpuBefore;
  const counters = countersAt(block, columns.cpuBusy, columns.cpuAll, timeMs);
  readings.cpuBefore = counters && { schema: block.schema, counters };
  if (counters === undefined || before?.schema !== block.schema) return;
  const busySeconds = counters.first - before.counters.first;
  const allSeconds = counters.second - before.counters.second;
  // Idle and iowait may step back a little (man 5 proc), and all of them begin anew with a boot.
  if (busySeconds < 0 || allSeconds <= 0) return;
  readings.cpuBusyRatio = { value: Math.min(1, busySeconds / allSeconds), timeMs };
}

function readNetwork(
  readings: HostReadings,
  block: ValuesBlock,
  columns: VitalColumns,
  timeMs: number,
): void {
  const before = readings.networkBefore;
  const counters = countersAt(block, columns.received, columns.transmitted, timeMs);
  readings.networkBefore = counters && { schema: block.schema, counters };
  if (counters === undefined || before?.schema !== block.schema) return;
  const seconds = (counters.timeMs - before.counters.timeMs) / 1000;
  const receivedBytes = counters.first - before.counters.first;
  const transmittedBytes = counters.second - before.counters.second;
  if (seconds <= 0 || receivedBytes < 0 || transmittedBytes < 0) return;
  readings.network = {
    value: { receive: receivedBytes / seconds, transmit: transmittedBytes / seconds },
    timeMs,
  };
}

function countersAt(
  block: ValuesBlock,
  first: readonly number[],
  second: readonly number[],
  timeMs: number,
): Counters | undefined {
  const firstSum = sumAt(block, first);
  const secondSum = sumAt(block, second);
  if (firstSum === undefined || secondSum === undefined) return undefined;
  return { timeMs: timeMs + block.offsetMs, first: firstSum, second: secondSum };
}

/** Null when no file system counts. */
function fullestOf(
  block: ValuesBlock,
  filesystems: readonly FilesystemColumns[],
): HostVitals['fullestFilesystem'] {
  let fullest: HostVitals['fullestFilesystem'] = null;
  for (const { mountpoint, ...columns } of filesystems) {
    const sizeBytes = valueAt(block, columns.size);
    const usedRatio = usedRatioOf({
      sizeBytes,
      availableBytes: valueAt(block, columns.available),
      freeBytes: valueAt(block, columns.free),
      readonly: valueAt(block, columns.readonly),
    });
    if (sizeBytes === undefined || usedRatio === undefined) continue;
    if (fullest === null || usedRatio > fullest.usedRatio) fullest = { mountpoint, usedRatio, sizeBytes };
  }
  return fullest;
}
