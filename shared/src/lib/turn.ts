/** Long computations give the event loop a turn through this, so that sockets and timers are served in between. */
import { setImmediate } from 'node:timers/promises';

/** Resolves after the events that are already waiting have been handled. */
export function nextTurn(): Promise<void> {
  return setImmediate();
}

/** Says when it is time to give way. */
export interface Turns {
  /** Whether this turn has lasted long enough. */
  readonly isDue: boolean;
  /** Ends the turn; may reject when nobody waits for the result any more. */
  rest(): Promise<void>;
}

/** Items that are sorted between two looks at the clock. */
const RUN_LENGTH = 1_024;

/** `list` in order, sorted in turns; stable. The list itself may be changed. */
export async function sortInTurns<T>(list: T[], compare: (a: T, b: T) => number, turns: Turns): Promise<T[]> {
  if (list.length <= RUN_LENGTH) return list.sort(compare);
  if (await isSorted(list, compare, turns)) return list;
  let source: T[] = [];
  for (let at = 0; at < list.length; at += RUN_LENGTH) {
    source.push(...list.slice(at, at + RUN_LENGTH).sort(compare));
    if (turns.isDue) await turns.rest();
  }
  for (let width = RUN_LENGTH; width < source.length; width *= 2) {
    const merged: T[] = [];
    for (let at = 0; at < source.length; at += 2 * width) {
      let left = at;
      let right = Math.min(at + width, source.length);
      const middle = right;
      const end = Math.min(at + 2 * width, source.length);
      while (left < middle || right < end) {
        const a = source[left];
        const b = source[right];
        const isLeft =
          right >= end || (left < middle && a !== undefined && b !== undefined && compare(a, b) <= 0);
        const next = isLeft ? a : b;
        if (isLeft) left++;
        else right++;
        if (next !== undefined) merged.push(next);
        if (merged.length % RUN_LENGTH === 0 && turns.isDue) await turns.rest();
      }
    }
    source = merged;
  }
  return source;
}

/** Whether nothing is left to do, as where each host has one series. Else it says so at the first that is out of place. */
async function isSorted<T>(
  list: readonly T[],
  compare: (a: T, b: T) => number,
  turns: Turns,
): Promise<boolean> {
  let before: T | undefined;
  for (const [at, item] of list.entries()) {
    if (before !== undefined && compare(before, item) > 0) return false;
    before = item;
    if (at % RUN_LENGTH === 0 && turns.isDue) await turns.rest();
  }
  return true;
}
