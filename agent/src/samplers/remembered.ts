/** Facts that hardly change, such as which sensors there are, need not be looked up in each tick. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../host/host.ts';

/** How old a fact may be; also how long new hardware may go unseen. */
export const REMEMBER_MS = 60_000;

/**
 * A function that returns what `read` returned, or throws what it threw, at most REMEMBER_MS ago: something dear is not
 * tried again in each tick because it fails.
 */
export function remembered<T>(clock: Clock, read: (host: Host) => T): (host: Host) => T {
  let kept: { readonly result: () => T; readonly readAtMs: number } | undefined;
  return (host) => {
    const nowMs = clock.monoMs();
    if (kept === undefined || nowMs - kept.readAtMs >= REMEMBER_MS) {
      kept = { result: outcome(() => read(host)), readAtMs: nowMs };
    }
    return kept.result();
  };
}

function outcome<T>(read: () => T): () => T {
  try {
    const value = read();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
