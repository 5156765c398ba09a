/** Decides what becomes of the blocks: which are merged, and which go. Pure: rows of the catalogue in, ids out. */
import type { BlockResolution, BlockRow, DeletedAgent } from '../../../journal/blocks.ts';
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
/** Samples that were too old already when they came, as of an import, stay so long for rollups to be made of them. */
const ROLLUP_WAIT_MS = DAY_MS;
/** Blocks go as a whole, so they span at most this share of the time that they are kept. */
const SPAN_RATIO_MAX = 0.1;
/** After the last deletion of a host blocks wait so long, so that one pass serves several. */
const FREEING_WAIT_MS = HOUR_MS;
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
  const { jobs, pending } = dayJobs(rows, nowMs, ageMs.raw);
  for (const resolution of ['raw', '5m', '1h'] as const) {
    if (31 * DAY_MS <= ageMs[resolution] * SPAN_RATIO_MAX)
      jobs.push(...monthJobs(rows, nowMs, { resolution, pending }));
  }
  return [...togetherJobs(rows), ...jobs].sort((left, right) => left.window.fromMs - right.window.fromMs);
}

/**
 * The block that is to be written anew without the hosts that were deleted after it was made: the oldest one, but none
 * while hosts are still being deleted one after another.
 */
export function planFreeing(
  rows: readonly BlockRow[],
  deleted: readonly DeletedAgent[],
  nowMs: number,
): readonly MergeJob[] {
  const newestMs = deleted.reduce((newest, { deletedMs }) => Math.max(newest, deletedMs), 0);
  if (deleted.length === 0 || newestMs > nowMs - FREEING_WAIT_MS) return [];
  const row = rows.find(({ madeMs }) => madeMs <= newestMs);
  if (row === undefined) return [];
  const { fromMs, toMs, resolution, id } = row;
  return [{ window: { fromMs, toMs }, inputs: [row], outputs: [resolution], replaced: [id] }];
}

/**
 * Blocks that are older than they are kept, unless their rollups are still to be made, and the oldest ones of what is too much; finer
 * resolutions go first.
 */
export function planExpiry(
  rows: readonly BlockRow[],
  nowMs: number,
  { retention, bytesToFree }: { readonly retention: Retention; readonly bytesToFree: number },
): readonly number[] {
  const expired = new Set<number>();
  let bytes = 0;
  for (const { id, resolution, fromMs, toMs, lastMs, madeMs, bytes: size } of rows) {
    const ageMs = retention.ageMs[resolution];
    const isUnmerged = resolution === 'raw' && toMs - fromMs < DAY_MS;
    const isWaiting = isUnmerged && lastMs < madeMs - ageMs && madeMs > nowMs - ROLLUP_WAIT_MS;
    if (lastMs < nowMs - ageMs && !isWaiting) expired.add(id);
    else bytes += size;
  }
  let excess = Math.max(bytesToFree, bytes - (retention.bytesMax ?? Number.POSITIVE_INFINITY));
  // While the clock is in doubt time goes on from long ago, and room must be made of what came since.
  const newestMs = rows.reduce((newest, { lastMs }) => Math.max(newest, lastMs), nowMs);
  for (const resolution of ['raw', '5m', '1h'] as const) {
    const keptMs = resolution === 'raw' ? newestMs - RAW_KEPT_MS : newestMs;
    for (const row of rows.toSorted((left, right) => left.toMs - right.toMs)) {
      if (excess <= 0) return [...expired];
      if (row.resolution !== resolution || row.toMs > keptMs || expired.has(row.id)) continue;
      expired.add(row.id);
      excess -= row.bytes;
    }
  }
  return [...expired];
}

/** @returns also the months of which days wait for their rollups, due or not */
function dayJobs(
  rows: readonly BlockRow[],
  nowMs: number,
  rawAgeMs: number,
): { readonly jobs: MergeJob[]; readonly pending: ReadonlySet<number> } {
  const jobs: MergeJob[] = [];
  const pending = new Set<number>();
  const raw = rows.filter((row) => row.resolution === 'raw' && row.toMs <= dayOf(row) + DAY_MS);
  // There may be ten thousand hours of an import, and few of these.
  const rollups = rows.filter(({ resolution }) => resolution !== 'raw');
  const months = rows.filter((row) => row.resolution === 'raw' && row.toMs - row.fromMs > DAY_MS);
  for (const [fromMs, inputs] of Map.groupBy(raw, dayOf)) {
    const window = { fromMs, toMs: fromMs + DAY_MS };
    if (window.toMs + DAY_GRACE_MS > nowMs) continue;
    const day = inputs.find((row) => isExactly(row, window));
    const covering = rollups.filter((row) => covers(row, window));
    const late = inputs.filter((row) => row !== day);
    const fresh = late.filter(({ lastPos }) => covering.every((row) => row.lastPos < lastPos));
    if (covering.length === 0 || fresh.length > 0) pending.add(monthOf(fromMs).fromMs);
    if (canRollUpAnew(day, covering, window)) {
      if (day !== undefined && covering.length > 0 && !isLateDue(late, nowMs)) continue;
      const isMerged = day === undefined || late.length > 0;
      jobs.push({
        window,
        inputs,
        outputs: [...(isMerged ? (['raw'] as const) : []), '5m', '1h'],
        replaced: [...(isMerged ? inputs : []), ...covering].map(({ id }) => id),
      });
      continue;
    }
    // Rollups that are there stay; those of what came late are put beside them, see `togetherJobs`.
    const beside = { window, outputs: ['5m', '1h'] as const };
    // Samples stay that are kept for longer, or stand in a month of their own; only then nobody looks for rollups there.
    const isKept =
      day !== undefined || window.toMs > nowMs - rawAgeMs || months.some((row) => covers(row, window));
    if (!isKept || covering.every((row) => isExactly(row, window))) {
      // The samples go: as long as some are there, nobody looks for rollups of those that are not.
      jobs.push({ ...beside, inputs, replaced: inputs.map(({ id }) => id) });
    } else if (isLateDue(fresh, nowMs)) {
      jobs.push({ ...beside, inputs: fresh, replaced: [] });
    } else if (fresh.length === 0 && isLateDue(late, nowMs)) {
      jobs.push({ window, inputs, outputs: ['raw'], replaced: inputs.map(({ id }) => id) });
    }
  }
  for (const { window } of jobs) pending.add(monthOf(window.fromMs).fromMs);
  return { jobs, pending };
}

/**
 * Whether all samples of a day are there of which its rollups were made: they are not when the day went and something came late,
 * and rollups of a month stay as they are.
 */
function canRollUpAnew(day: BlockRow | undefined, covering: readonly BlockRow[], window: Window): boolean {
  if (covering.length === 0) return true;
  return day !== undefined && covering.every((row) => isExactly(row, window) && row.lastPos >= day.lastPos);
}

/** Rollups of one day that were made of what came late, with those that were there; where both have one, that one stays. */
function togetherJobs(rows: readonly BlockRow[]): MergeJob[] {
  const days = rows.filter(
    ({ resolution, fromMs, toMs }) => resolution !== 'raw' && toMs - fromMs === DAY_MS,
  );
  return [...Map.groupBy(days, ({ resolution, fromMs }) => `${resolution} ${fromMs}`).values()].flatMap(
    (inputs) => {
      const [first] = inputs;
      if (first === undefined || inputs.length < 2) return [];
      const { fromMs, toMs, resolution } = first;
      return [
        { window: { fromMs, toMs }, inputs, outputs: [resolution], replaced: inputs.map(({ id }) => id) },
      ];
    },
  );
}

/** @param pending months of which days have no rollups yet: as a month is made once, it would be without them */
function monthJobs(
  rows: readonly BlockRow[],
  nowMs: number,
  { resolution, pending }: { readonly resolution: BlockResolution; readonly pending: ReadonlySet<number> },
): MergeJob[] {
  const jobs: MergeJob[] = [];
  const days = rows.filter((row) => row.resolution === resolution && row.toMs <= monthOf(row.fromMs).toMs);
  for (const [fromMs, inputs] of Map.groupBy(days, (row) => monthOf(row.fromMs).fromMs)) {
    const window = monthOf(fromMs);
    if (inputs.length < 2 || pending.has(fromMs) || window.toMs + MONTH_GRACE_MS > nowMs) continue;
    // Hours are merged to days first.
    if (inputs.some((row) => row.toMs - row.fromMs < DAY_MS)) continue;
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
