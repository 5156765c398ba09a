/** `/v1/silences`: list, make, change and end silences. Reading as everywhere, changing needs a token for everything. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Router, type RequestHandler } from 'express';
import * as z from 'zod';
import { matcherList } from '../../alerting/routing/fields.ts';
import { stateOf, type Silence, type SilenceDraft } from '../../alerting/silences/silences.ts';
import { jsonBody, parseBody } from '../body.ts';
import { choiceParameter, idParameter } from '../parameters.ts';
import type { SilenceShape, SilencesAnswer } from '../types.ts';

export interface SilencesPort {
  readonly wallMs: () => number;
  readonly silences: {
    list(): readonly Silence[];
    get(id: string): Silence | undefined;
    create(draft: SilenceDraft): Silence;
    change(id: string, draft: SilenceDraft): Silence;
    expire(id: string): Silence;
  };
  /** Told after each change, so that what is no longer held back is sent at once. */
  readonly changed: () => void;
}

const draftSchema = z.strictObject({
  matchers: matcherList,
  /** Now when left out. */
  startsMs: z.int().optional(),
  endsMs: z.int(),
  createdBy: z.string().max(256),
  comment: z.string().max(4_096).default(''),
});

export function silencesRouter(
  { silences, wallMs, changed }: SilencesPort,
  mayChange: RequestHandler,
): Router {
  const router = Router();
  const draftOf = (body: z.output<typeof draftSchema>): SilenceDraft => ({
    ...body,
    startsMs: body.startsMs ?? wallMs(),
  });

  router.get('/', (request, response) => {
    const wanted = choiceParameter(request, 'state', ['active', 'pending', 'expired', 'all'], 'all');
    const nowMs = wallMs();
    const answer: SilencesAnswer = {
      silences: silences
        .list()
        .map((silence) => shapeOf(silence, nowMs))
        .filter(({ state }) => wanted === 'all' || state === wanted),
    };
    response.json(answer);
  });
  router.get('/:id', (request, response) => {
    const silence = silences.get(request.params.id);
    if (silence === undefined) throw new AppError('NOT_FOUND', 'there is no silence with this id');
    response.json(shapeOf(silence, wallMs()));
  });
  router.post('/', mayChange, jsonBody, (request, response) => {
    const silence = silences.create(draftOf(parseBody(draftSchema, request)));
    response.status(201).json(shapeOf(silence, wallMs()));
  });
  router.put('/:id', mayChange, jsonBody, (request, response) => {
    const silence = silences.change(idParameter(request), draftOf(parseBody(draftSchema, request)));
    changed();
    response.json(shapeOf(silence, wallMs()));
  });
  router.delete('/:id', mayChange, (request, response) => {
    const silence = silences.expire(idParameter(request));
    changed();
    response.json(shapeOf(silence, wallMs()));
  });
  return router;
}

function shapeOf(silence: Silence, nowMs: number): SilenceShape {
  return { ...silence, state: stateOf(silence, nowMs) };
}
