/** `/v1/queries/slow`: the slowest queries of the last day. */
import { Router } from 'express';
import type { SlowQueriesAnswer, SlowQuery } from '../types.ts';

export interface QueriesPort {
  /** Slowest first. */
  slowest(this: void): readonly SlowQuery[];
}

export function queriesRouter({ slowest }: QueriesPort): Router {
  const router = Router();
  router.get('/slow', (_request, response) => {
    const answer: SlowQueriesAnswer = { queries: slowest() };
    response.json(answer);
  });
  return router;
}
