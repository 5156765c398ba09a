/** Gives way to everything that waits on the event loop: sockets, timers, other requests. */

/** Resolves in the next turn of the event loop, without the millisecond that a timer costs. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
