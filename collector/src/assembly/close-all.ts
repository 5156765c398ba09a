import type { Close } from './basics.ts';

/**
 * Closes what was opened last first, each when the one before it is closed. What cannot be closed keeps nothing else open.
 * @throws the first error, when everything was tried
 */
export async function closeAll(closers: Close[]): Promise<void> {
  const failed: unknown[] = [];
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
}
