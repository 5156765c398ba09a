/** What /metrics of a collector can say: the tables that it is put together from, and a text in which all has happened. */
import { ALERTING_COUNTERS } from '../../../collector/src/alerting/counters.ts';
import { REMOTE_COUNTERS } from '../../../collector/src/api/remote/counters.ts';
import { FEED_COUNTERS } from '../../../collector/src/feed/counters.ts';
import { feedGauges } from '../../../collector/src/feed/gauges.ts';
import {
  collectorGauges,
  FLEET_COUNTERS,
  GATEWAY_TABLE,
  READER_COUNTERS,
} from '../../../collector/src/self/figures.ts';
import { createSelfMetrics, type CounterTable, type GaugeRow } from '../../../collector/src/self/metrics.ts';

/** Every counter of the collector. */
export const COLLECTOR_COUNTERS: CounterTable = {
  ...ALERTING_COUNTERS,
  ...FEED_COUNTERS,
  ...FLEET_COUNTERS,
  ...GATEWAY_TABLE,
  ...READER_COUNTERS,
  ...REMOTE_COUNTERS,
};

/** Every gauge of the collector, with some value. */
export const COLLECTOR_GAUGES: readonly GaugeRow[] = [
  ...collectorGauges({
    journal: () => ({
      rows: 1,
      bytes: 1,
      samples: 1,
      isWritable: true,
      commits: 1,
      failedCommits: 0,
      duplicates: 0,
      rejectedRecords: 0,
      refusedBlocks: 0,
      correctedTicks: 0,
    }),
    hosts: () => ({ unknown: 0, up: 1, suspect: 0, down: 0, planned: 0 }),
    outage: () => ({ kind: 'none' }),
    connectedAgents: () => 1,
    connections: () => 1,
    alerting: () => ({
      openIncidents: 1,
      pendingInstances: 0,
      evaluatedMs: null,
      unsent: { queued: 0, sending: 0, waiting: 0 },
      oldestUnsentMs: null,
    }),
    isClockInDoubt: () => false,
    nowMs: () => 0,
  }),
  ...feedGauges(
    {
      stores: () => [
        {
          name: 'influx',
          kind: 'influx-v1',
          state: 'ok',
          error: null,
          pos: 1,
          settledPos: 1,
          waitingRecords: 0,
          oldestWaitingMs: null,
          counts: {
            samples: 1,
            batches: 1,
            retries: 0,
            blocked: 0,
            rewinds: 0,
            refused: { stale_marker: 0, not_finite: 0, unstorable: 0, refused: 0 },
            readBacks: { equal: 1, missing: 0, unknown: 0 },
          },
        },
      ],
      waitingBytes: () => 0,
    },
    () => 0,
  ),
];

/** The text of a collector in which every counter is 1, with every one of its labels called as `label` says. */
export async function collectorText(label: (name: string) => string = () => 'accepted'): Promise<string> {
  const metrics = createSelfMetrics([COLLECTOR_COUNTERS]);
  metrics.addGauges(COLLECTOR_GAUGES);
  for (const [name, { labels }] of Object.entries(COLLECTOR_COUNTERS)) {
    metrics.increment(name, Object.fromEntries(labels.map((one) => [one, label(one)])));
  }
  return (await metrics.read()).text;
}
