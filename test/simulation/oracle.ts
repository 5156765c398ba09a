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

/** What must have happened before a loss may be declared for this reason. */
const CAUSES: Readonly<Record<number, readonly Fault[]>> = {
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
  checkGapReasons(stored, plan, fail);
  const byProof = groupByProof(stored.ticks);
  const sums = { ticks: 0, stored: 0, declared: 0, rejected: 0, excused: 0 };
  for (const witness of witnesses) {
    const own = judgeMachine({ stored, byProof, witness }, fail);
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
    if (refusedBlocks > 0 && !DAMAGE.some((fault) => plan.faults.has(fault)))
      fail('every block has its schema', `${where}: ${refusedBlocks} blocks without`);
  }
}

function checkGapReasons({ gaps }: Stored, plan: Plan, fail: Fail): void {
  const { faults } = plan;
  for (const { reason, from, to, epochId } of gaps) {
    const name = GAP_REASON_NAMES[reason] ?? String(reason);
    const isRollback = reason === GAP_REASON.COLLECTOR_ROLLBACK;
    if (!CAUSES[reason]?.some((cause) => faults.has(cause)) || (isRollback && mustHold(plan))) {
      fail('no loss without a cause', `numbers ${from} to ${to} of epoch ${epochId} were given up: ${name}`);
    }
  }
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
}

function judgeMachine(
  { stored, byProof, witness }: Case,
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
    for (const { timeMs, rejectedAs } of found) {
      if (timeMs !== tick.wallMs)
        fail('times are those of the reading', `${where}: ${timeMs}, read at ${tick.wallMs}`);
      if (rejectedAs !== undefined && !mayReject(rejectedAs, tick))
        fail('no rejection without a cause', `${where}: ${rejectedAs}`);
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

function mayReject(code: string, { wallErrorMs }: Tick): boolean {
  return code === 'TIME_OUT_OF_WINDOW' && wallErrorMs !== 0;
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
