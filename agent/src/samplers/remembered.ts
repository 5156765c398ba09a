/** Facts that hardly change, such as which sensors there are, need not be looked up in each tick. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../host/host.ts';

/** How old a fact may be; also how long new hardware may go unseen. */
export const REMEMBER_MS = 60_000;
/** The same for what is dear … */
export const REMEMBER_DEAR_MS = 300_000;
/** … which is what takes more than a 30,000th of that time: a look of 10 ms is taken every 5 minutes. */
const REST_RATIO = 30_000;

/**
 * A function that returns what `read` returned, or throws what it threw, at most REMEMBER_MS ago: something dear is not
 * tried again in each tick because it fails.
 * @param options.keepMs another time than REMEMBER_MS, at most REMEMBER_DEAR_MS
 * @param options.restsWhenDear after a look that took its time, up to REMEMBER_DEAR_MS ago
 */
export function remembered<T>(
  clock: Clock,
  read: (host: Host) => T,
  {
    restsWhenDear = false,
    keepMs = REMEMBER_MS,
  }: { readonly restsWhenDear?: boolean; readonly keepMs?: number } = {},
): (host: Host) => T {
  let kept: { readonly result: () => T; readonly untilMs: number } | undefined;
  return (host) => {
    const nowMs = clock.monoMs();
    if (kept === undefined || nowMs >= kept.untilMs) {
      const result = outcome(() => read(host));
      const restMs = restsWhenDear ? (clock.monoMs() - nowMs) * REST_RATIO : 0;
      kept = { result, untilMs: nowMs + Math.min(REMEMBER_DEAR_MS, Math.max(keepMs, restMs)) };
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
