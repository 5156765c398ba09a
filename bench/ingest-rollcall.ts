/** The collector's side of the ingest benchmark: simulated agents in this process drain a backlog into it. */
import { join } from 'node:path';
import { createToken, startCollector, waitFor } from '../test/harness/processes.ts';
import type { SimulatedAgent } from './fleet/agent.ts';
import { enrollFleet } from './fleet/fleet.ts';
import { measureIdle, measureProcess, type IngestFigures, type IngestSize } from './ingest-figures.ts';

const DRAIN_MS_MAX = 300_000;

/** @param folder of the caller; everything stays in it */
export async function measureRollcall(folder: string, size: IngestSize): Promise<IngestFigures> {
  const dataDir = join(folder, 'rollcall');
  const collector = await startCollector(dataDir, ['--log-level', 'warn']);
  const agents = await enrollFleet({
    url: collector.url,
    token: createToken(dataDir, ['--uses', String(size.agents)]),
    count: size.agents,
    intervalMs: size.intervalMs,
    cpuCount: size.cpuCount,
  });
  // Logins and inventories are measured by the fleet benchmark; here every agent is connected before it counts.
  for (const agent of agents) {
    agent.tick(size.fromMs - size.intervalMs);
    agent.connect();
  }
  await untilAcknowledged(agents);
  const pid = collector.child.pid ?? 0;
  const idleCores = await measureIdle(pid);
  const sentBefore = bytesSent(agents);
  // Without a pause until the measurement begins, so that nothing is sent before all of it is there.
  for (let tick = 0; tick < size.ticks; tick++)
    for (const agent of agents) agent.tick(size.fromMs + tick * size.intervalMs);
  const figures = await measureProcess(
    { name: 'rollcall', pid, dataDir, isNode: true, idleCores },
    async () => {
      await untilAcknowledged(agents);
      const samples = agents.reduce((sum, { seriesCount }) => sum + seriesCount * size.ticks, 0);
      return { samples, wireBytes: bytesSent(agents) - sentBefore };
    },
  );
  await Promise.all(agents.map((agent) => agent.disconnect()));
  await collector.stop();
  return figures;
}

async function untilAcknowledged(agents: readonly SimulatedAgent[]): Promise<void> {
  await waitFor(
    'every record to be acknowledged',
    () => (agents.every((agent) => agent.unackedRecords === 0) ? true : undefined),
    DRAIN_MS_MAX,
  );
}

function bytesSent(agents: readonly SimulatedAgent[]): number {
  return agents.reduce((sum, agent) => sum + (agent.stats()?.bytesSent ?? 0), 0);
}
