/** When each group of rules is due. Groups of one pace are spread over it, so that they do not all come at once. */
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import type { LoadedGroup } from './book.ts';
import type { Rule } from './rule.ts';

type Paced = Pick<LoadedGroup, 'key' | 'file' | 'intervalMs'>;

/**
 * How often a rule on settings is looked at, which is a part of the time for which its condition must hold.
 * @returns undefined for a rule that is looked at in each round
 */
export function pacedByHold(
  { id, forMs }: Pick<Rule, 'id' | 'forMs'>,
  limits: {
    readonly evaluationIntervalMs: number;
    readonly looksPerHold: number;
    readonly lookPauseMsMax: number;
  },
): Paced | undefined {
  const intervalMs = Math.min(forMs / limits.looksPerHold, limits.lookPauseMsMax);
  return intervalMs > limits.evaluationIntervalMs ? { key: id, file: id, intervalMs } : undefined;
}

export class GroupSchedule {
  /** When each group is due next, on the monotonic clock, by key. */
  readonly #dueMonoMs = new Map<string, number>();

  /**
   * Whether a group is due; if so, it is due again later. A group is due at once when it is seen first, and what was
   * missed is not made up for. Groups of one file and pace keep in step: later ones may read what earlier ones record.
   */
  isDue(group: Paced, nowMonoMs: number): boolean {
    const dueMs = this.#dueMonoMs.get(group.key) ?? nowMonoMs;
    if (nowMonoMs < dueMs) return false;
    const { file, intervalMs } = group;
    const offsetMs = crc32(Buffer.from(file)) % intervalMs;
    const turns = Math.floor((nowMonoMs - offsetMs) / intervalMs) + 1;
    this.#dueMonoMs.set(group.key, offsetMs + turns * intervalMs);
    return true;
  }

  /** A turn that came to nothing: the group is due again whenever it is asked for. */
  retry({ key }: Pick<Paced, 'key'>): void {
    this.#dueMonoMs.delete(key);
  }

  /** Forgets all groups but these. */
  retain(groups: readonly Paced[]): void {
    const keys = new Set(groups.map(({ key }) => key));
    for (const key of this.#dueMonoMs.keys()) if (!keys.has(key)) this.#dueMonoMs.delete(key);
  }
}
