/** `/v1/maintenance`: list, make, change and delete windows. Reading as everywhere, changing needs a token for everything. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Router, type RequestHandler } from 'express';
import * as z from 'zod';
import type { WindowDraft, WindowView } from '../../alerting/maintenance/maintenance.ts';
import { scheduleSchema } from '../../alerting/maintenance/schedule.ts';
import { matcherList } from '../../alerting/routing/fields.ts';
import { jsonBody, parseBody } from '../body.ts';
import { idParameter } from '../parameters.ts';
import type { MaintenanceAnswer, MaintenanceWindowShape } from '../types.ts';

export interface MaintenancePort {
  readonly maintenance: {
    list(): readonly WindowView[];
    get(id: string): WindowView | undefined;
    create(draft: WindowDraft): WindowView;
    change(id: string, draft: WindowDraft): WindowView;
    delete(id: string): void;
  };
  /** Told after each change, so that what is no longer held back is sent at once. */
  readonly changed: () => void;
}

const draftSchema = z.strictObject({
  name: z.string().max(256),
  matchers: matcherList.default([]),
  schedule: scheduleSchema,
  createdBy: z.string().max(256).default(''),
  comment: z.string().max(4_096).default(''),
});

export function maintenanceRouter(
  { maintenance, changed }: MaintenancePort,
  mayChange: RequestHandler,
): Router {
  const router = Router();
  router.get('/', (_request, response) => {
    const answer: MaintenanceAnswer = { windows: maintenance.list().map(shapeOf) };
    response.json(answer);
  });
  router.get('/:id', (request, response) => {
    const view = maintenance.get(request.params.id);
    if (view === undefined) throw new AppError('NOT_FOUND', 'there is no maintenance window with this id');
    response.json(shapeOf(view));
  });
  router.post('/', mayChange, jsonBody, (request, response) => {
    response.status(201).json(shapeOf(maintenance.create(parseBody(draftSchema, request))));
  });
  router.put('/:id', mayChange, jsonBody, (request, response) => {
    const view = maintenance.change(idParameter(request), parseBody(draftSchema, request));
    changed();
    response.json(shapeOf(view));
  });
  router.delete('/:id', mayChange, (request, response) => {
    maintenance.delete(idParameter(request));
    changed();
    response.status(204).end();
  });
  return router;
}

function shapeOf({ window, isOpen, span }: WindowView): MaintenanceWindowShape {
  return { ...window, isOpen, startsMs: span?.startsMs ?? null, endsMs: span?.endsMs ?? null };
}
