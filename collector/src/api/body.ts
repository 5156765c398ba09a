/** Bodies of requests that change something: JSON of a bounded size, parsed by a schema. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { json, type Request, type RequestHandler } from 'express';
import type * as z from 'zod';

const BODY_LIMIT = '64kb';

/** Reads a JSON body. */
export const jsonBody: RequestHandler = json({ limit: BODY_LIMIT });

/**
 * The body as the schema wants it.
 * @throws AppError BAD_REQUEST naming each field that is wrong
 */
export function parseBody<T extends z.ZodType>(schema: T, request: Request): z.output<T> {
  const body: unknown = request.body;
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? 'body' : path.map(String).join('.')}: ${message}`,
  );
  throw new AppError('BAD_REQUEST', problems.join('; ').slice(0, 1_000));
}
