/** Bounds the requests that are served at a time. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { RequestHandler } from 'express';

/** How long a sender that is one too many waits at least. */
const RETRY_SECONDS = 1;

/** Lets so many requests in at a time, before any of their body is read; the others hear SLOW_DOWN. */
export function atMost(count: number): RequestHandler {
  let running = 0;
  return (_request, response, next) => {
    if (running >= count) {
      response.set('Retry-After', String(RETRY_SECONDS));
      next(new AppError('SLOW_DOWN', `${count} requests are being served already: try again later`));
      return;
    }
    running++;
    const { socket } = response.req;
    const leave = (): void => {
      response.off('close', leave);
      socket.off('close', leave);
      running--;
    };
    response.once('close', leave);
    // An answer that waits behind another one is not closed with its connection by every Node.js.
    socket.once('close', leave);
    next();
  };
}
