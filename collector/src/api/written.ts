/** Writing bytes whose memory is used again. */
import type { Writable } from 'node:stream';

/**
 * Resolves when nobody needs the memory of `piece` any more, and rejects when the stream is closed before.
 * @param left is aborted when the client has left: an answer that waits for its turn on the connection is not closed then
 */
export function written(to: Writable, piece: string | Uint8Array, left: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      to.off('close', onClose);
      left.removeEventListener('abort', onClose);
      if (error) reject(error);
      else resolve();
    };
    const onClose = (): void => settle(new Error('the client left'));
    to.once('close', onClose);
    left.addEventListener('abort', onClose, { once: true });
    to.write(piece, settle);
    if (left.aborted) onClose();
  });
}
