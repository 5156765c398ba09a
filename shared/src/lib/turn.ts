/** Long computations give the event loop a turn through this, so that sockets and timers are served in between. */
import { setImmediate } from 'node:timers/promises';

/** Resolves after the events that are already waiting have been handled. */
export function nextTurn(): Promise<void> {
  return setImmediate();
}
