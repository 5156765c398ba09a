/**
 * `/v1/hosts`, `/v1/hosts/:id` with `/inventory`, `/changes`, `/gaps` and `/availability`; `/v1/availability` of all; what is done to a host: `POST
 * /v1/hosts/:id/accept-restored`, `POST /v1/hosts/:id/revoke`, `DELETE /v1/hosts/:id`, with a token for everything.
 */
import { Router, type Request, type RequestHandler } from 'express';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { choiceParameter, idParameter, integerParameter, textParameter } from '../parameters.ts';
import type {
  AvailabilityAnswer,
  FleetAvailabilityAnswer,
  GapRange,
  HostDetail,
  HostGap,
  HostGapsAnswer,
  HostsAnswer,
  HostsPage,
  InventoryChangeSet,
  InventorySection,
} from '../types.ts';

const PAGE_MAX = 5_000;
const PAGE_DEFAULT = 1_000;
/** Each may take the contents of two sections to compare. */
const CHANGES_MAX = 100;
const CHANGES_DEFAULT = 20;
const AVAILABILITY_MS_DEFAULT = 30 * 86_400_000;
const AVAILABILITY_HOSTS_MAX = 5_000;
const AVAILABILITY_HOSTS_DEFAULT = 100;
const GAPS_MAX = 1_000;
const GAPS_DEFAULT = 100;
/** Somewhat less than a Date can be. */
const MINUTE_MS = 60_000;
const TIME_MS_MAX = 8e15;
const HOST_ID = /^[0-9a-f]{32}$/;

export interface HostsPort {
  /** A page of hosts in name order, after the cursor of an earlier answer. */
  list(page: HostsPage): HostsAnswer;
  get(hostId: string): HostDetail | undefined;
  /** Latest sections by name; undefined when there is no such host. */
  inventory(hostId: string): readonly InventorySection[] | undefined;
  /** The newest changes of the inventory, newest first; undefined when there is no such host. */
  changes(hostId: string, limit: number): readonly InventoryChangeSet[] | undefined;
  /** What its agent declared as lost, told last first; undefined when there is no such host. */
  gaps(hostId: string, range: GapRange): readonly HostGap[] | undefined;
  /**
   * How it was in a span that has an end; undefined when there is no such host.
   * @throws AppError LIMIT_EXCEEDED when it came and went too often in it
   */
  availability(
    hostId: string,
    range: { readonly fromMs: number; readonly toMs: number },
  ): Omit<AvailabilityAnswer, 'hostId'> | undefined;
  /**
   * How all hosts were, worst first.
   * @throws AppError SLOW_DOWN when too many ask at once
   */
  fleetAvailability(
    range: { readonly fromMs: number; readonly toMs: number },
    limit: number,
  ): Promise<FleetAvailabilityAnswer>;
}

export interface HostsRoutes {
  readonly hosts: HostsPort;
  readonly changes: HostChangesPort;
  /** Refuses whoever may not change anything. */
  readonly mayChange: RequestHandler;
  readonly wallMs: () => number;
}

/** What an administrator does to a host; each is false when there is no such host, and durable when it returns. */
export interface HostChangesPort {
  /**
   * The machine was restored from an image: its next login is accepted with the generation of then.
   * @throws AppError REVOKED
   */
  acceptRestored(hostId: string): boolean;
  /** Shuts the agent out for ever; the data stay. */
  revoke(hostId: string): boolean;
  /** Forgets the host and deletes what its agent sent. */
  delete(hostId: string): boolean;
}

export function hostsRouter({ hosts, changes, mayChange, wallMs }: HostsRoutes): Router {
  const router = Router();
  router.get('/', (request, response) => {
    response.json(
      hosts.list({
        limit: integerParameter(request, 'limit', { min: 1, max: PAGE_MAX, fallback: PAGE_DEFAULT }),
        after: textParameter(request, 'after', 512),
        isRevokedToo: choiceParameter(request, 'revoked', ['with', 'without'], 'without') === 'with',
      }),
    );
  });
  router.get('/:id', (request, response) => {
    response.json(found(hosts.get(hostId(request.params.id)), request.params.id));
  });
  router.get('/:id/inventory', (request, response) => {
    const id = hostId(request.params.id);
    response.json({ hostId: id, sections: found(hosts.inventory(id), id) });
  });
  router.get('/:id/changes', (request, response) => {
    const id = hostId(request.params.id);
    const limit = integerParameter(request, 'limit', { min: 1, max: CHANGES_MAX, fallback: CHANGES_DEFAULT });
    response.json({ hostId: id, changes: found(hosts.changes(id, limit), id) });
  });
  router.get('/:id/gaps', (request, response) => {
    const id = hostId(request.params.id);
    const fromMs = integerParameter(request, 'from', { min: 0, max: TIME_MS_MAX, fallback: 0 });
    const toMs = integerParameter(request, 'to', { min: 0, max: TIME_MS_MAX, fallback: TIME_MS_MAX });
    if (fromMs > toMs) throw new AppError('BAD_REQUEST', 'parameter from must not be after to');
    const limit = integerParameter(request, 'limit', { min: 1, max: GAPS_MAX, fallback: GAPS_DEFAULT });
    const answer: HostGapsAnswer = { hostId: id, gaps: found(hosts.gaps(id, { fromMs, toMs, limit }), id) };
    response.json(answer);
  });
  router.get('/:id/availability', (request, response) => {
    const id = hostId(request.params.id);
    const { fromMs, toMs } = availabilitySpan(request, wallMs());
    const answer: AvailabilityAnswer = {
      hostId: id,
      ...found(hosts.availability(id, { fromMs, toMs }), id),
    };
    response.json(answer);
  });
  /** Answers with the host as it is afterwards, and with a deleted one as it was. */
  const change =
    (act: (id: string) => boolean): RequestHandler =>
    (request, response) => {
      const id = hostId(idParameter(request));
      const before = found(hosts.get(id), id);
      if (!act(id)) found(undefined, id);
      response.json(hosts.get(id) ?? before);
    };
  router.post(
    '/:id/accept-restored',
    mayChange,
    change((id) => changes.acceptRestored(id)),
  );
  router.post(
    '/:id/revoke',
    mayChange,
    change((id) => changes.revoke(id)),
  );
  router.delete(
    '/:id',
    mayChange,
    change((id) => changes.delete(id)),
  );
  return router;
}

/** How available all hosts were: `/v1/availability`. */
export function availabilityRouter({ hosts, wallMs }: Pick<HostsRoutes, 'hosts' | 'wallMs'>): Router {
  const router = Router();
  router.get('/', async (request, response) => {
    const limit = integerParameter(request, 'limit', {
      min: 1,
      max: AVAILABILITY_HOSTS_MAX,
      fallback: AVAILABILITY_HOSTS_DEFAULT,
    });
    response.json(await hosts.fleetAvailability(availabilitySpan(request, wallMs()), limit));
  });
  return router;
}

/**
 * From `from` to `to` of the request, at most to the present; or the time `last` before the newest full minute, for those
 * who do not know what time it is here.
 * @throws AppError BAD_REQUEST when it has no length
 */
function availabilitySpan(
  request: Request,
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  if (request.query['last'] !== undefined) {
    const lengthMs = integerParameter(request, 'last', { min: 1, max: TIME_MS_MAX, fallback: 1 });
    // Whoever asks within a minute asks the same.
    const toMs = Math.max(1, Math.floor(nowMs / MINUTE_MS) * MINUTE_MS);
    return { fromMs: Math.max(0, toMs - lengthMs), toMs };
  }
  const given = integerParameter(request, 'to', { min: 1, max: TIME_MS_MAX, fallback: nowMs });
  const toMs = Math.min(given, nowMs);
  const fallback = Math.max(0, toMs - AVAILABILITY_MS_DEFAULT);
  const fromMs = integerParameter(request, 'from', { min: 0, max: TIME_MS_MAX, fallback });
  if (fromMs >= toMs)
    throw new AppError('BAD_REQUEST', 'parameter from must be before to, and before the present');
  return { fromMs, toMs };
}

function hostId(text: string): string {
  if (!HOST_ID.test(text)) throw new AppError('BAD_REQUEST', 'a host id has 32 hexadecimal digits');
  return text;
}

function found<T>(value: T | undefined, id: string): T {
  if (value === undefined) throw new AppError('NOT_FOUND', `there is no host ${id}`);
  return value;
}
