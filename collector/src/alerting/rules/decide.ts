/** From what was seen to what changes. Pure: the same instance, observation and time give the same changes. */
import type { FiringInstance, Instance, PendingInstance, Subject } from './instance.ts';
import type { AlertTexts, Observation, Raised, Sight } from './observe.ts';

/** Why an incident ended: the clear condition held, or its series is gone from fresh data. */
export type EndReason = 'cleared' | 'gone';

export type Change =
  /** Remember the instance as it is now; only `isDurable` ones need a write. */
  | { readonly kind: 'track'; readonly instance: Instance; readonly isDurable: boolean }
  | { readonly kind: 'forget'; readonly subject: Subject }
  | {
      readonly kind: 'fire';
      readonly subject: Subject;
      readonly sinceMs: number;
      readonly value: number | null;
      readonly texts?: AlertTexts | undefined;
    }
  | {
      readonly kind: 'resolve';
      readonly instance: FiringInstance;
      readonly reason: EndReason;
      readonly value: number | null;
    };

export interface DecideInput {
  readonly forMs: number;
  /** How long a cleared alert goes on firing; 0 when left out. */
  readonly keepFiringForMs?: number;
  readonly instances: ReadonlyMap<string, Instance>;
  readonly observation: Observation;
  /** Wall clock, for what is stored and shown. */
  readonly nowMs: number;
  /** Monotonic clock, for spans within one run of the program. */
  readonly nowMonoMs: number;
  readonly limits: {
    readonly goneAfterMs: number;
    readonly pendingGapMsMax: number;
    readonly instancesPerRuleMax: number;
  };
}

export interface Decision {
  readonly changes: readonly Change[];
  /** Raised subjects that were not tracked because the rule has the most it may have. */
  readonly droppedCount: number;
}

/** A pending instance that holds on is written at most this often. */
const SEEN_WRITE_MS = 30_000;

export function decide(input: DecideInput): Decision {
  const changes: Change[] = [];
  let trackedCount = input.instances.size;
  let droppedCount = 0;
  for (const raised of input.observation.raised.values()) {
    const known = input.instances.get(raised.subject.key);
    if (known === undefined && trackedCount >= input.limits.instancesPerRuleMax) {
      droppedCount += 1;
      continue;
    }
    if (known === undefined) trackedCount += 1;
    changes.push(...onRaised(input, raised, known));
  }
  for (const [key, instance] of input.instances) {
    if (input.observation.raised.has(key)) continue;
    const sight = input.observation.sights.get(key) ?? { kind: 'unknown' };
    changes.push(
      ...(instance.phase === 'pending'
        ? onPendingNotRaised(input, instance, sight)
        : onFiringNotRaised(input, instance, sight)),
    );
  }
  return { changes, droppedCount };
}

function onRaised(input: DecideInput, raised: Raised, known: Instance | undefined): Change[] {
  const { subject, value } = raised;
  if (known?.phase === 'firing') return keepFiring(known, {});
  const isConfirmed = known !== undefined && isWithinGap(input, known);
  const heldSinceMs = isConfirmed ? known.sinceMs : input.nowMs;
  if (input.nowMs - heldSinceMs >= input.forMs) {
    return [{ kind: 'fire', subject, sinceMs: raised.sinceMs ?? heldSinceMs, value, texts: raised.texts }];
  }
  if (isConfirmed && input.nowMs - known.seenMs < SEEN_WRITE_MS) return [];
  const instance = { phase: 'pending', subject, sinceMs: heldSinceMs, seenMs: input.nowMs } as const;
  return [{ kind: 'track', instance, isDurable: true }];
}

function onPendingNotRaised(input: DecideInput, instance: PendingInstance, sight: Sight): Change[] {
  // A moment without data does not restart the hold time, a longer one does.
  if (sight.kind === 'unknown' && isWithinGap(input, instance)) return [];
  return [{ kind: 'forget', subject: instance.subject }];
}

function onFiringNotRaised(input: DecideInput, instance: FiringInstance, sight: Sight): Change[] {
  switch (sight.kind) {
    case 'cleared': {
      const keepFiringForMs = input.keepFiringForMs ?? 0;
      const clearedSinceMonoMs = instance.clearedSinceMonoMs ?? input.nowMonoMs;
      if (input.nowMonoMs - clearedSinceMonoMs < keepFiringForMs)
        return keepFiring(instance, { clearedSinceMonoMs });
      return [{ kind: 'resolve', instance, reason: 'cleared', value: sight.value }];
    }
    case 'gone': {
      const goneSinceMonoMs = instance.goneSinceMonoMs ?? input.nowMonoMs;
      if (input.nowMonoMs - goneSinceMonoMs < input.limits.goneAfterMs) {
        return keepFiring(instance, { goneSinceMonoMs });
      }
      return [{ kind: 'resolve', instance, reason: 'gone', value: null }];
    }
    // What interrupts the absence, or its proof, starts the wait for "gone" anew.
    case 'between':
    case 'unknown':
      return keepFiring(instance, {});
    default:
      return sight satisfies never;
  }
}

/** The alert stays, with the waits that go on; a wait that is not named ends. */
function keepFiring(
  instance: FiringInstance,
  waits: { readonly goneSinceMonoMs?: number; readonly clearedSinceMonoMs?: number },
): Change[] {
  const { goneSinceMonoMs = null, clearedSinceMonoMs } = waits;
  if (instance.goneSinceMonoMs === goneSinceMonoMs && instance.clearedSinceMonoMs === clearedSinceMonoMs)
    return [];
  return [
    { kind: 'track', instance: { ...instance, goneSinceMonoMs, clearedSinceMonoMs }, isDurable: false },
  ];
}

/** Whether the condition was confirmed lately; a clock that stepped back does not count as lately. */
function isWithinGap(input: DecideInput, instance: Instance): boolean {
  if (instance.phase === 'firing') return true;
  const gapMs = input.nowMs - instance.seenMs;
  return gapMs >= 0 && gapMs <= input.limits.pendingGapMsMax;
}
