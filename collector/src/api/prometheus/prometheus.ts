/** The HTTP API of Prometheus, as far as Grafana, promtool and people use it. Mounted at `/api/v1`. */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { Router, text } from 'express';
import type { NextFunction, Request, Response } from 'express';
import type { Answer } from './answers.ts';
import { FORM_BYTES_MAX, Parameters } from './parameters.ts';
import type { DirectRoute } from '../direct.ts';
import { exemplarQuery, formatQuery, instantQuery, parseQueryTree, rangeQuery } from './queries.ts';
import type { QueryPorts } from './queries.ts';
import { alertsAnswer, rulesAnswer } from './rules.ts';
import type { ActiveAlert, RuleGroup } from './rules.ts';
import { labelNames, labelValues, metadataList, seriesList } from './series.ts';
import { reply, replyError } from './reply.ts';
import type { MetricMetadata } from './series.ts';
import {
  alertmanagersAnswer,
  buildInfoAnswer,
  configAnswer,
  flagsAnswer,
  runtimeInfoAnswer,
  scrapePoolsAnswer,
  targetsAnswer,
  tsdbAnswer,
} from './status.ts';
import type { BuildInfo, ServerSettings, Target } from './status.ts';

/** What the routes read from; functions are called at each request and must be quick. */
export interface PrometheusOptions extends QueryPorts {
  readonly log: Logger;
  readonly buildInfo: BuildInfo;
  readonly settings: ServerSettings;
  /** What is known about metrics; a name may come more than once. */
  metadata(this: void): Iterable<readonly [metric: string, entry: MetricMetadata]>;
  ruleGroups(this: void): readonly RuleGroup[];
  alerts(this: void): readonly ActiveAlert[];
  targets(this: void): readonly Target[];
}

const METHODS = 'GET, HEAD, POST, OPTIONS';

type Route = (parameters: Parameters, signal: AbortSignal, name: string) => Answer | Promise<Answer>;

/**
 * A router that answers every route with GET and with POSTed forms, and other methods with 405,
 * and everything else with a plain 404.
 */
export function prometheusRouter(options: PrometheusOptions): Router {
  const { answers, log } = options;
  const routes: Readonly<Record<string, Route>> = {
    '/query': (parameters, signal) => instantQuery(options, parameters, signal),
    '/query_range': (parameters, signal) => rangeQuery(options, parameters, signal),
    '/query_exemplars': (parameters, signal) => exemplarQuery(options, parameters, signal),
    '/format_query': (parameters, signal) => formatQuery(options, parameters, signal),
    '/parse_query': (parameters, signal) => parseQueryTree(options, parameters, signal),
    '/series': (parameters, signal) => seriesList(answers, parameters, signal),
    '/labels': (parameters, signal) => labelNames(answers, parameters, signal),
    '/label/:name/values': (parameters, signal, name) => labelValues(answers, { name, parameters }, signal),
    '/metadata': (parameters) => metadataList(options.metadata(), parameters),
    '/rules': (parameters, signal) => rulesAnswer(options.ruleGroups(), { answers, parameters }, signal),
    '/alerts': () => alertsAnswer(options.alerts()),
    '/targets': (parameters) => targetsAnswer(options.targets(), parameters),
    '/scrape_pools': () => scrapePoolsAnswer(options.targets()),
    '/status/buildinfo': () => buildInfoAnswer(options.buildInfo),
    '/alertmanagers': () => alertmanagersAnswer(options.settings),
    '/status/config': () => configAnswer(options.settings),
    '/status/flags': () => flagsAnswer(options.settings),
    '/status/runtimeinfo': () => runtimeInfoAnswer(options.settings, options.clock.wallMs()),
    '/status/tsdb': (parameters, signal) => tsdbAnswer(answers, parameters, signal),
  };
  const router = Router({ caseSensitive: true, strict: true });
  router.use(text({ type: 'application/x-www-form-urlencoded', limit: FORM_BYTES_MAX }));
  for (const [path, route] of Object.entries(routes)) {
    const handle = (request: Request, response: Response): Promise<void> => {
      const { name } = request.params;
      const parameters = parametersOf(request);
      return reply({ request, response, log }, (signal) =>
        route(parameters, signal, typeof name === 'string' ? name : ''),
      );
    };
    router.get(path, handle);
    router.post(path, handle);
    router.options(path, (_request, response) => {
      response.status(204).set('Allow', METHODS).send();
    });
    router.all(path, (_request, response) => {
      response.status(405).set('Allow', METHODS).type('text/plain').send('Method Not Allowed\n');
    });
  }
  router.use((_request, response) => {
    response.status(404).type('text/plain').send('404 page not found');
  });
  router.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    replyError({ request, response, log }, toAppError(error));
  });
  return router;
}

/** Queries again, for those who come past Express; by path. They are most of what is asked. */
export function directQueries(
  options: QueryPorts & Pick<PrometheusOptions, 'log'>,
): Record<string, DirectRoute> {
  const { log } = options;
  const direct =
    (route: typeof instantQuery): DirectRoute =>
    ({ form, url }, { request, response, headers }) =>
      reply({ request, response, headers, log }, (signal) =>
        route(options, Parameters.of({ form, url }), signal),
      );
  return { '/api/v1/query': direct(instantQuery), '/api/v1/query_range': direct(rangeQuery) };
}

function parametersOf(request: Request): Parameters {
  const { body, originalUrl }: { body: unknown; originalUrl: string } = request;
  return Parameters.of({ form: typeof body === 'string' ? body : '', url: originalUrl });
}

/** Errors of Express and its body parser carry a status; everything below 500 is the fault of the request. */
function toAppError(error: unknown): unknown {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  const isBadRequest = typeof status === 'number' && status >= 400 && status < 500;
  return isBadRequest ? new AppError('BAD_REQUEST', describeError(error), { cause: error }) : error;
}
