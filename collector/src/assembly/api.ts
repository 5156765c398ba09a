/** The HTTP side with the rooms behind it: each port of `createApi` is filled here. */
import type { RequestListener } from 'node:http';
import { resolve } from 'node:path';
import { METRICS } from '@rollcall/shared/catalogue/metrics.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { backtest } from '../alerting/backtest/backtest.ts';
import { ALERTING_LIMITS } from '../alerting/limits.ts';
import type { Alerting } from '../alerting/pipeline.ts';
import { testTexts } from '../alerting/rule-files/test-texts.ts';
import type { TestStore } from '../alerting/rule-files/unit-test.ts';
import { alertsOf } from '../api/alertmanager/alerts-view.ts';
import type { ReadAccess } from '../api/auth/guard.ts';
import { accessTokens, type AccessTokens } from '../api/auth/tokens.ts';
import { activeAlerts, ruleGroups } from '../api/prometheus/alerting-view.ts';
import { federateHandler } from '../api/prometheus/federate.ts';
import { directQueries, prometheusRouter } from '../api/prometheus/prometheus.ts';
import type { ServerSettings } from '../api/prometheus/status.ts';
import { PushedMetadata } from '../api/remote/metadata.ts';
import { remoteRouter } from '../api/remote/remote.ts';
import { rulesInForce } from '../api/rules-view.ts';
import { createApi, type ApiPorts } from '../api/server.ts';
import type { Incident } from '../api/types.ts';
import { externalUrl } from '../config/derive.ts';
import { isLoopback } from '../config/load.ts';
import { spanText, type Config } from '../config/options.ts';
import type { Feed } from '../feed/feed.ts';
import { FleetView } from '../fleet/view.ts';
import { channelBindingOf } from '../gateway/channel-binding.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { createQueryEngine, DEFAULT_LIMITS, DEFAULT_LOOKBACK_MS } from '../query/query.ts';
import { VERSION } from '../self/version.ts';
import { openScratchStorage } from '../storage/open.ts';
import { createEnrolment } from './agents.ts';
import type { AlertingRoom } from './alerting.ts';
import type { Basics } from './basics.ts';
import type { DataDir } from './data-dir.ts';
import type { Fleet } from './fleet.ts';
import type { QueryThreads } from './readers.ts';
import { AGENT_INTERVAL_MS } from './series.ts';
import type { Stores } from './storage.ts';

const PAGE_DIRECTORY = resolve(import.meta.dirname, '../../../web/dist');

interface ApiNeeds {
  readonly dataDir: DataDir;
  readonly fleet: Fleet;
  readonly stores: Stores;
  readonly queries: QueryThreads;
  readonly feed: Feed;
  readonly alerts: AlertingRoom;
  readonly gateway: Gateway;
}

/** All routes, without a socket. */
export function assembleApi(basics: Basics, needs: ApiNeeds): RequestListener {
  const { config, clock, log, randomBytes, metrics } = basics;
  const { dataDir, fleet, queries, alerts, gateway } = needs;
  const { alerting, onCall, links } = alerts;
  const tokens = accessTokens({ state: dataDir.state, wallMs: () => clock.wallMs(), randomBytes });
  const view = fleetView(clock, needs);
  const startedMs = clock.wallMs();
  const enrolment = createEnrolment(basics, dataDir, fleet);
  return createApi({
    log,
    access: readAccess(config, tokens),
    hosts: view,
    hostChanges: fleet.hosts,
    wallMs: () => clock.wallMs(),
    incidents: incidentsPort(alerting),
    onCall,
    calendar: (schedule, token) => onCall.calendar(schedule, token),
    links,
    tokens,
    queries: { slowest: () => queries.queryLog.slowest() },
    rules: {
      list: () => rulesInForce(alerting.rules()),
      shelf: alerts.shelf,
      test: (texts, signal) => testTexts(texts, () => scratchStore(clock), signal),
      backtest: (request, signal) => backtest(request, queries.forPeople.engine, signal),
    },
    maintenance: {
      maintenance: alerting.delivery.maintenance,
      changed: () => alerting.delivery.releaseHeld(),
    },
    routing: { routes: config.routes, dependencies: config.dependencies },
    alertmanager: alertmanagerPort(basics, alerts, startedMs),
    enrollment: {
      handle: ({ body, remoteAddress, socket }) =>
        enrolment.enrol(body, { address: remoteAddress, channelBinding: channelBindingOf(socket) }),
    },
    readiness: () => readiness(needs),
    status: () => ({
      version: VERSION,
      startedMs,
      nowMs: clock.wallMs(),
      hostCount: fleet.hosts.count,
      connectedAgents: gateway.connectedAgents(),
      isInsecure: config.insecure,
    }),
    metrics: () => metrics.read(),
    direct: directQueries({ answers: queries.forPeople, clock, log }),
    ...prometheusRouters(basics, needs, { view, tokens, startedMs }),
    pageDirectory: PAGE_DIRECTORY,
  });
}

function fleetView(
  clock: Clock,
  { dataDir: { journal, reader }, fleet, alerts: { alerting } }: ApiNeeds,
): FleetView {
  return new FleetView({
    ...fleet,
    clock,
    openIncidents: () => alerting.incidents.openCountByHost(),
    lostSamples: (hostId) => journal.lostSamples(hostId),
    gaps: (hostId, range) => reader.gaps({ agentId: hostId, ...range }),
  });
}

function incidentsPort({ incidents, actions }: Alerting): ApiPorts['incidents'] {
  return {
    list: ({ hostId, ...query }) => incidents.list({ ...query, hostId: hostId ?? null }),
    get: (id) => incidents.get(id),
    acknowledge: (id, ack) => void actions.acknowledge(id, ack),
    unacknowledge: (id, by) => void actions.unacknowledge(id, by),
    comment: (id, said) => void actions.comment(id, said),
    close: (id, decision) => void actions.close(id, decision),
  };
}

function alertmanagerPort(
  { config, clock, log }: Basics,
  { alerting, receivers }: AlertingRoom,
  startedMs: number,
): ApiPorts['alertmanager'] {
  return {
    log,
    version: VERSION,
    startedMs,
    wallMs: () => clock.wallMs(),
    silences: alerting.delivery.silences,
    changed: () => alerting.delivery.releaseHeld(),
    receivers: () => receivers.map(({ name }) => name),
    alerts: () =>
      alertsOf(openIncidents(alerting), {
        routesOf: (target) => alerting.delivery.routesOf(target),
        suppressionsOf: alerting.delivery.suppressions(),
        externalUrl: externalUrl(config),
      }),
  };
}

/** Prometheus' query API, and remote write and read. */
function prometheusRouters(
  { config, clock, log, metrics }: Basics,
  { stores: { storage }, queries, alerts: { alerting } }: ApiNeeds,
  {
    view,
    tokens,
    startedMs,
  }: { readonly view: FleetView; readonly tokens: AccessTokens; readonly startedMs: number },
): Pick<ApiPorts, 'prometheus' | 'federate' | 'remote'> {
  const pushedMetadata = new PushedMetadata();
  return {
    prometheus: prometheusRouter({
      answers: queries.forPeople,
      clock,
      log,
      metadata: () => [...Object.entries(METRICS), ...pushedMetadata.entries()],
      buildInfo: {
        version: VERSION,
        revision: '',
        branch: '',
        buildUser: '',
        buildDate: '',
        goVersion: process.version,
      },
      settings: serverSettings(config, startedMs),
      ruleGroups: () =>
        ruleGroups(alerting.rules(), {
          incidents: openIncidents(alerting),
          intervalMs: config['rule-interval'],
        }),
      alerts: () => activeAlerts(alerting.rules(), openIncidents(alerting)),
      targets: () => view.targets(AGENT_INTERVAL_MS),
    }),
    federate: federateHandler({
      answers: queries.forPeople,
      clock,
      log,
      lookbackMs: DEFAULT_LOOKBACK_MS,
      seriesMax: DEFAULT_LIMITS.seriesMax,
    }),
    remote: remoteRouter({
      clock,
      log,
      answers: queries.forPeople,
      append: (batch) => storage.append(batch),
      metadata: pushedMetadata,
      reserved: () => view.identities(),
      judgeWriter: (token) => tokens.judge(token, 'write'),
      counters: metrics,
    }),
  };
}

/** The settings that Prometheus has too, under its names. */
function serverSettings(config: Config, startedMs: number): ServerSettings {
  const { host, port } = config.listen;
  return {
    startedMs,
    scrapeIntervalMs: AGENT_INTERVAL_MS,
    ruleIntervalMs: config['rule-interval'],
    retention: spanText(config['raw-retention']),
    retentionBytes: config['storage-bytes'],
    flags: {
      'log.level': config['log-level'],
      'query.lookback-delta': spanText(DEFAULT_LOOKBACK_MS),
      'query.max-concurrency': String(DEFAULT_LIMITS.concurrentMax),
      'query.max-samples': String(DEFAULT_LIMITS.samplesMax),
      'query.timeout': spanText(DEFAULT_LIMITS.timeoutMs),
      'web.enable-admin-api': 'false',
      'web.enable-lifecycle': 'false',
      'web.enable-remote-write-receiver': 'true',
      'web.external-url': externalUrl(config),
      'web.listen-address': `${host.includes(':') ? `[${host}]` : host}:${port}`,
    },
    // The address alone: user, path and parameters may hold a secret.
    alertmanagers: config.receivers.flatMap((receiver) =>
      receiver.kind === 'alertmanager' ? [new URL(receiver.url.reveal()).origin] : [],
    ),
  };
}

/** What keeps the collector from being ready, for people. */
function readiness({ dataDir: { journal }, feed, stores }: ApiNeeds): readonly string[] {
  const problem = stores.problem();
  const ofBlocks = problem === undefined ? [] : [problem];
  if (journal.stats().isWritable) return ofBlocks;
  const held = feed.problems();
  const ofJournal = held.length > 0 ? held : ['journal: the disk cannot be written; agents hold their data'];
  return [...ofJournal, ...ofBlocks];
}

function openIncidents({ incidents }: Alerting): readonly Incident[] {
  return incidents.list({ status: 'open', hostId: null, limit: ALERTING_LIMITS.incidentsPerListMax });
}

/** An empty store with its engine, for unit tests of rules. */
function scratchStore(clock: Clock): TestStore {
  const storage = openScratchStorage();
  return { append: (series) => storage.append(series), engine: createQueryEngine({ storage, clock }) };
}

function readAccess(config: Config, tokens: Pick<AccessTokens, 'judge'>): ReadAccess {
  return isLoopback(config.listen.host)
    ? { kind: 'loopback' }
    : { kind: 'token', judge: (token) => tokens.judge(token, 'read') };
}
