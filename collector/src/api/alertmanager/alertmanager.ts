/**
 * Alertmanager's API, version 2, as far as its clients (amtool, Grafana) need it to list our alerts and to silence them.
 * To be mounted at `/api/v2`. Source: github.com/prometheus/alertmanager, api/v2/openapi.yaml.
 */
import { AppError, describeError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { Router, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import type { RouteDelivery } from '../../alerting/routing/routing.ts';
import { compile, parseFilter, type LabelValues } from '../../alerting/routing/matchers.ts';
import { PatternTally } from '../../query/parse/pattern-tally.ts';
import { compilePattern } from '../../storage/matcher.ts';
import { jsonBody, parseBody } from '../body.ts';
import { idParameter } from '../parameters.ts';
import type { SilencesPort } from '../routes/silences.ts';
import { draftOf, postableSilenceSchema, gettableSilence } from './silence-shape.ts';

/** An open incident as Alertmanager's clients see an alert. */
export interface ApiAlert {
  readonly labels: LabelValues;
  readonly annotations: LabelValues;
  readonly startsMs: number;
  readonly updatedMs: number;
  /** 16 hexadecimal digits. */
  readonly fingerprint: string;
  readonly url: string;
  readonly receivers: readonly string[];
  /** How each receiver is told of it, for groups. */
  readonly deliveries: Readonly<Record<string, RouteDelivery>>;
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
  /** Maintenance windows and what else holds it back. */
  readonly mutedBy: readonly string[];
}

export interface AlertmanagerOptions extends SilencesPort {
  readonly log: Logger;
  readonly version: string;
  readonly startedMs: number;
  /** All open incidents. */
  readonly alerts: () => readonly ApiAlert[];
  readonly receivers: () => readonly string[];
}

const FILTERS_MAX = 32;
/** What the patterns of one request weigh at most: they are compiled and matched on the event loop, in a few milliseconds. */
const FILTER_WEIGHT_MAX = 1_000;
/** When an open alert would end by itself if nobody spoke of it any more; Alertmanager's clients want a time. */
const ENDS_AFTER_MS = 300_000;

const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  NOT_FOUND: 404,
  UNAUTHORIZED: 401,
  LIMIT_EXCEEDED: 413,
};

export function alertmanagerRouter(options: AlertmanagerOptions, mayChange: RequestHandler): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const { silences, wallMs, changed } = options;

  router.get('/status', (_request, response) => void response.json(statusOf(options)));
  router.get('/receivers', (_request, response) => {
    response.json(options.receivers().map((name) => ({ name })));
  });
  router.get('/alerts', (request, response) => {
    const nowMs = wallMs();
    response.json(wantedAlerts(options, request).map((alert) => gettableAlert(alert, nowMs)));
  });
  router.get('/alerts/groups', (request, response) => {
    response.json(groupsOf(wantedAlerts(options, request), wallMs()));
  });
  router.post('/alerts', (_request, response) => {
    // Alerts come from rules here; one that was only told could neither be judged nor be held.
    response.status(501).json('this collector makes its alerts from rules; it takes none from others');
  });
  router.get('/silences', (request, response) => {
    const fits = filterOf(request);
    const shown = silences.list().filter(({ matchers }) => fits(literalLabels(matchers)));
    response.json(shown.map((silence) => gettableSilence(silence, wallMs())));
  });
  router.get('/silence/:id', (request, response) => {
    const silence = silences.get(request.params.id);
    if (silence === undefined) throw new AppError('NOT_FOUND', 'there is no silence with this id');
    response.json(gettableSilence(silence, wallMs()));
  });
  router.post('/silences', mayChange, jsonBody, (request, response) => {
    const { id, ...body } = parseBody(postableSilenceSchema, request);
    const draft = draftOf(body);
    const silence = id === undefined || id === '' ? silences.create(draft) : silences.change(id, draft);
    changed();
    response.json({ silenceID: silence.id });
  });
  router.delete('/silence/:id', mayChange, (request, response) => {
    silences.expire(idParameter(request));
    changed();
    response.status(200).end();
  });
  // Clients expect the text of an error as a JSON string.
  router.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOfError(error);
    if (status >= 500) options.log.error('request failed', { error: describeError(error) });
    response
      .status(status)
      .json(status >= 500 ? 'the collector failed; its log says more' : describeError(error));
  });
  return router;
}

function statusOf({ version, startedMs }: AlertmanagerOptions) {
  return {
    cluster: { name: '', status: 'disabled', peers: [] },
    config: {
      original:
        '# Rollcall: see its own settings\nroute: {receiver: default}\nreceivers: [{name: default}]\n',
    },
    uptime: new Date(startedMs).toISOString(),
    versionInfo: { version, revision: '', branch: '', buildUser: '', buildDate: '', goVersion: '' },
  };
}

/** The alerts that fit the parameters of a request. */
function wantedAlerts({ alerts }: AlertmanagerOptions, request: Request): readonly ApiAlert[] {
  const patterns = new PatternTally(FILTER_WEIGHT_MAX);
  const fits = filterOf(request, patterns);
  const isWanted = (name: string): boolean => request.query[name] !== 'false';
  const pattern = request.query['receiver'];
  const hasPattern = typeof pattern === 'string' && pattern !== '';
  const fault = hasPattern ? patterns.add(pattern) : undefined;
  if (fault !== undefined) throw new AppError('BAD_REQUEST', fault);
  const isReceiver = hasPattern ? compilePattern(pattern) : () => true;
  return alerts().filter((alert) => {
    const isSilenced = alert.silencedBy.length > 0;
    const isInhibited = alert.inhibitedBy.length > 0;
    if (isSilenced && !isWanted('silenced')) return false;
    if (isInhibited && !isWanted('inhibited')) return false;
    if (alert.mutedBy.length > 0 && !isWanted('muted')) return false;
    if (stateOf(alert) === 'active' && !isWanted('active')) return false;
    return fits(alert.labels) && (alert.receivers.length === 0 || alert.receivers.some(isReceiver));
  });
}

/** @throws AppError BAD_REQUEST naming a filter that is malformed */
function filterOf(
  request: Request,
  patterns = new PatternTally(FILTER_WEIGHT_MAX),
): (labels: LabelValues) => boolean {
  const value = request.query['filter'];
  const texts = value === undefined ? [] : Array.isArray(value) ? value : [value];
  if (texts.length > FILTERS_MAX) {
    throw new AppError('BAD_REQUEST', `${texts.length} filters, at most ${FILTERS_MAX} are allowed`);
  }
  return compile(texts.map((text) => parseFilter(typeof text === 'string' ? text : '', patterns)));
}

/** What a filter on silences is compared with: the values that their matchers ask for. */
function literalLabels(matchers: readonly { readonly name: string; readonly value: string }[]): LabelValues {
  return Object.fromEntries(matchers.map(({ name, value }) => [name, value]));
}

function stateOf({ silencedBy, inhibitedBy, mutedBy }: ApiAlert): 'active' | 'suppressed' {
  return silencedBy.length + inhibitedBy.length + mutedBy.length > 0 ? 'suppressed' : 'active';
}

function gettableAlert(alert: ApiAlert, nowMs: number) {
  const { labels, annotations, fingerprint, receivers, silencedBy, inhibitedBy, mutedBy } = alert;
  return {
    annotations,
    endsAt: new Date(nowMs + ENDS_AFTER_MS).toISOString(),
    fingerprint,
    receivers: receivers.map((name) => ({ name })),
    startsAt: new Date(alert.startsMs).toISOString(),
    status: { inhibitedBy, mutedBy, silencedBy, state: stateOf(alert) },
    updatedAt: new Date(alert.updatedMs).toISOString(),
    generatorURL: alert.url,
    labels,
  };
}

/** One group for each receiver and group key, as its notifications would be put together. */
function groupsOf(alerts: readonly ApiAlert[], nowMs: number) {
  const groups = new Map<string, { receiver: string; labels: LabelValues; alerts: ApiAlert[] }>();
  for (const alert of alerts) {
    for (const receiver of alert.receivers) {
      const labels = alert.deliveries[receiver]?.groupLabels ?? {};
      const key = JSON.stringify([receiver, labels]);
      const group = groups.get(key) ?? { receiver, labels, alerts: [] };
      group.alerts.push(alert);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ receiver, labels, alerts: members }) => ({
    alerts: members.map((alert) => gettableAlert(alert, nowMs)),
    labels,
    receiver: { name: receiver },
  }));
}

function statusOfError(error: unknown): number {
  if (error instanceof AppError) return error.code === 'BAD_REQUEST' ? 400 : (STATUS_OF[error.code] ?? 500);
  if (error instanceof Error && 'status' in error && typeof error.status === 'number') return error.status;
  return 500;
}
