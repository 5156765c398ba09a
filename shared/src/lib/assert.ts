/** What must hold. Not that of Node.js, which loads 0.3 MiB for what an agent never shows (docs/decisions/0082). */

/** @throws Error with `what` unless `condition` holds: a bug */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}
