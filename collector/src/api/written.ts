/** Writing to clients that may be slow, or gone. */
import type { Writable } from 'node:stream';
import { systemClock, type Clock } from '@rollcall/shared/lib/clock.ts';
import { Deadlines } from '@rollcall/shared/lib/deadlines.ts';

/** How long a client may take for a piece of its answer, before it is taken for one that reads nothing. */
const UNREAD_MS_MAX = 60_000;

/** Of all clients that wait for a piece. */
const CLIENTS = new Deadlines(systemClock);

/** How long somebody waits for a client; the defaults are for all but tests. */
export interface Patience {
  /** Aborted when the client has left: an answer that waits for its turn on the connection is not closed then. */
  readonly left: AbortSignal;
  readonly unreadMsMax?: number | undefined;
  readonly clock?: Pick<Clock, 'setTimer'>;
}

/**
 * Resolves when nobody needs the memory of `piece` any more, and rejects when the stream is closed before, or the client reads
 * nothing: whoever writes closes the connection then.
 */
export function written(to: Writable, piece: string | Uint8Array, patience: Patience): Promise<void> {
  return taken(to, patience, (settle) => to.write(piece, settle));
}

/** As `written`, of the last piece. */
export function ended(to: Writable, piece: string, patience: Patience): Promise<void> {
  return taken(to, patience, (settle) => to.end(piece, settle));
}

/** As `written`, of everything: the stream is ended, or is going to be by another one that is. */
export function finished(to: Writable, patience: Patience): Promise<void> {
  return taken(to, patience, (settle) => {
    if (to.writableFinished) settle();
    else to.once('finish', settle);
  });
}

function taken(
  to: Writable,
  { left, unreadMsMax = UNREAD_MS_MAX, clock = CLIENTS }: Patience,
  write: (settle: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      timer.cancel();
      to.off('close', onClose);
      left.removeEventListener('abort', onClose);
      if (error) reject(error);
      else resolve();
    };
    const onClose = (): void => settle(new Error('the client left'));
    const onUnread = (): void => settle(new Error('the client reads nothing'));
    const timer = clock.setTimer(unreadMsMax, onUnread);
    to.once('close', onClose);
    left.addEventListener('abort', onClose, { once: true });
    write(settle);
    if (left.aborted) onClose();
  });
}
