/** How an error becomes an HTTP answer of our own API. Prometheus' API has its own envelope. */
import type { ErrorRequestHandler, Response } from 'express';
import { AppError, describeError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { ErrorAnswer } from './types.ts';

const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  PROTOCOL_ERROR: 400,
  LIMIT_EXCEEDED: 413,
  ENROLL_REFUSED: 403,
  UNAUTHORIZED: 401,
  NOT_FOUND: 404,
  INCIDENT_ENDED: 409,
  REVOKED: 409,
  SLOW_DOWN: 429,
  STORAGE_UNAVAILABLE: 503,
  STORE_FAILED: 503,
  QUERY_LIMIT: 422,
  RULES_FAILED: 422,
  QUERY_TIMEOUT: 503,
};

export function sendError(response: Response, status: number, code: ErrorCode, message: string): void {
  const answer: ErrorAnswer = { error: { code, message } };
  response.status(status).json(answer);
}

/** Last handler: expected errors keep their text, everything else is a bug that is logged and not shown. */
export function errorHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOf(error);
    if (status < 500) {
      sendError(
        response,
        status,
        error instanceof AppError ? error.code : 'BAD_REQUEST',
        describeError(error),
      );
      return;
    }
    log.error('request failed', { method: request.method, path: request.path, error: describeError(error) });
    if (error instanceof AppError) sendError(response, status, error.code, describeError(error));
    else
      response
        .status(500)
        .json({ error: { code: 'INTERNAL', message: 'the collector failed; its log says more' } });
  };
}

function statusOf(error: unknown): number {
  if (error instanceof AppError) return STATUS_OF[error.code] ?? 500;
  // Errors of express and its body parser carry the status that they mean.
  if (error instanceof Error && 'status' in error && typeof error.status === 'number') return error.status;
  return 500;
}
