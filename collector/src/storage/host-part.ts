/** Parts of a fleet, for questions that can be asked of some hosts after others. */
import { fnv1a } from '@rollcall/shared/lib/fnv.ts';

/**
 * Which of `count` parts a series is in, from the value of its label `instance` alone, `''` for a series without: the same
 * whenever it is asked.
 */
export function partIndexOf(instance: string, count: number): number {
  return (fnv1a(instance) >>> 0) % count;
}
