/** Writing bytes whose memory is used again. */
import type { Writable } from 'node:stream';

/** Resolves when nobody needs the memory of `piece` any more, and rejects when the stream is closed before. */
export function written(to: Writable, piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('the client left'));
    to.once('close', onClose);
    to.write(piece, (error) => {
      to.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}
