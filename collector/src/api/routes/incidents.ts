/**
 * `/v1/incidents`, `/v1/incidents/:id`, and what people do with one: `POST …/ack`, `unack`, `comments`, `close`. Those
 * want an access token for everything; people without one have the signed links of their messages.
 */
import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import * as z from 'zod';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { choiceParameter, integerParameter, textParameter } from '../parameters.ts';
import type { Incident, IncidentDetail } from '../types.ts';

const PAGE_MAX = 1_000;
const BODY_BYTES_MAX = 32 * 1024;
const INCIDENT_ID = /^i-[0-9A-HJKMNP-TV-Z]{26}$/;

export interface IncidentsPort {
  /** Newest first. */
  list(query: {
    readonly status: 'open' | 'resolved' | 'all';
    readonly hostId: string | undefined;
    readonly limit: number;
  }): readonly Incident[];
  get(incidentId: string): IncidentDetail | undefined;
  /** @throws AppError NOT_FOUND, INCIDENT_ENDED, BAD_REQUEST, LIMIT_EXCEEDED */
  acknowledge(
    incidentId: string,
    ack: { by: string; untilMs: number | null; note?: string | undefined },
  ): void;
  unacknowledge(incidentId: string, by: string): void;
  comment(incidentId: string, said: { by: string; text: string }): void;
  close(incidentId: string, decision: { by: string; reason: string }): void;
}

export interface IncidentsRouterOptions {
  readonly incidents: IncidentsPort;
  /** Lets those pass who may change incidents, and leaves the id of their token in `locals.tokenId`. */
  readonly guard: RequestHandler;
  /** The name of a token, for what its bearer does without saying who they are. */
  readonly nameOfToken: (id: string) => string;
}

const by = z.string().optional();
const ackBody = z.strictObject({
  by,
  untilMs: z.int().nullable().default(null),
  note: z.string().optional(),
});
const unackBody = z.strictObject({ by });
const commentBody = z.strictObject({ by, text: z.string() });
const closeBody = z.strictObject({ by, reason: z.string() });

export function incidentsRouter({ incidents, guard, nameOfToken }: IncidentsRouterOptions): Router {
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
  const sendIncident = (response: Response, id: string): void => {
    const incident = incidents.get(id);
    if (incident === undefined) throw new AppError('NOT_FOUND', `there is no incident ${id}`);
    response.json(incident);
  };
  router.get('/:id', (request, response) => sendIncident(response, incidentId(request.params.id)));

  const act = <T extends { readonly by?: string | undefined }>(
    path: string,
    schema: z.ZodType<T>,
    work: (id: string, body: T, by: string) => void,
  ): void => {
    const json = express.json({ limit: BODY_BYTES_MAX, type: 'application/json' });
    router.post(`/:id/${path}`, guard, json, (request: Request<{ id: string }>, response: Response) => {
      const id = incidentId(request.params.id);
      const body = parseBody(schema, request);
      const tokenId: unknown = response.locals['tokenId'];
      work(id, body, body.by ?? nameOfToken(String(tokenId)));
      sendIncident(response, id);
    });
  };
  act('ack', ackBody, (id, { untilMs, note }, person) =>
    incidents.acknowledge(id, { by: person, untilMs, note }),
  );
  act('unack', unackBody, (id, _body, person) => incidents.unacknowledge(id, person));
  act('comments', commentBody, (id, { text }, person) => incidents.comment(id, { by: person, text }));
  act('close', closeBody, (id, { reason }, person) => incidents.close(id, { by: person, reason }));
  return router;
}

/** Only JSON is read: a form of another site cannot send it without asking the browser first. */
function parseBody<T>(schema: z.ZodType<T>, request: Request<{ id: string }>): T {
  const length = request.headers['content-length'];
  if (length !== undefined && length !== '0' && request.is('application/json') === false) {
    throw new AppError('BAD_REQUEST', 'the body must be application/json');
  }
  const body: unknown = request.body ?? {};
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError('BAD_REQUEST', `body, field ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function incidentId(text: string): string {
  if (!INCIDENT_ID.test(text))
    throw new AppError('BAD_REQUEST', 'an incident id is i- and 26 letters or digits');
  return text;
}
