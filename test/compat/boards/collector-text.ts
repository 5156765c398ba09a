/** What /metrics of a collector says once everything that it counts has happened. */
import { ALERTING_COUNTERS } from '../../../collector/src/alerting/counters.ts';
import { REMOTE_COUNTERS } from '../../../collector/src/api/remote/counters.ts';
import {
  collectorGauges,
  FLEET_COUNTERS,
  GATEWAY_TABLE,
  READER_COUNTERS,
} from '../../../collector/src/self/figures.ts';
import { createSelfMetrics, type CounterTable } from '../../../collector/src/self/metrics.ts';

/** The text of a collector in which every counter is 1 and every gauge has a value. */
export async function collectorText(): Promise<string> {
  const tables: readonly CounterTable[] = [
    ALERTING_COUNTERS,
    REMOTE_COUNTERS,
    FLEET_COUNTERS,
    GATEWAY_TABLE,
    READER_COUNTERS,
  ];
  const metrics = createSelfMetrics({
    counters: tables,
    gauges: collectorGauges({
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
      }),
      hosts: () => ({ unknown: 0, up: 1, suspect: 0, down: 0, planned: 0 }),
      connectedAgents: () => 1,
      connections: () => 1,
      alerting: () => ({
        openIncidents: 1,
        pendingInstances: 0,
        evaluatedMs: null,
        unsent: { queued: 0, sending: 0, waiting: 0 },
        oldestUnsentMs: null,
      }),
      nowMs: () => 0,
    }),
  });
  for (const [name, { labels }] of tables.flatMap((table) => Object.entries(table))) {
    metrics.increment(name, Object.fromEntries(labels.map((label) => [label, 'accepted'])));
  }
  return (await metrics.read()).text;
}
