/**
 * Memory that is given back from time to time. The engine looks for old garbage in the first minutes, and then not before its
 * heap has grown, which takes hours in an agent; until then the memory of dead buffers stays, which lies outside of the heap.
 */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';

/** By then what the start, the inventory and the first records needed is garbage. */
const FIRST_MS = 5 * 60_000;
const INTERVAL_MS = 30 * 60_000;

/**
 * Collects all garbage five minutes from now and each half hour from then on, which takes some 50 ms each time. Decision 0110 has
 * what it is worth.
 * @param gc the engine's; undefined where it was started without `--expose-gc`, and then nothing happens
 * @returns a function that ends it
 */
export function giveBackMemory(
  clock: Pick<Clock, 'setTimer'>,
  gc: ((options: NodeJS.GCOptions) => void) | undefined = globalThis.gc,
): () => void {
  if (gc === undefined) return () => {};
  const after = (delayMs: number): Timer =>
    clock.setTimer(
      delayMs,
      () => {
        gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
        timer = after(INTERVAL_MS);
      },
      { isBackground: true },
    );
  let timer = after(FIRST_MS);
  return () => timer.cancel();
}
