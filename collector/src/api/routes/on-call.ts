/**
 * `/v1/on-call`, `/v1/on-call/:schedule`, and the overrides of a schedule: reading as everywhere, changing with an access
 * token for everything. The calendar of a schedule has a token of its own in its URL, because calendar programs can send
 * no other.
 */
import express, { Router, type Request, type RequestHandler } from 'express';
import * as z from 'zod';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { integerParameter, textParameter } from '../parameters.ts';
import type { OnCallAnswer, OnCallOverride, OnCallSchedule } from '../types.ts';

const DAY_MS = 86_400_000;
const DAYS_MAX = 92;
const BODY_BYTES_MAX = 16 * 1024;

export interface OnCallPort {
  /** Who is on call in each schedule at present. */
  now(): OnCallAnswer;
  /** @throws AppError NOT_FOUND */
  schedule(name: string, span: { readonly fromMs: number; readonly toMs: number }): OnCallSchedule;
  /** @throws AppError NOT_FOUND, BAD_REQUEST, LIMIT_EXCEEDED */
  addOverride(schedule: string, override: NewOverride): OnCallOverride;
  /** @throws AppError NOT_FOUND */
  removeOverride(schedule: string, id: string): void;
  nowMs(): number;
}

export interface NewOverride {
  readonly person: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly author: string;
}

export interface OnCallRouterOptions {
  readonly onCall: OnCallPort;
  readonly guard: RequestHandler;
  readonly nameOfToken: (id: string) => string;
}

const overrideBody = z.strictObject({
  person: z.string(),
  fromMs: z.int(),
  toMs: z.int(),
});

export function onCallRouter({ onCall, guard, nameOfToken }: OnCallRouterOptions): Router {
  const router = Router();
  router.get('/', (_request, response) => {
    response.json(onCall.now());
  });
  router.get('/:schedule', (request, response) => {
    const days = integerParameter(request, 'days', { min: 1, max: DAYS_MAX, fallback: 14 });
    const nowMs = onCall.nowMs();
    const fromMs = integerParameter(request, 'from', { min: 0, max: 8e15, fallback: nowMs });
    response.json(onCall.schedule(request.params.schedule, { fromMs, toMs: fromMs + days * DAY_MS }));
  });
  router.post(
    '/:schedule/overrides',
    guard,
    express.json({ limit: BODY_BYTES_MAX, type: 'application/json' }),
    (request: Request<{ schedule: string }>, response) => {
      const parsed = overrideBody.safeParse(request.body);
      if (!parsed.success) {
        throw new AppError(
          'BAD_REQUEST',
          'body must be JSON with person, fromMs and toMs (UTC milliseconds)',
        );
      }
      const tokenId: unknown = response.locals['tokenId'];
      const author = nameOfToken(String(tokenId));
      response.status(201).json(onCall.addOverride(request.params.schedule, { ...parsed.data, author }));
    },
  );
  router.delete(
    '/:schedule/overrides/:id',
    guard,
    (request: Request<{ schedule: string; id: string }>, response) => {
      onCall.removeOverride(request.params.schedule, request.params.id);
      response.status(204).end();
    },
  );
  return router;
}

/** The calendar feed of one schedule; mounted before the guard of all other reading. */
export function calendarRouter(calendar: {
  /** The text, `null` when there is no such schedule or the token is not its own. */
  read(schedule: string, token: string): string | null;
}): Router {
  const router = Router();
  router.get('/:file', (request, response, next) => {
    const { file } = request.params;
    if (!file.endsWith('.ics')) {
      next();
      return;
    }
    const text = calendar.read(file.slice(0, -'.ics'.length), textParameter(request, 'token', 200) ?? '');
    if (text === null) {
      response.status(404).type('text/plain').send('404 no such calendar\n');
      return;
    }
    response.set('Cache-Control', 'private, max-age=300').type('text/calendar; charset=utf-8').send(text);
  });
  return router;
}
