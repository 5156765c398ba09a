/** The collector as the page sees it: the built files, the API with canned answers, and the headers of the real one. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import type {
  HostState,
  HostSummary,
  HostsAnswer,
  Incident,
  IncidentDetail,
  InventoryChangeSet,
  InventorySection,
  StatusAnswer,
} from '../../collector/src/api/types.ts';
import { rangeAnswer } from './fake-metrics.ts';
import {
  sampleAvailability,
  sampleDetail,
  sampleFleetAvailability,
  sampleIncidentDetail,
} from './sample-fleet.ts';

/** What the fake answers with; tests change it while the page looks. */
export interface FakeFleet {
  hosts: readonly HostSummary[];
  incidents: readonly Incident[];
  /** What the page of one of them shows beyond the list. */
  incidentDetail: (incident: Incident) => IncidentDetail;
  inventory: readonly InventorySection[];
  inventoryChanges: readonly InventoryChangeSet[];
  /** Connections are cut, as by a collector that is gone. */
  isAway: boolean;
  /** Answers of the API are replaced by this text, status 200. */
  brokenAnswer: string | null;
  /** Label values for the file systems of range queries, to bring hostile ones into a chart. */
  mountpoints: readonly string[];
  /** Range queries answer without series. */
  hasNoSeries: boolean;
}

/** A change of an incident, as it was asked for. */
export interface Change {
  readonly id: string;
  /** `ack`, `unack`, `comments` or `close`. */
  readonly kind: string;
  /** JSON */
  readonly body: string;
}

/** The access token with which the fake lets itself be changed. */
export const WRITE_TOKEN = 'rca1_for-changes';

export interface FakeCollector {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly fleet: FakeFleet;
  /** PromQL expressions in the order in which they were asked. */
  readonly queries: readonly string[];
  /** What was asked to be changed, with a token that may, in the order in which it was. */
  readonly changes: readonly Change[];
  stop(): Promise<void>;
}

/** The policy that the collector sends with every page; the page has to work under it. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; " +
    "form-action 'self'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};

/** Serves `dist` and the API on a free port of the loopback. Stop it when done. */
export async function startFakeCollector(dist: string): Promise<FakeCollector> {
  const fleet: FakeFleet = {
    hosts: [],
    incidents: [],
    incidentDetail: sampleIncidentDetail,
    inventory: [],
    inventoryChanges: [],
    isAway: false,
    brokenAnswer: null,
    mountpoints: ['/', '/boot', '/var', '/srv/data'],
    hasNoSeries: false,
  };
  const queries: string[] = [];
  const changes: Change[] = [];
  const server = createServer((request, response) => {
    void answer({ request, response, fleet, dist, queries, changes }).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('listen on the loopback: no port was given');
  return {
    url: `http://127.0.0.1:${address.port}`,
    fleet,
    queries,
    changes,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly fleet: FakeFleet;
  readonly dist: string;
  readonly queries: string[];
  readonly changes: Change[];
}

async function answer(exchange: Exchange): Promise<void> {
  const { request, response, fleet } = exchange;
  if (fleet.isAway) {
    request.socket.destroy();
    return;
  }
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const isApi = url.pathname.startsWith('/v1/') || url.pathname.startsWith('/api/');
  if (!isApi) {
    await serveFile(exchange, url.pathname);
  } else if (fleet.brokenAnswer !== null) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(fleet.brokenAnswer);
  } else {
    await serveApi(exchange, url);
  }
}

async function serveApi(exchange: Exchange, url: URL): Promise<void> {
  const { request, fleet, queries } = exchange;
  const [, , resource, id, part] = url.pathname.split('/');
  const host = fleet.hosts.find((one) => one.id === id);
  if (url.pathname === '/api/v1/query_range' && request.method === 'POST') {
    const form = new URLSearchParams(await bodyOf(request));
    queries.push(form.get('query') ?? '');
    sendJson(exchange, 200, rangeAnswer(form, fleet));
  } else if (resource === 'hosts' && id === undefined) {
    sendJson(exchange, 200, hostsAnswer(fleet.hosts, url.searchParams));
  } else if (resource === 'hosts' && host !== undefined) {
    if (part === 'inventory') sendJson(exchange, 200, { hostId: id, sections: fleet.inventory });
    else if (part === 'availability') sendJson(exchange, 200, sampleAvailability(host, pastOf(url)));
    else if (part === 'changes') sendJson(exchange, 200, { hostId: id, changes: fleet.inventoryChanges });
    else sendJson(exchange, 200, sampleDetail(host));
  } else if (resource === 'availability') {
    const limit = Number(url.searchParams.get('limit'));
    sendJson(exchange, 200, sampleFleetAvailability(fleet.hosts, pastOf(url), limit));
  } else if (resource === 'incidents' && id !== undefined) {
    await serveIncident(exchange, { id, part });
  } else if (resource === 'incidents') {
    sendJson(exchange, 200, { incidents: chosenIncidents(fleet.incidents, url.searchParams) });
  } else if (resource === 'status') {
    sendJson(exchange, 200, statusAnswer(fleet));
  } else {
    sendJson(exchange, 404, { error: { code: 'NOT_FOUND', message: `find ${url.pathname}: there is none` } });
  }
}

function pastOf({ searchParams }: URL): { readonly fromMs: number; readonly toMs: number } {
  const toMs = Date.now();
  return { fromMs: toMs - Number(searchParams.get('last')), toMs };
}

async function serveIncident(
  exchange: Exchange,
  { id, part }: { readonly id: string; readonly part: string | undefined },
): Promise<void> {
  const { request, fleet, changes } = exchange;
  const incident = fleet.incidents.find((one) => one.id === decodeURIComponent(id));
  if (incident === undefined) {
    sendJson(exchange, 404, { error: { code: 'NOT_FOUND', message: `find incident ${id}: there is none` } });
  } else if (part === undefined) {
    sendJson(exchange, 200, fleet.incidentDetail(incident));
  } else if (request.headers.authorization === `Bearer ${WRITE_TOKEN}`) {
    changes.push({ id: incident.id, kind: part, body: await bodyOf(request) });
    sendJson(exchange, 200, fleet.incidentDetail(incident));
  } else {
    const message = 'change an incident: the access token is for reading';
    sendJson(exchange, 403, { error: { code: 'FORBIDDEN', message } });
  }
}

// Pages of the list are cut by position; the real collector's cursor is as opaque to the page as this one.
function hostsAnswer(hosts: readonly HostSummary[], query: URLSearchParams): HostsAnswer {
  const first = Number(query.get('after') ?? 0);
  const end = first + Number(query.get('limit') ?? 100);
  const count = (state: HostState): number => hosts.filter((host) => host.state === state).length;
  return {
    hosts: hosts.slice(first, end),
    next: end < hosts.length ? String(end) : null,
    counts: {
      unknown: count('unknown'),
      up: count('up'),
      suspect: count('suspect'),
      down: count('down'),
      planned: count('planned'),
    },
  };
}

function chosenIncidents(incidents: readonly Incident[], query: URLSearchParams): readonly Incident[] {
  const status = query.get('status') ?? 'all';
  const hostId = query.get('host');
  return incidents
    .filter(
      (one) => (status === 'all' || one.status === status) && (hostId === null || one.hostId === hostId),
    )
    .slice(0, Number(query.get('limit') ?? 100));
}

function statusAnswer(fleet: FakeFleet): StatusAnswer {
  const nowMs = Date.now();
  return {
    version: '0.1.0',
    startedMs: nowMs - 93_784_000,
    nowMs,
    hostCount: fleet.hosts.length,
    connectedAgents: fleet.hosts.filter((host) => host.state === 'up').length,
    isInsecure: false,
  };
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

// Every address that is no file is a route of the page.
async function serveFile({ response, dist }: Exchange, pathname: string): Promise<void> {
  const isFile = pathname.startsWith('/assets/');
  const path = isFile ? join(dist, normalize(pathname)) : join(dist, 'index.html');
  const content = await readFile(path).catch(() => null);
  if (content === null) {
    response.writeHead(404, PAGE_HEADERS).end();
    return;
  }
  response.writeHead(200, {
    ...PAGE_HEADERS,
    'content-type': CONTENT_TYPES[extname(path)] ?? 'application/octet-stream',
  });
  response.end(content);
}

function sendJson({ response }: Exchange, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
  response.end(JSON.stringify(value));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
