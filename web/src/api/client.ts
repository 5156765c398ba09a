/** The page's only way to the collector: every request has a deadline, and every outcome is a value. */
import type {
  AvailabilityAnswer,
  FleetAvailabilityAnswer,
  HostDetail,
  HostState,
  HostSummary,
  HostsAnswer,
  IncidentDetail,
  IncidentStatus,
  IncidentsAnswer,
  InventoryAnswer,
  InventoryChangesAnswer,
  StatusAnswer,
} from '../../../collector/src/api/types.ts';
import type { PageClock } from '../clock.ts';
import {
  readError,
  readHostDetail,
  readHosts,
  readIncidents,
  readInventory,
  readInventoryChanges,
  readStatus,
} from './answers.ts';
import { readAvailability, readFleetAvailability } from './availability-answer.ts';
import { readIncidentDetail } from './incident-answer.ts';
import { readMatrix, readPrometheusError } from './prometheus.ts';
import type { MatrixSeries } from './prometheus.ts';
import { Malformed } from './read.ts';
import type { Read } from './read.ts';

/** Why there is no answer. `unreachable` passes by itself; the other two are told to the reader. */
export type Failure =
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string; readonly message: string }
  | { readonly kind: 'malformed'; readonly message: string };

export type Answer<T> = { readonly kind: 'ok'; readonly value: T } | Failure;

/** Every host of the fleet, gathered over the pages of the list. */
export interface Fleet {
  readonly hosts: readonly HostSummary[];
  readonly counts: Readonly<Record<HostState, number>>;
  /** There are more hosts than the page loads. */
  readonly isTruncated: boolean;
}

/** A range query: PromQL, start and end in whole seconds since 1970, step in seconds. */
export interface RangeQuery {
  readonly expression: string;
  readonly startS: number;
  readonly endS: number;
  readonly stepS: number;
}

/** Calls never reject; an aborted call settles as `unreachable`, and its caller does not look at it. */
export interface Api {
  fleet(signal: AbortSignal): Promise<Answer<Fleet>>;
  host(id: string, signal: AbortSignal): Promise<Answer<HostDetail>>;
  inventory(id: string, signal: AbortSignal): Promise<Answer<InventoryAnswer>>;
  inventoryChanges(id: string, signal: AbortSignal): Promise<Answer<InventoryChangesAnswer>>;
  /** Until now, by the clock of the collector. */
  availability(id: string, lengthMs: number, signal: AbortSignal): Promise<Answer<AvailabilityAnswer>>;
  /** At most `limit` hosts, worst first; until now, by the clock of the collector. */
  fleetAvailability(
    asked: { readonly lengthMs: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<Answer<FleetAvailabilityAnswer>>;
  incidents(filter: IncidentFilter, signal: AbortSignal): Promise<Answer<IncidentsAnswer>>;
  incident(id: string, signal: AbortSignal): Promise<Answer<IncidentDetail>>;
  /** The incident as it is afterwards. An aborted or unanswered change may have taken place all the same. */
  changeIncident(id: string, change: IncidentChange, by: ChangeAuthority): Promise<Answer<IncidentDetail>>;
  status(signal: AbortSignal): Promise<Answer<StatusAnswer>>;
  queryRange(query: RangeQuery, signal: AbortSignal): Promise<Answer<readonly MatrixSeries[]>>;
}

/** What a person does with an incident. */
export type IncidentChange =
  | { readonly kind: 'ack'; readonly note: string }
  | { readonly kind: 'unack' }
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'close'; readonly reason: string };

/** On whose behalf something is changed. */
export interface ChangeAuthority {
  /** An access token for everything. */
  readonly token: string;
  readonly signal: AbortSignal;
}

export interface IncidentFilter {
  readonly status: IncidentStatus;
  readonly limit: number;
  /** Only incidents of this host. */
  readonly hostId?: string;
}

/** After this an answer counts as lost. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** Hosts asked for at once, and pages followed: the most the list shows is the product. */
export const HOSTS_PER_REQUEST = 1000;
export const HOST_REQUESTS_MAX = 20;

/** An API client for the origin that served the page. */
export function createApi(ports: { readonly fetch: typeof fetch; readonly clock: PageClock }): Api {
  const get = <T>(url: string, read: Read<T>, signal: AbortSignal): Promise<Answer<T>> =>
    request(ports, { url, read, signal, init: { headers: { accept: 'application/json' } } });
  return {
    fleet: (signal) => gatherFleet((after) => get(hostsUrl(after), readHosts, signal)),
    host: (id, signal) => get(`/v1/hosts/${encodeURIComponent(id)}`, readHostDetail, signal),
    inventory: (id, signal) => get(`/v1/hosts/${encodeURIComponent(id)}/inventory`, readInventory, signal),
    inventoryChanges: (id, signal) =>
      get(`/v1/hosts/${encodeURIComponent(id)}/changes`, readInventoryChanges, signal),
    availability: (id, lengthMs, signal) =>
      get(`/v1/hosts/${encodeURIComponent(id)}/availability?last=${lengthMs}`, readAvailability, signal),
    fleetAvailability: ({ lengthMs, limit }, signal) =>
      get(`/v1/availability?last=${lengthMs}&limit=${limit}`, readFleetAvailability, signal),
    incidents: (filter, signal) => get(incidentsUrl(filter), readIncidents, signal),
    incident: (id, signal) => get(`/v1/incidents/${encodeURIComponent(id)}`, readIncidentDetail, signal),
    changeIncident: (id, { kind, ...body }, { token, signal }) =>
      request(ports, {
        url: `/v1/incidents/${encodeURIComponent(id)}/${kind === 'comment' ? 'comments' : kind}`,
        read: readIncidentDetail,
        signal,
        init: {
          method: 'POST',
          // What the browser knows for reading must not stand in, and a refusal must not make it ask by itself.
          credentials: 'omit',
          headers: {
            accept: 'application/json',
            'content-type': 'application/json',
            authorization: `Bearer ${token}`,
          },
          body: JSON.stringify(body),
        },
      }),
    status: (signal) => get('/v1/status', readStatus, signal),
    queryRange: (query, signal) =>
      // A form, not an address: the expression carries host names, and an address has a length limit.
      request(ports, {
        url: '/api/v1/query_range',
        read: readMatrix,
        signal,
        init: {
          method: 'POST',
          body: new URLSearchParams({
            query: query.expression,
            start: String(query.startS),
            end: String(query.endS),
            step: String(query.stepS),
          }),
        },
      }),
  };
}

async function gatherFleet(
  page: (after: string | null) => Promise<Answer<HostsAnswer>>,
): Promise<Answer<Fleet>> {
  // By id, so that a host that moves between two pages while they are read does not appear twice.
  const hosts = new Map<string, HostSummary>();
  let after: string | null = null;
  for (let requests = 1; ; requests++) {
    const answer: Answer<HostsAnswer> = await page(after);
    if (answer.kind !== 'ok') return answer;
    for (const host of answer.value.hosts) hosts.set(host.id, host);
    after = answer.value.next;
    if (after === null || requests === HOST_REQUESTS_MAX) {
      const fleet = { hosts: [...hosts.values()], counts: answer.value.counts, isTruncated: after !== null };
      return { kind: 'ok', value: fleet };
    }
  }
}

function hostsUrl(after: string | null): string {
  const query = new URLSearchParams({ limit: String(HOSTS_PER_REQUEST) });
  if (after !== null) query.set('after', after);
  return `/v1/hosts?${query.toString()}`;
}

function incidentsUrl(filter: IncidentFilter): string {
  const query = new URLSearchParams({ status: filter.status, limit: String(filter.limit) });
  if (filter.hostId !== undefined) query.set('host', filter.hostId);
  return `/v1/incidents?${query.toString()}`;
}

interface Request<T> {
  readonly url: string;
  readonly read: Read<T>;
  readonly signal: AbortSignal;
  readonly init: RequestInit;
}

async function request<T>(
  ports: { readonly fetch: typeof fetch; readonly clock: PageClock },
  { url, read, signal, init }: Request<T>,
): Promise<Answer<T>> {
  const deadline = new AbortController();
  const cancelDeadline = ports.clock.after(REQUEST_TIMEOUT_MS, () => deadline.abort());
  try {
    const response = await ports.fetch(url, {
      ...init,
      cache: 'no-store',
      signal: AbortSignal.any([signal, deadline.signal]),
    });
    const body = await response.text();
    return response.ok ? readBody(body, read) : refusal(response.status, body);
  } catch {
    const seconds = REQUEST_TIMEOUT_MS / 1000;
    const message = deadline.signal.aborted
      ? `no answer within ${seconds} s`
      : 'the collector does not answer';
    return { kind: 'unreachable', message };
  } finally {
    cancelDeadline();
  }
}

function readBody<T>(body: string, read: Read<T>): Answer<T> {
  try {
    return { kind: 'ok', value: read(JSON.parse(body), 'answer') };
  } catch (error) {
    const message = error instanceof Malformed ? error.message : 'the answer is not JSON';
    return { kind: 'malformed', message };
  }
}

// A gateway in front of a collector that is away answers with these.
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

function refusal(status: number, body: string): Failure {
  const own = readBody(body, readError);
  if (own.kind === 'ok') return { kind: 'refused', status, ...own.value.error };
  const prometheus = readBody(body, readPrometheusError);
  if (prometheus.kind === 'ok') {
    return { kind: 'refused', status, code: prometheus.value.type, message: prometheus.value.message };
  }
  if (GATEWAY_STATUSES.has(status)) return { kind: 'unreachable', message: `a gateway answers ${status}` };
  return { kind: 'refused', status, code: `HTTP_${status}`, message: `the collector answers ${status}` };
}
