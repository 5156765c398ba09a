/** Parts of a fleet, for questions that can be asked of some hosts after others. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Which of `count` parts a series is in, from the value of its label `instance` alone, `''` for a series without: the same
 * whenever it is asked. Source: FNV-1a (Fowler, Noll, Vo), 32 bits, over UTF-16 code units.
 */
export function partIndexOf(instance: string, count: number): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < instance.length; at++) hash = Math.imul(hash ^ instance.charCodeAt(at), FNV_PRIME);
  return (hash >>> 0) % count;
}
