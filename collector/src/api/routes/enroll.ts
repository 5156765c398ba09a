/** `POST /agent/v1/enroll`: bytes in, bytes out; everything else is the fleet's matter. */
import type { IncomingMessage } from 'node:http';
import express, { Router } from 'express';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';

export interface EnrollPort {
  handle(request: {
    readonly body: Buffer;
    readonly remoteAddress: string;
    readonly socket: IncomingMessage['socket'];
  }): Promise<{
    readonly status: number;
    readonly body: Buffer;
    readonly retryAfterSeconds?: number | undefined;
  }>;
}

export function enrollRouter(enrollment: EnrollPort): Router {
  const router = Router();
  router.post(
    '/',
    express.raw({ type: () => true, limit: LIMITS.enrollBytes }),
    async (request, response) => {
      // Agents never send an Origin, browsers always do.
      if (request.headers.origin !== undefined) {
        response.status(403).end();
        return;
      }
      const body: unknown = request.body;
      const answer = await enrollment.handle({
        body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
        remoteAddress: request.socket.remoteAddress ?? '',
        socket: request.socket,
      });
      if (answer.retryAfterSeconds !== undefined)
        response.set('Retry-After', String(answer.retryAfterSeconds));
      response.status(answer.status).type('application/json').send(answer.body);
    },
  );
  return router;
}
