/**
 * Puts the collector together and takes it apart again. The only place that knows every room; it decides nothing but
 * who gets whom. Long, because opening is one straight sequence.
 */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { METRICS } from '@rollcall/shared/catalogue/metrics.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { ALERTING_COUNTERS } from './alerting/counters.ts';
import { ALERTING_LIMITS } from './alerting/limits.ts';
import { Heartbeat } from './alerting/heartbeat/heartbeat.ts';
import { linkKey } from './alerting/links/key.ts';
import { createLinks } from './alerting/links/links.ts';
import { createSmtp } from './alerting/notify/email/smtp.ts';
import { createReceivers } from './alerting/notify/list.ts';
import { createPost } from './alerting/notify/post.ts';
import { createTargetGuard } from './alerting/notify/target.ts';
import { OnCallView } from './alerting/on-call/view.ts';
import { plannedWork } from './alerting/maintenance/planned-work.ts';
import { createAlerting, type Alerting } from './alerting/pipeline.ts';
import type { EvaluatePort, EvaluateRangePort } from './alerting/ports.ts';
import { backtest } from './alerting/backtest/backtest.ts';
import { RuleShelf } from './alerting/rule-files/rule-shelf.ts';
import { testTexts } from './alerting/rule-files/test-texts.ts';
import type { TestStore } from './alerting/rule-files/unit-test.ts';
import { rulesInForce } from './api/rules-view.ts';
import { STOCK_RULE_DEFAULTS, stockRules } from './alerting/rules/stock.ts';
import { readStockRules } from './alerting/stock-rules/stock-rules.ts';
import type { ReadAccess } from './api/auth/guard.ts';
import { accessTokens, type AccessTokens } from './api/auth/tokens.ts';
import { alertsOf } from './api/alertmanager/alerts-view.ts';
import { listen } from './api/listen.ts';
import { activeAlerts, ruleGroups } from './api/prometheus/alerting-view.ts';
import { directQueries, prometheusRouter } from './api/prometheus/prometheus.ts';
import { REMOTE_COUNTERS } from './api/remote/counters.ts';
import { PushedMetadata } from './api/remote/metadata.ts';
import { remoteRouter } from './api/remote/remote.ts';
import { createApi, createServer } from './api/server.ts';
import { externalUrl, plainStores, tlsFiles } from './config/derive.ts';
import { isLoopback } from './config/load.ts';
import type { Config } from './config/options.ts';
import { FEED_COUNTERS } from './feed/counters.ts';
import { Cursors } from './feed/cursors.ts';
import { Feed, feedThreadStarter } from './feed/feed.ts';
import { feedGauges } from './feed/gauges.ts';
import { Enrolment } from './fleet/enrolment.ts';
import { Hosts } from './fleet/hosts.ts';
import { openIdentity } from './fleet/identity.ts';
import { Inventory } from './fleet/inventory.ts';
import { PRESENCE_DEFAULTS, PresenceWatch } from './fleet/presence.ts';
import { FleetSeries } from './fleet/series.ts';
import { EnrolmentTokens } from './fleet/tokens.ts';
import { FleetView } from './fleet/view.ts';
import { FleetVitals } from './fleet/vitals.ts';
import { channelBindingOf } from './gateway/channel-binding.ts';
import { createGateway } from './gateway/gateway.ts';
import type { SealableJournal } from './journal/journal.ts';
import { openJournal } from './journal/open-journal.ts';
import { openJournalReader } from './journal/reader.ts';
import { SchemaCache } from './journal/schema-cache.ts';
import { createQueryEngine, DEFAULT_LIMITS, type QueryEngine } from './query/query.ts';
import { QueryLog } from './query/query-log.ts';
import type { ThreadSettings } from './readers/messages.ts';
import { limitsPerThread, Readers, threadStarter } from './readers/readers.ts';
import { collectorGauges, FLEET_COUNTERS, GATEWAY_TABLE, READER_COUNTERS } from './self/figures.ts';
import { scheduleHousekeeping } from './self/housekeeping.ts';
import { createSelfMetrics } from './self/metrics.ts';
import { VERSION } from './self/version.ts';
import { prepareDataDir } from './state/data-dir.ts';
import { lockDataDir } from './state/lock.ts';
import { openState, stateFile } from './state/state.ts';
import { BlockSet } from './storage/embedded/block-set.ts';
import { BlockKeeper } from './storage/embedded/sealing/keeper.ts';
import type { Retention } from './storage/embedded/sealing/plan.ts';
import { threadWorkshop } from './storage/embedded/sealing/thread-workshop.ts';
import { readElsewhere } from './storage/open-reader.ts';
import { openScratchStorage, openStorage } from './storage/open.ts';
import { MAIN_STORE } from './storage/store-config.ts';

export interface Collector {
  /** Where it listens. */
  readonly url: string;
  /** Stops accepting, drains, flushes, closes. May be called more than once. */
  stop(): Promise<void>;
}

export interface CollectorPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What agents send at unless told otherwise; the collector's own series keep the same pace. */
const AGENT_INTERVAL_MS = 10_000;
/** People's queries; one goes on while another one cannot be interrupted. */
const READER_THREADS = 2;
/** Acknowledgements and pages come first on a machine with few cores. */
const READER_NICENESS = 5;
/** What the collector itself still reads, besides the threads: the last samples of pushed series. */
const OWN_WINDOW_BYTES = 64 * 1024 * 1024;
/** Newest readings that a thread keeps as columns, of all hosts that somebody asks about. */
const READER_WINDOW_BYTES = 192 * 1024 * 1024;
/** Rules look at the past of all hosts again and again: room for what they want of a thousand hosts. */
const RULES_WINDOW_BYTES = 256 * 1024 * 1024;
const READER_CACHE_BYTES = 96 * 1024 * 1024;
/** With 2 GiB and more the engine lets garbage grow to four times of what is in use, below that to less than two times. */
const READER_HEAP_MIB = 1_792;
/** External stores have time, and one that is away costs nothing. */
const FEED_NICENESS = 5;
const FEED_HEAP_MIB = 512;
const PAGE_DIRECTORY = resolve(import.meta.dirname, '../../web/dist');

/** @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW, PORT_TAKEN, BAD_CONFIG */
export async function startCollector(config: Config, ports: CollectorPorts): Promise<Collector> {
  const closers: (() => void | Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= closeAll(closers);
    return stopping;
  };
  try {
    return { url: await open(config, ports, closers), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Opens every room in order; each puts what closes it on `closers`. Long because it is one straight sequence. */
async function open(
  config: Config,
  { clock, log, random }: CollectorPorts,
  closers: (() => void | Promise<void>)[],
): Promise<string> {
  const dataDir = config['data-dir'];
  prepareDataDir(dataDir);
  closers.push(lockDataDir(dataDir));
  const identity = openIdentity(dataDir);
  const state = openState(stateFile(dataDir));
  closers.push(() => state.close());

  const schemas = new SchemaCache();
  const journalFile = join(dataDir, 'journal.db');
  const journal = openJournal({ path: journalFile, clock, log, randomBytes, yieldToLoop: nextTurn, schemas });
  closers.push(() => journal.close());
  const reader = openJournalReader({ path: journalFile, schemas });
  closers.push(() => reader.close());

  const hosts = new Hosts({ database: state, clock, log });
  hosts.start();
  closers.push(() => hosts.close());
  const presence = new PresenceWatch({
    database: state,
    hosts,
    clock,
    log,
    settings: presenceSettings(config),
  });
  presence.start();
  closers.push(journal.onCommitted((ticks) => presence.committed(ticks)));
  closers.push(() => presence.close());
  const inventory = new Inventory({ database: state, clock });
  const vitals = new FleetVitals();
  closers.push(journal.onCommitted((ticks) => vitals.committed(ticks)));

  const blocksDir = join(dataDir, 'blocks');
  const keeper = new BlockKeeper({
    journal,
    reader,
    workshop: threadWorkshop({ journalFile, dir: blocksDir }),
    disk: nodeDisk,
    dir: blocksDir,
    clock,
    log,
    randomBytes,
    settings: { retention: retention(config), reserveBytes: config['disk-reserve'] },
  });
  const damaged = (error: string, file: string): void => log.error('block file is damaged', { file, error });
  const blocks = new BlockSet({ disk: nodeDisk, dir: blocksDir, damaged });
  closers.push(() => blocks.close());
  const stores = plainStores(config);
  const main = stores.find(({ name }) => name === MAIN_STORE)?.store;
  const elsewhere = main === undefined ? undefined : { store: main, recentMs: config['storage-recent'] };
  const own = openStorage('embedded', {
    journal,
    reader,
    schemas,
    // What a deleted host has left is not read any more.
    identityOf: (agentId) => (hosts.get(agentId) === undefined ? undefined : hosts.identityLabels(agentId)),
    clock,
    randomBytes,
    yieldToLoop: nextTurn,
    blocks,
    windowHosts: 'own',
    limits: { windowBytes: OWN_WINDOW_BYTES },
  });
  const storage = readElsewhere(own, elsewhere, { clock });
  closers.push(() => storage.close());
  keeper.start();
  closers.push(() => keeper.stop());
  const queryLog = new QueryLog(clock);
  const identities = () => Array.from(hosts.all(), ({ id }) => [id, hosts.identityLabels(id)] as const);
  const openReaders = ({
    threads,
    ...thread
  }: { readonly threads: number } & Pick<
    ThreadSettings,
    'niceness' | 'windowBytes' | 'memory' | 'blockCacheBytes'
  >): Readers => {
    const limits = limitsPerThread(threads);
    const settings = { ...thread, journalFile, blocksDir, limits, elsewhere };
    return new Readers({
      clock,
      log,
      start: threadStarter(settings, { heapMiB: READER_HEAP_MIB }),
      threads,
      limits: { ...limits, concurrentMax: DEFAULT_LIMITS.concurrentMax },
      hosts: identities,
      noted: (query) => queryLog.note(query),
      damaged,
      failed: () => metrics.increment('rollcall_reader_threads_failed_total'),
    });
  };
  const readers = openReaders({
    threads: READER_THREADS,
    niceness: READER_NICENESS,
    windowBytes: READER_WINDOW_BYTES,
    memory: 'columns',
    blockCacheBytes: READER_CACHE_BYTES,
  });
  // Threads of their own, so that people's queries cannot take the places of rules.
  const ruleReaders = openReaders({
    threads: 1,
    niceness: 0,
    windowBytes: RULES_WINDOW_BYTES,
    memory: 'window',
    blockCacheBytes: 0,
  });
  closers.push(
    () => readers.close(),
    () => ruleReaders.close(),
  );
  closers.push(
    hosts.onChange(({ kind, id }) => {
      const entry = [id, kind === 'deleted' ? undefined : hosts.identityLabels(id)] as const;
      for (const all of [readers, ruleReaders, feed]) all.hostChanged(entry);
    }),
  );

  const feed = new Feed({
    stores: stores.map(({ name }) => name),
    cursors: new Cursors(state, journal.storeId),
    journal,
    bufferBytes: config['feed-buffer'],
    clock,
    log,
    random,
    start: feedThreadStarter(
      {
        journalFile,
        stateFile: stateFile(dataDir),
        journalId: journal.storeId,
        stores,
        niceness: FEED_NICENESS,
      },
      { heapMiB: FEED_HEAP_MIB },
    ),
    hosts: identities,
    counters: { increment: (name, labels, by) => metrics.increment(name, labels, by) },
  });
  closers.push(() => feed.close());

  const url = externalUrl(config);
  const keyOfLinks = linkKey(state, randomBytes);
  const guard = createTargetGuard({
    allowedRanges: config['allow-private-targets'],
    allowedPorts: config['allow-target-ports'],
  });
  const post = createPost({ clock, guard });
  const receivers = createReceivers(config.receivers, {
    post,
    mail: createSmtp({ clock, guard }),
    clock,
    externalUrl: url,
    links: { to: (incidentId, receiver) => links.to(incidentId, receiver) },
    evidenceOf: (incidentId, signal) => alerting.evidenceOf(incidentId, signal),
  });
  const view = new FleetView({
    clock,
    hosts,
    presence,
    vitals,
    inventory,
    openIncidents: () => alerting.incidents.openCountByHost(),
    lostSamples: (hostId) => journal.lostSamples(hostId),
    gaps: (hostId, range) => reader.gaps({ agentId: hostId, ...range }),
  });
  const metrics = createSelfMetrics({
    counters: [
      ALERTING_COUNTERS,
      GATEWAY_TABLE,
      FLEET_COUNTERS,
      REMOTE_COUNTERS,
      READER_COUNTERS,
      FEED_COUNTERS,
    ],
    gauges: [
      ...collectorGauges({
        journal: () => journal.stats(),
        hosts: () => presence.counts(),
        connectedAgents: () => gateway.connectedAgents(),
        connections: () => gateway.connectionCount(),
        alerting: () => alerting.stats(),
        nowMs: () => clock.wallMs(),
      }),
      ...feedGauges(feed, () => clock.wallMs()),
    ],
  });
  const rulesDir = resolve(config['rules-dir'] ?? join(dataDir, 'rules'));
  const thresholdsPath = resolve(config['thresholds-file'] ?? join(dataDir, 'thresholds.yaml'));
  const alerting = createAlerting({
    state,
    clock,
    random,
    log,
    hosts: { list: () => view.watched() },
    evaluate: evaluateWith(ruleReaders.engine),
    // Evidence waits for people's queries, so that rules never wait for evidence.
    evaluateRange: evaluateRangeWith(readers.engine),
    changesOf: (hostId, limit) => view.changes(hostId, limit) ?? [],
    processesOf: (hostId, span) => reader.busiest({ agentId: hostId, ...span }),
    receivers,
    onCall: config['on-call'],
    routes: config.routes,
    inhibitRules: config['inhibit-rules'],
    dependencies: config.dependencies,
    rules: stockRules({
      ...STOCK_RULE_DEFAULTS,
      filesystemUsedRatioMax: config['disk-full-ratio'],
      filesystemFreeBytesMin: config['disk-full-bytes'],
      filesystemForMs: config['disk-full-for'],
    }),
    stockFiles: config['stock-rules'] === 'on' ? readStockRules(nodeDisk) : [],
    ruleFiles: { path: rulesDir, disk: nodeDisk },
    thresholds: { path: thresholdsPath, disk: nodeDisk },
    append: async (batch) => void (await storage.append(batch)),
    externalUrl: url,
    limits: {
      evaluationIntervalMs: config['rule-interval'],
      incidentAgeMsMax: config['incident-retention'],
    },
    counters: metrics,
  });
  const links = createLinks({
    key: keyOfLinks,
    clock,
    externalUrl: url,
    actions: alerting.actions,
    incident: (id) => alerting.incidents.get(id),
    ownerOf: (receiver) => alerting.onCall.ownerOf(receiver),
    counters: metrics,
  });
  presence.followPlannedWork(plannedWork(alerting.delivery.maintenance, (id) => hosts.get(id)?.name));
  closers.push(presence.onChange(() => alerting.nudge()));
  closers.push(journal.onCommitted(() => alerting.samplesCame()));
  closers.push(hosts.onChange(({ kind, id }) => retire(kind, id, { alerting, vitals, journal, log })));
  closers.push(() => alerting.stop());

  const series = new FleetSeries({
    hosts,
    presence,
    newestDataMs: (hostId) => vitals.newestDataMs(hostId),
    lostSamples: (hostId) => journal.lostSamples(hostId),
    clock,
    log,
    intervalMs: AGENT_INTERVAL_MS,
    append: (batch) => storage.append(batch),
    counted: (outcome) => metrics.increment('rollcall_fleet_series_rounds_total', { outcome }),
    yieldToLoop: nextTurn,
  });
  series.start();
  closers.push(() => series.close());

  const gateway = createGateway({
    clock,
    log,
    randomBytes,
    random,
    identity,
    journal,
    hosts,
    presence,
    vitals,
    inventory,
    counters: { count: (name, reason, by) => metrics.increment(`rollcall_gateway_${name}`, { reason }, by) },
    addressOf: (request) => request.socket.remoteAddress ?? '',
  });
  closers.push(() => gateway.close());

  const enrolment = new Enrolment({
    database: state,
    tokens: new EnrolmentTokens({ database: state, clock, randomBytes }),
    hosts,
    identity,
    storeId: journal.storeId,
    clock,
    randomBytes,
    log,
    counted: (outcome) => metrics.increment('rollcall_enrolments_total', { outcome }),
  });
  const openIncidents = () =>
    alerting.incidents.list({ status: 'open', hostId: null, limit: ALERTING_LIMITS.incidentsPerListMax });
  const startedMs = clock.wallMs();
  const tokens = accessTokens({ state, wallMs: () => clock.wallMs(), randomBytes });
  const onCall = new OnCallView({ onCall: alerting.onCall, clock, key: keyOfLinks, externalUrl: url });
  const pushedMetadata = new PushedMetadata();
  const app = createApi({
    log,
    access: readAccess(config, tokens),
    hosts: view,
    incidents: {
      list: ({ hostId, ...query }) => alerting.incidents.list({ ...query, hostId: hostId ?? null }),
      get: (id) => alerting.incidents.get(id),
      acknowledge: (id, ack) => void alerting.actions.acknowledge(id, ack),
      unacknowledge: (id, by) => void alerting.actions.unacknowledge(id, by),
      comment: (id, said) => void alerting.actions.comment(id, said),
      close: (id, decision) => void alerting.actions.close(id, decision),
    },
    onCall,
    calendar: (schedule, token) => onCall.calendar(schedule, token),
    links,
    tokens,
    queries: { slowest: () => queryLog.slowest() },
    rules: {
      list: () => rulesInForce(alerting.rules()),
      shelf: new RuleShelf({
        disk: nodeDisk,
        folder: rulesDir,
        thresholdsPath,
        checkThresholds: (text) => alerting.checkThresholds(text),
        changed: () => alerting.refreshRules(),
      }),
      test: (texts, signal) => testTexts(texts, () => scratchStore(clock), signal),
      backtest: (request, signal) => backtest(request, readers.engine, signal),
    },
    maintenance: {
      maintenance: alerting.delivery.maintenance,
      changed: () => alerting.delivery.releaseHeld(),
    },
    routing: { routes: config.routes, dependencies: config.dependencies },
    alertmanager: {
      log,
      version: VERSION,
      startedMs,
      wallMs: () => clock.wallMs(),
      silences: alerting.delivery.silences,
      changed: () => alerting.delivery.releaseHeld(),
      receivers: () => receivers.map(({ name }) => name),
      alerts: () =>
        alertsOf(openIncidents(), {
          routesOf: (target) => alerting.delivery.routesOf(target),
          suppressionsOf: alerting.delivery.suppressions(),
          externalUrl: url,
        }),
    },
    enrollment: {
      handle: ({ body, remoteAddress, socket }) =>
        enrolment.enrol(body, { address: remoteAddress, channelBinding: channelBindingOf(socket) }),
    },
    readiness: () => {
      if (journal.stats().isWritable) return [];
      const held = feed.problems();
      return held.length > 0 ? held : ['journal: the disk cannot be written; agents hold their data'];
    },
    status: () => ({
      version: VERSION,
      startedMs,
      nowMs: clock.wallMs(),
      hostCount: hosts.count,
      connectedAgents: gateway.connectedAgents(),
      isInsecure: config.insecure,
    }),
    metrics: () => metrics.read(),
    direct: directQueries({ answers: readers, clock, log }),
    prometheus: prometheusRouter({
      answers: readers,
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
      ruleGroups: () =>
        ruleGroups(alerting.rules(), { incidents: openIncidents(), intervalMs: config['rule-interval'] }),
      alerts: () => activeAlerts(alerting.rules(), openIncidents()),
      targets: () => view.targets(AGENT_INTERVAL_MS),
    }),
    remote: remoteRouter({
      clock,
      log,
      answers: readers,
      append: (batch) => storage.append(batch),
      metadata: pushedMetadata,
      reserved: () => view.identities(),
      judgeWriter: (token) => tokens.judge(token, 'write'),
      counters: metrics,
    }),
    pageDirectory: PAGE_DIRECTORY,
  });
  const server = createServer(app, tlsFiles(config));
  server.on('upgrade', (request, socket, head) => {
    if (!gateway.handleUpgrade(request, socket, head)) socket.destroy();
  });
  const bound = await listen(server, config.listen);
  // The sockets of agents belong to the server too, so it only ends after the gateway has closed them.
  closers.push(bound.close, () => gateway.close());

  closers.push(
    scheduleHousekeeping(log, {
      'prune samples': (signal) => storage.prune(clock.wallMs() - config['raw-retention'], signal),
      'prune incidents': () => alerting.prune(),
      'prune silences': () => alerting.delivery.silences.prune() + alerting.delivery.maintenance.prune(),
      'prune inventory': () => inventory.prune(),
    }),
  );
  alerting.start();
  const heartbeatUrl = config['heartbeat-url'];
  if (heartbeatUrl !== undefined) {
    const heartbeat = new Heartbeat({
      url: heartbeatUrl,
      post,
      clock,
      log,
      counters: metrics,
      vitality: () => ({
        isJournalWritable: journal.stats().isWritable,
        evaluatedMs: alerting.stats().evaluatedMs,
        oldestDueMs: alerting.delivery.oldestDueMs(),
      }),
    });
    heartbeat.start();
    closers.push(() => heartbeat.stop());
  }
  feed.start();
  readers.startAhead();
  if (config.insecure) log.warn('insecure is set: agents and readers may connect without TLS');
  log.info('collector started', { version: VERSION, url: bound.url, dataDir, hosts: hosts.count });
  return bound.url;
}

async function closeAll(closers: (() => void | Promise<void>)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

function retention(config: Config): Retention {
  const ageMs = {
    raw: config['raw-retention'],
    '5m': config['rollup-5m-retention'],
    '1h': config['rollup-1h-retention'],
  };
  return { ageMs, bytesMax: config['storage-bytes'] };
}

function presenceSettings(config: Config) {
  return {
    ...PRESENCE_DEFAULTS,
    silenceMs: config['silence-after'],
    graceMs: config['down-grace'],
    plannedMs: config['planned-timeout'],
    startGraceMs: config['start-grace'],
    tickMs: Math.min(PRESENCE_DEFAULTS.tickMs, Math.max(100, config['down-grace'] / 4)),
  };
}

/** An empty store with its engine, for unit tests of rules. */
function scratchStore(clock: Clock): TestStore {
  const storage = openScratchStorage();
  return { append: (series) => storage.append(series), engine: createQueryEngine({ storage, clock }) };
}

function evaluateWith(engine: QueryEngine): EvaluatePort {
  return async (expression, timeMs, signal) => {
    const { value } = await engine.instant(expression, { timeMs }, signal);
    if (value.kind !== 'vector') {
      throw new AppError(
        'BAD_CONFIG',
        `a rule must give a vector, this one gives a ${value.kind}: ${expression}`,
      );
    }
    return value.samples;
  };
}

function evaluateRangeWith(engine: QueryEngine): EvaluateRangePort {
  return async (expression, span, signal) => {
    const { value } = await engine.range(expression, span, signal);
    return value.kind === 'matrix' ? value.series : [];
  };
}

function retire(
  kind: 'added' | 'revoked' | 'deleted',
  hostId: string,
  {
    alerting,
    vitals,
    journal,
    log,
  }: {
    readonly alerting: Alerting;
    readonly vitals: FleetVitals;
    readonly journal: SealableJournal;
    readonly log: Logger;
  },
): void {
  if (kind === 'added') return;
  alerting.closeHost(hostId, `host was ${kind}`);
  vitals.forget(hostId);
  if (kind !== 'deleted') return;
  try {
    journal.deleteAgent(hostId);
  } catch (error) {
    log.error('data of a deleted host stays until it is too old', { hostId, error: describeError(error) });
  }
}

function readAccess(config: Config, tokens: Pick<AccessTokens, 'judge'>): ReadAccess {
  return isLoopback(config.listen.host)
    ? { kind: 'loopback' }
    : { kind: 'token', judge: (token) => tokens.judge(token, 'read') };
}
