/** The HTTP API of Prometheus, as far as Grafana, promtool and people use it. Mounted at `/api/v1`. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { Router, text } from 'express';
import type { NextFunction, Request, Response } from 'express';
import type { SeriesCatalogue } from '../../query/series-selector.ts';
import { answer, errorReply, inChunks, INTERNAL_ERROR, successJson } from './answers.ts';
import type { Answer } from './answers.ts';
import { Parameters } from './parameters.ts';
import { formatQuery, instantQuery, parseQueryTree, rangeQuery } from './queries.ts';
import type { QueryPorts } from './queries.ts';
import { alertsAnswer, rulesAnswer } from './rules.ts';
import type { ActiveAlert, RuleGroup } from './rules.ts';
import { labelNames, labelValues, metadataList, seriesList } from './series.ts';
import type { MetricMetadata } from './series.ts';
import { buildInfoAnswer, targetsAnswer, tsdbAnswer } from './status.ts';
import type { BuildInfo, StoreSize, Target } from './status.ts';

/** What the routes read from; functions are called at each request and must be quick. */
export interface PrometheusOptions extends QueryPorts {
  readonly storage: SeriesCatalogue;
  readonly log: Logger;
  readonly buildInfo: BuildInfo;
  /** What is known about metrics; a name may come more than once. */
  metadata(this: void): Iterable<readonly [metric: string, entry: MetricMetadata]>;
  stats(this: void): Promise<StoreSize>;
  ruleGroups(this: void): readonly RuleGroup[];
  alerts(this: void): readonly ActiveAlert[];
  targets(this: void): readonly Target[];
}

/** Largest form accepted; long lists of values in a regular expression are common. */
const FORM_BYTES_MAX = 2 * 1024 * 1024;

type Route = (parameters: Parameters, signal: AbortSignal, name: string) => Answer | Promise<Answer>;

/** A router that answers every route with GET and with POSTed forms, and everything else with a plain 404. */
export function prometheusRouter(options: PrometheusOptions): Router {
  const { answers, log } = options;
  const routes: Readonly<Record<string, Route>> = {
    '/query': (parameters, signal) => instantQuery(options, parameters, signal),
    '/query_range': (parameters, signal) => rangeQuery(options, parameters, signal),
    // Rollcall stores no exemplars; Grafana asks with times in milliseconds and must not get an error.
    '/query_exemplars': () => answer([]),
    '/format_query': formatQuery,
    '/parse_query': parseQueryTree,
    '/series': (parameters, signal) => seriesList(answers, parameters, signal),
    '/labels': (parameters, signal) => labelNames(answers, parameters, signal),
    '/label/:name/values': (parameters, signal, name) => labelValues(answers, { name, parameters }, signal),
    '/metadata': (parameters) => metadataList(options.metadata(), parameters),
    '/rules': (parameters) => rulesAnswer(options.ruleGroups(), parameters),
    '/alerts': () => alertsAnswer(options.alerts()),
    '/targets': (parameters) => targetsAnswer(options.targets(), parameters),
    '/status/buildinfo': () => buildInfoAnswer(options.buildInfo),
    '/status/tsdb': (parameters, signal) => tsdbAnswer(options, parameters, signal),
  };
  const router = Router({ caseSensitive: true, strict: true });
  router.use(text({ type: 'application/x-www-form-urlencoded', limit: FORM_BYTES_MAX }));
  for (const [path, route] of Object.entries(routes)) {
    const handle = (request: Request, response: Response) => run(route, request, response, log);
    router.get(path, handle);
    router.post(path, handle);
  }
  router.use((_request, response) => {
    response.status(404).type('text/plain').send('404 page not found');
  });
  router.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    sendError(toAppError(error), request, response, log);
  });
  return router;
}

async function run(route: Route, request: Request, response: Response, log: Logger): Promise<void> {
  const canceled = new AbortController();
  response.once('close', () => {
    // An answer that is out needs no end, and making the error that an abort carries takes its time.
    if (!response.writableFinished) canceled.abort();
  });
  try {
    const { name } = request.params;
    const result = await route(parametersOf(request), canceled.signal, typeof name === 'string' ? name : '');
    await send(result, request, response, canceled.signal);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else sendError(error, request, response, log);
  }
}

/** Form first, then URL, as Go merges them. */
function parametersOf(request: Request): Parameters {
  const { body, originalUrl }: { body: unknown; originalUrl: string } = request;
  const merged = new URLSearchParams(typeof body === 'string' ? body : '');
  const queryAt = originalUrl.indexOf('?');
  const inUrl = new URLSearchParams(queryAt === -1 ? '' : originalUrl.slice(queryAt + 1));
  for (const [name, value] of inUrl) merged.append(name, value);
  return new Parameters(merged);
}

async function send(
  result: Answer,
  request: Request,
  response: Response,
  signal: AbortSignal,
): Promise<void> {
  response.type('application/json').vary('Accept-Encoding');
  const chunks = inChunks(successJson(result));
  const first = await chunks.next();
  const second = await chunks.next();
  const isWhole = first.done !== true && second.done === true;
  const isPacked =
    !(isWhole && first.value.length < PACKED_BYTES_MIN) &&
    request.acceptsEncodings('gzip', 'identity') === 'gzip';
  if (isPacked) response.setHeader('Content-Encoding', 'gzip');
  if (isWhole) {
    // Most answers are small; streams would cost more than all the rest of sending.
    response.end(isPacked ? await packed(first.value, GZIP) : first.value);
    return;
  }
  const all = Readable.from(
    (async function* (): AsyncGenerator<Buffer> {
      try {
        for (const one of [first, second]) if (one.done !== true) yield one.value;
        yield* chunks;
      } finally {
        // The client may have left: whoever makes the rest need not.
        await chunks.return(undefined);
      }
    })(),
  );
  if (isPacked) await pipeline(all, createGzip(GZIP), response, { signal });
  else await pipeline(all, response, { signal });
}

const packed = promisify(gzip);
/** What fits into one packet anyway is sent as it is. */
const PACKED_BYTES_MIN = 1_400;
/** Series of numbers become little smaller at the higher levels, and take three times as long. */
const GZIP = { level: constants.Z_BEST_SPEED };

/** Errors of Express and its body parser carry a status; everything below 500 is the fault of the request. */
function toAppError(error: unknown): unknown {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  const isBadRequest = typeof status === 'number' && status >= 400 && status < 500;
  return isBadRequest ? new AppError('BAD_REQUEST', describeError(error), { cause: error }) : error;
}

function sendError(error: unknown, request: Request, response: Response, log: Logger): void {
  const reply = errorReply(error);
  if (reply === undefined)
    log.error('api request failed', { path: request.path, error: describeError(error) });
  const { status, body } = reply ?? INTERNAL_ERROR;
  response.status(status).json(body);
}
