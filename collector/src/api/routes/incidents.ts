/** `/v1/incidents`. */
import { Router } from 'express';
import { choiceParameter, integerParameter, textParameter } from '../parameters.ts';
import type { Incident } from '../types.ts';

const PAGE_MAX = 1_000;

export interface IncidentsPort {
  /** Newest first. */
  list(query: {
    readonly status: 'open' | 'resolved' | 'all';
    readonly hostId: string | undefined;
    readonly limit: number;
  }): readonly Incident[];
}

export function incidentsRouter(incidents: IncidentsPort): Router {
  const router = Router();
  router.get('/', (request, response) => {
    response.json({
      incidents: incidents.list({
        status: choiceParameter(request, 'status', ['open', 'resolved', 'all'], 'open'),
        hostId: textParameter(request, 'host', 64),
        limit: integerParameter(request, 'limit', { min: 1, max: PAGE_MAX, fallback: 100 }),
      }),
    });
  });
  return router;
}
