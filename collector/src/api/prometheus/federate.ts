/** `/federate`: the newest samples as text, for a Prometheus that scrapes a part of what is here. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { RequestHandler } from 'express';
import type { Answers } from '../../query/answers.ts';
import { watchClient } from '../client-watch.ts';
import { errorReply, INTERNAL_ERROR } from './answers.ts';
import { Parameters } from './parameters.ts';
import { sendPieces, wantsGzip } from './reply.ts';

/** What the route reads from. */
export interface FederateOptions {
  readonly answers: Pick<Answers, 'newest'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How old the newest sample of a series may be, in milliseconds. */
  readonly lookbackMs: number;
  /** Most series of an answer. */
  readonly seriesMax: number;
}

/** Answers with the newest sample of each series that fits any `match[]`, under its own time; errors are plain text. */
export function federateHandler(options: FederateOptions): RequestHandler {
  const { answers, clock, log, lookbackMs, seriesMax } = options;
  return async (request, response) => {
    using client = watchClient(response);
    try {
      const parameters = Parameters.of({ form: '', url: request.originalUrl });
      parameters.refuseFaults();
      const selectors = parameters.list('match[]');
      const toMs = clock.wallMs();
      const wanted = { selectors, fromMs: toMs - lookbackMs + 1, toMs, limit: seriesMax };
      const answer = await answers.newest(wanted, client.signal);
      response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
      response.setHeader('Vary', 'Accept-Encoding');
      const isPacked = wantsGzip(request.headers['accept-encoding']);
      if (isPacked) response.setHeader('Content-Encoding', 'gzip');
      await sendPieces(response, { data: answer.data, isPacked }, { left: client.signal });
    } catch (error) {
      // A part of an answer must not be taken for all of it.
      if (response.headersSent) response.destroy();
      else refuse(response, error, log);
    }
  };
}

function refuse(response: ServerResponse, error: unknown, log: Logger): void {
  const expected = errorReply(error);
  if (expected === undefined) log.error('federation failed', { error: describeError(error) });
  const { status, body } = expected ?? INTERNAL_ERROR;
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${body.error}\n`);
}
