/**
 * Starts the collector and stops it again: the order in which its rooms are opened. How each is put together, and with
 * what of the others, stands in `assembly/`.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { ALERTING_COUNTERS } from './alerting/counters.ts';
import { listen } from './api/listen.ts';
import { REMOTE_COUNTERS } from './api/remote/counters.ts';
import { createServer } from './api/server.ts';
import { openGateway } from './assembly/agents.ts';
import { openAlerting, startHeartbeat } from './assembly/alerting.ts';
import { assembleApi } from './assembly/api.ts';
import type { Basics, Close } from './assembly/basics.ts';
import { closeAll } from './assembly/close-all.ts';
import { openDataDir } from './assembly/data-dir.ts';
import { openFeed } from './assembly/feed.ts';
import { openFleet } from './assembly/fleet.ts';
import { openQueryThreads } from './assembly/readers.ts';
import { startFleetSeries } from './assembly/series.ts';
import { openStores } from './assembly/storage.ts';
import { tlsFiles } from './config/derive.ts';
import type { Config } from './config/options.ts';
import { FEED_COUNTERS } from './feed/counters.ts';
import { feedGauges } from './feed/gauges.ts';
import {
  collectorGauges,
  FLEET_COUNTERS,
  GATEWAY_TABLE,
  READER_COUNTERS,
  windowGauge,
} from './self/figures.ts';
import { scheduleHousekeeping } from './self/housekeeping.ts';
import { createSelfMetrics } from './self/metrics.ts';
import { VERSION } from './self/version.ts';

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

/** @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW, PORT_TAKEN, BAD_CONFIG */
export async function startCollector(config: Config, ports: CollectorPorts): Promise<Collector> {
  const closers: Close[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= closeAll(closers);
    return stopping;
  };
  const metrics = createSelfMetrics([
    ALERTING_COUNTERS,
    GATEWAY_TABLE,
    FLEET_COUNTERS,
    REMOTE_COUNTERS,
    READER_COUNTERS,
    FEED_COUNTERS,
  ]);
  const onStop = (close: Close): void => void closers.push(close);
  try {
    return { url: await open({ config, ...ports, randomBytes, metrics, onStop }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Opens every room in order; each says what closes it. Returns where the collector listens. */
async function open(basics: Basics): Promise<string> {
  const { config, clock, log, metrics, onStop } = basics;
  const dataDir = openDataDir(basics);
  const fleet = openFleet(basics, dataDir);
  const stores = openStores(basics, dataDir, fleet);
  const queries = openQueryThreads(basics, { dataDir, fleet, stores });
  // It loads its program while the rest is opened, so that who asks at once does not wait for both.
  queries.forPeople.startAhead();
  const feed = openFeed(basics, { dataDir, fleet, stores });
  const alerts = openAlerting(basics, { dataDir, fleet, stores, queries });
  startFleetSeries(basics, { dataDir, fleet, stores });
  const gateway = openGateway(basics, dataDir, fleet);

  const { journal, ages } = dataDir;
  const { alerting } = alerts;
  const nowMs = (): number => clock.wallMs();
  metrics.addGauges([
    ...collectorGauges({
      journal: () => journal.stats(),
      hosts: () => fleet.presence.counts(),
      outage: () => fleet.presence.outage(),
      connectedAgents: () => gateway.connectedAgents(),
      connections: () => gateway.connectionCount(),
      alerting: () => alerting.stats(),
      isClockInDoubt: () => ages.isInDoubt(),
      nowMs,
    }),
    ...feedGauges(feed, nowMs),
    windowGauge(() => ({
      rules: queries.forRules.windowBytes,
      people: queries.forPeople.windowBytes,
    })),
  ]);

  const api = assembleApi(basics, { dataDir, fleet, stores, queries, feed, alerts, gateway });
  const server = createServer(api, tlsFiles(config));
  server.on('upgrade', (request, socket, head) => {
    if (!gateway.handleUpgrade(request, socket, head)) socket.destroy();
  });
  const bound = await listen(server, config.listen);
  onStop(bound.close);
  // The sockets of agents belong to the server too, so it only ends after the gateway has closed them.
  onStop(() => gateway.close());

  onStop(
    scheduleHousekeeping(log, {
      'prune samples': (signal) => stores.storage.prune(ages.nowMs() - config['raw-retention'], signal),
      // By the wall clock.
      'prune incidents': () => ages.isInDoubt() || alerting.prune(),
      'prune silences': () =>
        ages.isInDoubt() || alerting.delivery.silences.prune() + alerting.delivery.maintenance.prune(),
      'prune inventory': () => fleet.inventory.prune(),
    }),
  );
  alerting.start();
  startHeartbeat(basics, alerts, dataDir);
  feed.start();
  if (config.insecure) log.warn('insecure is set: agents and readers may connect without TLS');
  log.info('collector started', {
    version: VERSION,
    url: bound.url,
    dataDir: config['data-dir'],
    hosts: fleet.hosts.count,
  });
  return bound.url;
}
