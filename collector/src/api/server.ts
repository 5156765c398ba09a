/**
 * The HTTP side: one server for the page, our API, Prometheus' API, enrolment and our own metrics. Routes know status
 * codes and parameters; what they serve comes in through ports.
 */
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import express, { type RequestHandler, type Router } from 'express';
import helmet from 'helmet';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { ENROLL_PATH } from '@rollcall/shared/protocol/version.ts';
import { LINK_PATH } from '../alerting/links/links.ts';
import { readGuard, scopeGuard, type ReadAccess } from './auth/guard.ts';
import { answeredDirectly, type DirectRoute } from './direct.ts';
import { errorHandler } from './errors.ts';
import { pageRouter } from './page.ts';
import { enrollRouter, type EnrollPort } from './routes/enroll.ts';
import { healthRouter, type ReadinessCheck } from './routes/health.ts';
import { availabilityRouter, hostsRouter, type HostChangesPort, type HostsPort } from './routes/hosts.ts';
import { incidentsRouter, type IncidentsPort } from './routes/incidents.ts';
import { linksRouter, type LinksPort } from './routes/links.ts';
import { calendarRouter, onCallRouter, type OnCallPort } from './routes/on-call.ts';
import { queriesRouter, type QueriesPort } from './routes/queries.ts';
import { alertmanagerRouter, type AlertmanagerOptions } from './alertmanager/alertmanager.ts';
import type { AccessTokens } from './auth/tokens.ts';
import { maintenanceRouter, type MaintenancePort } from './routes/maintenance.ts';
import { dependenciesRouter, routesRouter, type RoutingPort } from './routes/routing.ts';
import { rulesRouter, type RulesPort } from './routes/rules.ts';
import { silencesRouter } from './routes/silences.ts';
import type { StatusAnswer } from './types.ts';

export interface ApiPorts {
  readonly log: Logger;
  readonly access: ReadAccess;
  readonly hosts: HostsPort;
  readonly hostChanges: HostChangesPort;
  /** UTC milliseconds. */
  readonly wallMs: () => number;
  readonly incidents: IncidentsPort;
  readonly onCall: OnCallPort;
  /** The calendar of a schedule; see `calendarRouter`. */
  readonly calendar: (schedule: string, token: string) => string | null;
  readonly links: LinksPort;
  /** Who may change things: tokens for everything, also on loopback. */
  readonly tokens: Pick<AccessTokens, 'judge' | 'nameOf'>;
  readonly queries: QueriesPort;
  readonly rules: RulesPort;
  readonly maintenance: MaintenancePort;
  readonly routing: RoutingPort;
  /** Alerts and silences; the latter are under `/v1/silences` too. */
  readonly alertmanager: AlertmanagerOptions;
  readonly enrollment: EnrollPort;
  readonly readiness: ReadinessCheck;
  readonly status: () => StatusAnswer;
  /** Our own metrics in Prometheus' text format. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Prometheus' HTTP API, to be mounted under `/api/v1`. */
  readonly prometheus: Router;
  /** The newest samples, for a Prometheus that scrapes them. */
  readonly federate: RequestHandler;
  /** What is asked so often that Express would be most of its cost, by path; the same routes are behind Express too. */
  readonly direct: Readonly<Record<string, DirectRoute>>;
  /** Remote write and read, at the same place. */
  readonly remote: Router;
  /** Folder of the built page. */
  readonly pageDirectory: string;
}

/** Remote write wants a token for writing, whatever the address. */
const OWN_GUARDS: ReadonlySet<string> = new Set(['/api/v1/write']);

/** For answers that are data: nothing may be loaded from one, framed, or taken for anything else. Fewer are sooner read. */
const DATA_HEADERS = [
  ['content-security-policy', "default-src 'none';frame-ancestors 'none'"],
  ['cross-origin-resource-policy', 'same-origin'],
  ['x-content-type-options', 'nosniff'],
] as const;

/** The routes without a socket; `listen` gives them one. */
export function createApi(ports: ApiPorts): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  const ofPage = pageHeaders();
  app.use((request, response, next) => {
    if (!request.path.startsWith('/api/')) {
      ofPage(request, response, next);
      return;
    }
    response.setHeaders(new Map(DATA_HEADERS));
    next();
  });

  app.use(healthRouter(ports.readiness));
  app.use(ENROLL_PATH, enrollRouter(ports.enrollment));

  app.use(LINK_PATH, linksRouter(ports.links));
  app.use('/v1/on-call', calendarRouter({ read: ports.calendar }));

  app.use(readGuard(ports.access, OWN_GUARDS));
  const { tokens } = ports;
  const mayChange = scopeGuard((token) => tokens.judge(token, 'admin'), {
    scope: 'admin',
    purpose: 'changing anything',
  });
  const people = {
    guard: mayChange,
    nameOfToken: (id: string) => tokens.nameOf(id) ?? `token ${id}`,
  };
  app.use(
    '/v1/hosts',
    hostsRouter({ hosts: ports.hosts, changes: ports.hostChanges, mayChange, wallMs: ports.wallMs }),
  );
  app.use('/v1/availability', availabilityRouter({ hosts: ports.hosts, wallMs: ports.wallMs }));
  app.use('/v1/incidents', incidentsRouter({ incidents: ports.incidents, ...people }));
  app.use('/v1/on-call', onCallRouter({ onCall: ports.onCall, ...people }));
  app.use('/v1/queries', queriesRouter(ports.queries));
  app.use('/v1/silences', silencesRouter(ports.alertmanager, mayChange));
  app.use('/v1/rules', rulesRouter(ports.rules, mayChange));
  app.use('/v1/maintenance', maintenanceRouter(ports.maintenance, mayChange));
  app.use('/v1/routes', routesRouter(ports.routing));
  app.use('/v1/dependencies', dependenciesRouter(ports.routing));
  app.get('/v1/status', (_request, response) => {
    response.json(ports.status());
  });
  app.get('/metrics', async (_request, response) => {
    const { contentType, text } = await ports.metrics();
    response.set('Content-Type', contentType).send(text);
  });
  app.get('/federate', ports.federate);
  app.use('/api/v1', ports.remote);
  app.use('/api/v1', ports.prometheus);
  app.use('/api/v2', alertmanagerRouter(ports.alertmanager, mayChange));
  app.use(pageRouter(ports.pageDirectory));
  app.use((_request, response) => {
    // Plain text, as Prometheus answers: Grafana takes a page with status 200 for an API that is there.
    response.status(404).type('text/plain').send('404 page not found\n');
  });
  app.use(errorHandler(ports.log));
  const { direct: routes, access } = ports;
  return answeredDirectly({ routes, access, headers: DATA_HEADERS.flat() }, (request, response) => {
    app(request, response);
  });
}

/** A server with the time-outs and limits of a port that strangers can reach. */
export function createServer(
  app: RequestListener,
  tls: { readonly cert: string; readonly key: string } | undefined,
): Server {
  const settings = {
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    connectionsCheckingInterval: 2_000,
    maxHeaderSize: 16 * 1024,
    keepAliveTimeout: 30_000,
  };
  const server =
    tls === undefined
      ? createHttpServer(settings, app)
      : createHttpsServer({ ...settings, ...tls, minVersion: 'TLSv1.3' }, app);
  server.maxRequestsPerSocket = 1_000;
  return server;
}

function pageHeaders() {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    // Over plain loopback HTTP it would be ignored, and behind TLS the admin decides about other names.
    strictTransportSecurity: false,
    crossOriginEmbedderPolicy: false,
  });
}
