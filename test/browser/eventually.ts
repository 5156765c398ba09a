import { expect } from 'vitest';

/** Long enough for a browser on a busy machine; a test that passes does not wait for it. */
const TIMEOUT_MS = 15_000;

/** An expectation of what `read` comes to in the end, asked again and again until it holds. */
export function eventually<T>(read: () => Promise<T>) {
  return expect.poll(read, { timeout: TIMEOUT_MS });
}
