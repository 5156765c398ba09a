/** Decides what becomes of the blocks: which are merged, and which go. Pure: rows of the catalogue in, ids out. */
import type { BlockResolution, BlockRow } from '../../../journal/blocks.ts';
import type { Window } from './seal.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** After its end a day waits so long for the last of its hours. */
const DAY_GRACE_MS = 2 * HOUR_MS;
/** Records of agents are at most 15 days late; then the rollups of a month do not change any more. */
const MONTH_GRACE_MS = 16 * DAY_MS;
/** Late blocks of a day that was merged wait until there are so many, or until the first of them is so old. */
const LATE_BLOCKS_MAX = 8;
const LATE_WAIT_MS = 6 * HOUR_MS;
/** Blocks go as a whole, so they span at most this share of the time that they are kept. */
const SPAN_RATIO_MAX = 0.1;
/** Under pressure this much of the newest raw samples stays. */
const RAW_KEPT_MS = DAY_MS;

export interface Retention {
  /** How long samples of each resolution are kept. */
  readonly ageMs: Readonly<Record<BlockResolution, number>>;
  /** Bytes of all block files; undefined for any number. */
  readonly bytesMax: number | undefined;
}

export interface MergeJob {
  readonly window: Window;
  readonly inputs: readonly BlockRow[];
  readonly outputs: readonly BlockResolution[];
  /** Ids that the outputs replace. */
  readonly replaced: readonly number[];
}

/**
 * The merges that are due, oldest first: hours to a day with its rollups, days to a month.
 * @param rows all blocks in force
 */
export function planMerges(
  rows: readonly BlockRow[],
  nowMs: number,
  { ageMs }: Retention,
): readonly MergeJob[] {
  const jobs = dayJobs(rows, nowMs);
  for (const resolution of ['raw', '5m', '1h'] as const) {
    if (31 * DAY_MS <= ageMs[resolution] * SPAN_RATIO_MAX) jobs.push(...monthJobs(rows, nowMs, resolution));
  }
  return jobs.sort((left, right) => left.window.fromMs - right.window.fromMs);
}

/** Blocks that are older than they are kept, and the oldest ones of what is too much; finer resolutions go first. */
export function planExpiry(
  rows: readonly BlockRow[],
  nowMs: number,
  { retention, bytesToFree }: { readonly retention: Retention; readonly bytesToFree: number },
): readonly number[] {
  const expired = new Set<number>();
  let bytes = 0;
  for (const { id, resolution, lastMs, bytes: size } of rows) {
    if (lastMs < nowMs - retention.ageMs[resolution]) expired.add(id);
    else bytes += size;
  }
  let excess = Math.max(bytesToFree, bytes - (retention.bytesMax ?? Number.POSITIVE_INFINITY));
  for (const resolution of ['raw', '5m', '1h'] as const) {
    const keptMs = resolution === 'raw' ? nowMs - RAW_KEPT_MS : nowMs;
    for (const row of rows.toSorted((left, right) => left.toMs - right.toMs)) {
      if (excess <= 0) return [...expired];
      if (row.resolution !== resolution || row.toMs > keptMs || expired.has(row.id)) continue;
      expired.add(row.id);
      excess -= row.bytes;
    }
  }
  return [...expired];
}

function dayJobs(rows: readonly BlockRow[], nowMs: number): MergeJob[] {
  const jobs: MergeJob[] = [];
  const raw = rows.filter((row) => row.resolution === 'raw' && row.toMs <= dayOf(row) + DAY_MS);
  for (const [fromMs, inputs] of Map.groupBy(raw, dayOf)) {
    const window = { fromMs, toMs: fromMs + DAY_MS };
    if (window.toMs + DAY_GRACE_MS > nowMs) continue;
    const day = inputs.find((row) => isExactly(row, window));
    const rollups = rows.filter(({ resolution }) => resolution !== 'raw');
    const ofDay = rollups.filter((row) => isExactly(row, window));
    const late = inputs.filter((row) => row !== day);
    if (day !== undefined && rollups.some((row) => covers(row, window)) && !isLateDue(late, nowMs)) continue;
    // Rollups are made of a whole day only: those of a complete month stay as they are, and so do those of a day whose
    // samples are gone already.
    const isInMonth = rows.some((row) => covers(row, window) && !isExactly(row, window));
    const isRolledUp = !isInMonth && (day !== undefined || ofDay.length === 0);
    const isMerged = day === undefined || late.length > 0;
    jobs.push({
      window,
      inputs,
      outputs: [...(isMerged ? (['raw'] as const) : []), ...(isRolledUp ? (['5m', '1h'] as const) : [])],
      replaced: [...(isMerged ? inputs : []), ...(isRolledUp ? ofDay : [])].map(({ id }) => id),
    });
  }
  return jobs;
}

function monthJobs(rows: readonly BlockRow[], nowMs: number, resolution: BlockResolution): MergeJob[] {
  const jobs: MergeJob[] = [];
  const days = rows.filter((row) => row.resolution === resolution && row.toMs <= monthOf(row.fromMs).toMs);
  for (const [, inputs] of Map.groupBy(days, ({ fromMs }) => monthOf(fromMs).fromMs)) {
    const window = monthOf(inputs[0]?.fromMs ?? 0);
    if (inputs.length < 2 || window.toMs + MONTH_GRACE_MS > nowMs) continue;
    // Hours are merged to days first.
    if (inputs.some(({ fromMs, toMs }) => toMs - fromMs < DAY_MS)) continue;
    jobs.push({ window, inputs, outputs: [resolution], replaced: inputs.map(({ id }) => id) });
  }
  return jobs;
}

function isLateDue(late: readonly BlockRow[], nowMs: number): boolean {
  return late.length >= LATE_BLOCKS_MAX || late.some(({ madeMs }) => madeMs <= nowMs - LATE_WAIT_MS);
}

function dayOf({ fromMs }: Pick<BlockRow, 'fromMs'>): number {
  return Math.floor(fromMs / DAY_MS) * DAY_MS;
}

/** The month of a time, UTC. */
function monthOf(timeMs: number): Window {
  const date = new Date(timeMs);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  return { fromMs: Date.UTC(year, month), toMs: Date.UTC(year, month + 1) };
}

function isExactly(row: Window, window: Window): boolean {
  return row.fromMs === window.fromMs && row.toMs === window.toMs;
}

function covers(row: Window, window: Window): boolean {
  return row.fromMs <= window.fromMs && row.toMs >= window.toMs;
}
