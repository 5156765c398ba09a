/**
 * The conservation oracle: every tick of the ledger is stored exactly once with its values, or its loss is declared with
 * exact counts, or it has an excuse that the world gave; and nothing else is stored.
 */
import { GAP_REASON, GAP_REASON_NAMES } from '@rollcall/shared/protocol/gap.ts';
import { originOf, type Tick } from './ledger.ts';
import type { Fault, Plan } from './plan.ts';
import type { Stored, StoredGap, StoredTick } from './stored.ts';

/** A machine of the world, as far as the oracle looks at it. */
export interface Witness {
  readonly number: number;
  readonly hostId: string;
  readonly ticks: readonly Tick[];
  /** Its history was set back or copied, so that a record may have come twice in two epochs. */
  readonly hasForked: boolean;
}

export interface Verdict {
  readonly ticks: number;
  readonly stored: number;
  readonly declared: number;
  readonly rejected: number;
  readonly excused: number;
  /** Empty when all is well. */
  readonly faults: readonly { readonly check: string; readonly detail: string }[];
}

/** After these an agent goes on in memory, which is small. */
const TO_MEMORY: readonly Fault[] = [
  'disk full',
  'disk read-only',
  'failing writes',
  'failing syncs',
  'failing reads',
  'slow disk',
  'spool removed',
];
/** After these a schema may be missing in front of what uses it. */
const DAMAGE: readonly Fault[] = ['bit rot', 'failing reads'];

/**
 * By how much the time of a tick may be wrong: a wall clock is believed within 2 s, a login of at most 10 s measures within
 * half of that, and in the quarter of an hour that a world lasts a boot clock may go off by half a second.
 */
const TIME_ERROR_MS_MAX = 8_000;

/** What must have happened before a loss may be declared for this reason. */
const CAUSES: Readonly<Record<number, readonly Fault[]>> = {
  // A clock set ten years ahead, when the machine boots again: nobody but the collector could know better.
  [GAP_REASON.AGE]: ['clock of an agent'],
  [GAP_REASON.BYTES]: ['small spool', ...TO_MEMORY],
  [GAP_REASON.COLLECTOR_ROLLBACK]: ['collector rollback', 'spool set back', 'clone of an agent'],
  [GAP_REASON.CORRUPT]: ['bit rot', 'failing reads'],
  [GAP_REASON.DISK_FULL]: ['disk full'],
  [GAP_REASON.SPOOL_UNREADABLE]: ['bit rot', 'failing reads', 'spool removed'],
};

export function judge(stored: Stored, witnesses: readonly Witness[], plan: Plan): Verdict {
  const faults: { check: string; detail: string }[] = [];
  const fail = (check: string, detail: string): void => void faults.push({ check, detail });
  for (const fault of stored.faults) fail('stored values are what was read', fault);
  checkLanes(stored, plan, fail);
  checkGapReasons(stored, { plan, witnesses }, fail);
  const byProof = groupByProof(stored.ticks);
  const sums = { ticks: 0, stored: 0, declared: 0, rejected: 0, excused: 0 };
  for (const witness of witnesses) {
    const own = judgeMachine({ stored, byProof, witness, plan }, fail);
    sums.ticks += own.ticks;
    sums.stored += own.stored;
    sums.rejected += own.rejected;
    sums.excused += own.excused;
  }
  sums.declared = stored.gaps.reduce((sum, { ticks }) => sum + ticks, 0);
  for (const [proof, [first]] of byProof) {
    const { machine, number } = originOf(proof);
    const witness = witnesses.find((candidate) => candidate.number === machine);
    if (witness?.ticks[number] === undefined) fail('nothing is stored that was not read', `tick ${proof}`);
    else if (first !== undefined && first.hostId !== witness.hostId)
      fail('no host gets data of another', `tick ${proof}`);
  }
  return { ...sums, faults };
}

type Fail = (check: string, detail: string) => void;

function checkLanes({ lanes }: Stored, plan: Plan, fail: Fail): void {
  for (const { hostId, epochId, watermark, applied, rejected, gapped, refusedBlocks } of lanes) {
    const where = `${hostId.slice(0, 6)}/${epochId}`;
    if (watermark !== applied + rejected + gapped) {
      fail('every number has one fate', `${where}: ${watermark} is not ${applied} + ${rejected} + ${gapped}`);
    }
    const mayLackSchemas = DAMAGE.some((fault) => plan.faults.has(fault)) || hasUnsyncedTail(plan);
    if (refusedBlocks > 0 && !mayLackSchemas)
      fail('every block has its schema', `${where}: ${refusedBlocks} blocks without`);
  }
}

function checkGapReasons(
  { gaps }: Stored,
  { plan, witnesses }: { readonly plan: Plan; readonly witnesses: readonly Witness[] },
  fail: Fail,
): void {
  const { faults } = plan;
  for (const gap of gaps) {
    const { reason, from, to, epochId } = gap;
    if (hasUnsyncedTail(plan) && isHoleOfPowerCut(gap, witnesses)) continue;
    const name = GAP_REASON_NAMES[reason] ?? String(reason);
    const isRollback = reason === GAP_REASON.COLLECTOR_ROLLBACK;
    if (!CAUSES[reason]?.some((cause) => faults.has(cause)) || (isRollback && mustHold(plan))) {
      fail('no loss without a cause', `numbers ${from} to ${to} of epoch ${epochId} were given up: ${name}`);
    }
  }
}

/** What was not synced when the power went may survive in part; what survived behind a hole counts what is in it. */
function isHoleOfPowerCut(gap: StoredGap, witnesses: readonly Witness[]): boolean {
  const { hostId, epochId, from, to, reason } = gap;
  // A hole of schemas alone, also one in front of everything that is left.
  if (gap.ticks === 0) return true;
  const covered = witnesses
    .filter((witness) => witness.hostId === hostId)
    .flatMap(({ ticks }) => ticks)
    .filter(({ place }) => place?.epochId === epochId && from <= place.seq && place.seq <= to);
  const isUnsynced = covered.length > 0 && covered.every(({ excuse }) => excuse !== undefined);
  return reason === GAP_REASON.CORRUPT && isUnsynced;
}

/** Whether more than a record or two may be unsynced when the power goes, a schema among them. */
function hasUnsyncedTail({ faults }: Plan): boolean {
  return faults.has('power cut of an agent') && faults.has('slow disk');
}

/** Whether every agent still has what it delivered, so that a collector that was set back loses nothing. */
function mustHold({ spool, faults }: Plan): boolean {
  const isShort = spool.kind === 'memory' || faults.has('small spool');
  const others: readonly Fault[] = [...TO_MEMORY, 'spool set back', 'clone of an agent', 'bit rot'];
  return !isShort && !others.some((fault) => faults.has(fault));
}

function groupByProof(ticks: readonly StoredTick[]): ReadonlyMap<number, readonly StoredTick[]> {
  const groups = new Map<number, StoredTick[]>();
  for (const tick of ticks) {
    const group = groups.get(tick.proof);
    if (group === undefined) groups.set(tick.proof, [tick]);
    else group.push(tick);
  }
  return groups;
}

interface Case {
  readonly stored: Stored;
  readonly byProof: ReadonlyMap<number, readonly StoredTick[]>;
  readonly witness: Witness;
  readonly plan: Plan;
}

function judgeMachine(
  { stored, byProof, witness, plan }: Case,
  fail: Fail,
): { ticks: number; stored: number; rejected: number; excused: number } {
  const gaps = stored.gaps.filter(({ hostId }) => hostId === witness.hostId);
  const sums = { ticks: 0, stored: 0, rejected: 0, excused: 0 };
  const missing: Tick[] = [];
  for (const tick of witness.ticks) {
    sums.ticks++;
    const found = byProof.get(tick.machine * 1_000_000 + tick.number) ?? [];
    const where = `tick ${tick.number} of machine ${tick.machine}`;
    if (found.length > 1 && !isAbsorbed(found, witness)) {
      fail('nothing is stored twice', `${where}: ${found.map(placeOf).join(' and ')}`);
    }
    for (const each of found) {
      const { wallMs, timeMs, rejectedAs } = each;
      if (wallMs !== tick.wallMs)
        fail('times are those of the reading', `${where}: ${wallMs}, read at ${tick.wallMs}`);
      if (rejectedAs !== undefined && !mayReject(each, tick, plan))
        fail('no rejection without a cause', `${where}: ${rejectedAs}`);
      if (rejectedAs === undefined && !isTimeRight(each, tick, witness, plan))
        fail('times are true', `${where}: stored at ${timeMs}, taken at ${trueMs(tick)}`);
    }
    if (found.some(({ rejectedAs }) => rejectedAs !== undefined)) sums.rejected++;
    else if (found.length > 0) sums.stored++;
    else if (tick.isKept || tick.samples > 0) missing.push(tick);
    else sums.excused++;
  }
  const refused = new Set(
    stored.lanes.filter(({ refusedBlocks }) => refusedBlocks > 0).map(({ epochId }) => epochId),
  );
  // A block without its schema is dropped alone and counted.
  const lost = missing.filter(
    ({ excuse, place }) => excuse === undefined && !refused.has(place?.epochId ?? ''),
  );
  sums.excused += missing.length - lost.length;
  for (const tick of lost) {
    const isDeclared = gaps.some((gap) => covers(gap, tick));
    if (!isDeclared)
      fail('nothing is lost silently', `tick ${tick.number} of machine ${tick.machine} (${placeText(tick)})`);
  }
  for (const gap of gaps) checkGap(gap, witness, fail);
  if (witness.hasForked || gaps.some(({ isEstimated }) => isEstimated)) return sums;
  checkCount(
    'ticks',
    { declared: sum(gaps, 'ticks'), lost: lost.length, missing: missing.length },
    fail,
    witness,
  );
  const samples = {
    declared: sum(gaps, 'samples'),
    lost: sum(lost, 'samples'),
    missing: sum(missing, 'samples'),
  };
  checkCount('samples', samples, fail, witness);
  return sums;
}

/** By the number that the record had, or by its time when it was moved to another epoch meanwhile. */
function covers(gap: StoredGap, { place, wallMs }: Tick): boolean {
  if (place?.epochId === gap.epochId) return gap.from <= place.seq && place.seq <= gap.to;
  return gap.firstMs <= wallMs && wallMs <= gap.lastMs;
}

/** A gap declares at least what had to arrive, and at most what is not there. */
function checkCount(
  what: string,
  { declared, lost, missing }: { readonly declared: number; readonly lost: number; readonly missing: number },
  fail: Fail,
  { number }: Witness,
): void {
  if (declared >= lost && declared <= missing) return;
  const detail = `machine ${number}: ${declared} ${what} are declared lost, ${lost} to ${missing} are`;
  fail('gaps count what is lost', detail);
}

/** A gap counts exactly the ticks that had the numbers that it covers, as far as it is known which these were. */
function checkGap(gap: StoredGap, { number, ticks, hasForked }: Witness, fail: Fail): void {
  if (hasForked) return;
  const inEpoch = ticks.filter(({ place }) => place?.epochId === gap.epochId);
  if (gap.isEstimated || inEpoch.length === 0) return;
  const covered = inEpoch.filter(
    ({ place }) => place !== undefined && gap.from <= place.seq && place.seq <= gap.to,
  );
  const samples = sum(covered, 'samples');
  if (gap.ticks === covered.length && gap.samples === samples) return;
  // The process died while the spool took these, so their records may be there, or not.
  const doubtful = ticks.filter((tick) => !tick.isKept && tick.samples > 0 && tick.wallMs <= gap.lastMs);
  if (isSumOfSome(doubtful, { ticks: gap.ticks - covered.length, samples: gap.samples - samples })) return;
  const where = `machine ${number}, numbers ${gap.from} to ${gap.to} of epoch ${gap.epochId}`;
  const detail = `${gap.ticks} ticks and ${gap.samples} samples are declared, ${covered.length} and ${samples} were there`;
  fail('gaps count what is lost', `${where}: ${detail}`);
}

/** Whether so many of the ticks have so many values together. */
function isSumOfSome(
  [first, ...others]: readonly Tick[],
  wanted: { readonly ticks: number; readonly samples: number },
): boolean {
  const { ticks, samples } = wanted;
  if (ticks === 0 || first === undefined) return ticks === 0 && samples === 0;
  const without = { ticks: ticks - 1, samples: samples - first.samples };
  return isSumOfSome(others, without) || isSumOfSome(others, wanted);
}

/** Records that were moved to another epoch while nobody could know that they had arrived. */
function isAbsorbed(found: readonly StoredTick[], { hasForked }: Witness): boolean {
  return hasForked && new Set(found.map(({ epochId }) => epochId)).size === found.length;
}

/** A wrong clock is a cause only while nothing tells how wrong it is. */
function mayReject({ rejectedAs, isMeasured }: StoredTick, { wallErrorMs }: Tick, plan: Plan): boolean {
  if (rejectedAs !== 'TIME_OUT_OF_WINDOW' || wallErrorMs === 0) return false;
  return !isMeasured || plan.faults.has('clock of the collector');
}

/** A wrong clock of the collector measures wrong, and two machines with one boot id cannot be told apart. */
function isTimeRight(
  { wallMs, timeMs, isMeasured }: StoredTick,
  tick: Tick,
  { hasForked }: Witness,
  { faults }: Plan,
): boolean {
  if (timeMs === wallMs && (tick.wallErrorMs === 0 || !isMeasured)) return true;
  if (hasForked || faults.has('clock of the collector')) return true;
  return isMeasured && Math.abs(timeMs - trueMs(tick)) <= TIME_ERROR_MS_MAX;
}

function trueMs({ wallMs, wallErrorMs }: Tick): number {
  return wallMs - wallErrorMs;
}

function sum<Name extends string>(entries: readonly Readonly<Record<Name, number>>[], name: Name): number {
  return entries.reduce((total, entry) => total + entry[name], 0);
}

function placeOf({ epochId, seq }: StoredTick): string {
  return `${epochId}#${seq}`;
}

function placeText({ place }: Tick): string {
  return place === undefined ? 'place unknown' : `${place.epochId}#${place.seq}`;
}
