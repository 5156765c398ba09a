/** Bounds the requests that are served at a time. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Request, RequestHandler, Response } from 'express';

/** How long a sender that is one too many waits at least. */
const RETRY_SECONDS = 1;

/** So many requests may be under way at a time. */
export class Places {
  readonly #count: number;
  #taken = 0;
  /** How those give their place back who have one until their connection closes. */
  readonly #leave = new WeakMap<Response, () => void>();

  constructor(count: number) {
    this.#count = count;
  }

  /** Lets in as many as there are places, before any of their body is read; the others hear SLOW_DOWN. */
  readonly enter: RequestHandler = (_request, response, next) => {
    if (this.#taken >= this.#count) {
      response.set('Retry-After', String(RETRY_SECONDS));
      next(new AppError('SLOW_DOWN', `${this.#count} requests are being served already: try again later`));
      return;
    }
    this.#taken++;
    const { socket } = response.req;
    const leave = (): void => {
      response.off('close', leave);
      socket.off('close', leave);
      if (this.#leave.delete(response)) this.#taken--;
    };
    this.#leave.set(response, leave);
    response.once('close', leave);
    // An answer that waits behind another one is not closed with its connection by every Node.js.
    socket.once('close', leave);
    next();
  };

  /** For work that goes on when the client has left: a request that was let in keeps its place until then, and no longer. */
  untilDone(work: (request: Request, response: Response) => Promise<void>): RequestHandler {
    return async (request, response) => {
      this.#leave.get(response)?.();
      this.#taken++;
      try {
        await work(request, response);
      } finally {
        this.#taken--;
      }
    };
  }
}
