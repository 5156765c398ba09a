/**
 * A fleet against a real collector on loopback, in four acts: every host arrives with an hour's backlog; all of them are
 * live; the collector is killed and comes back; and again all of them are live. Agents are real from the session down.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/harness/ports.ts';
import {
  createToken,
  killAll,
  startCollector,
  waitFor,
  type RunningCollector,
} from '../test/harness/processes.ts';
import { SwarmProcess } from './fleet/swarm-process.ts';
import type { SwarmStatus } from './fleet/swarm.ts';
import { wireBytesTo } from './fleet/wire.ts';
import { cpuSecondsOf, peakRssBytesOf, rssBytesOf } from './process-figures.ts';

const HELP = `npm run bench -- fleet [--agents 10000] [--backlog-minutes 60] [--live-seconds 60] [--json]

  --agents           simulated agents with 203 series every 10 s; 1000 for a quick look
  --backlog-minutes  how long the collector was away when the agents first connect
  --live-seconds     how long the live fleet is watched, each time

10000 agents take about a quarter of an hour and 5 GB in the folder for temporary files, 1000 take three minutes.
`;

const TICKS_PER_MINUTE = 6;
const CATCH_UP_MS_MAX = 1_800_000;
const STORM_MS_MAX = 180_000;
/** Down for so long that every agent has noticed. */
const DOWN_MS = 3_000;
/** A host that waits no longer than this for its acknowledgement is live. */
const LIVE_LAG_MS = 5_000;
export async function fleetLoad(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      agents: { type: 'string', default: '10000' },
      'backlog-minutes': { type: 'string', default: '60' },
      'live-seconds': { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  const swarm = new SwarmProcess();
  try {
    const acts = await play(swarm, folder, {
      agents: Number(values.agents),
      backlogTicks: Math.round(Number(values['backlog-minutes']) * TICKS_PER_MINUTE),
      liveMs: Number(values['live-seconds']) * 1000,
    });
    if (values.json) process.stdout.write(`${JSON.stringify(acts)}\n`);
    else print(acts, Number(values.agents));
  } finally {
    swarm.stop();
    killAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What one act cost. */
interface Act {
  readonly seconds: number;
  readonly samples: number;
  readonly samplesPerSecond: number;
  readonly collectorCores: number;
  readonly cpuSecondsPerMillionSamples: number;
  readonly agentsCores: number;
  readonly rssMiB: number;
  /** Everything of IP and above, in both directions. */
  readonly wireBytesPerSample: number;
  readonly lagSecondsMax: number;
  readonly loopDelayMsP99: number;
  readonly loopDelayMsMax: number;
}

async function play(
  swarm: SwarmProcess,
  dataDir: string,
  size: { readonly agents: number; readonly backlogTicks: number; readonly liveMs: number },
): Promise<Readonly<Record<string, Act>>> {
  const token = createToken(dataDir);
  const flags = ['--log-level', 'warn', '--listen', `127.0.0.1:${await freePort()}`];
  // Opening it once makes the folder; the hosts are written into it while it is closed.
  await (await startCollector(dataDir, flags)).stop();
  const tokenId = token.slice('rce1_'.length).split('_', 1)[0] ?? '';
  await swarm.order({ kind: 'enrol', dataDir, tokenId, count: size.agents, backlogTicks: size.backlogTicks });
  let collector = await startCollector(dataDir, flags);
  const acts: Record<string, Act> = {};

  acts['catch-up'] = await act({ swarm, collector }, async () => {
    await swarm.order({ kind: 'connect', url: collector.url });
    await untilLive(swarm, size.agents, CATCH_UP_MS_MAX);
  });
  await swarm.order({ kind: 'startTicking' });
  acts['live'] = await act({ swarm, collector }, () => pause(size.liveMs));

  collector.child.kill('SIGKILL');
  await pause(DOWN_MS);
  collector = await startCollector(dataDir, flags);
  acts['storm'] = await act({ swarm, collector }, () => untilLive(swarm, size.agents, STORM_MS_MAX));
  acts['live again'] = await act({ swarm, collector }, () => pause(size.liveMs));
  const incidents = await openIncidents(collector.url);
  if (incidents !== 0) throw new Error(`${incidents} incidents were opened; none of the hosts was down`);
  const { rotations } = await swarm.order({ kind: 'status' });
  if (rotations !== 0) throw new Error(`${rotations} epochs were begun; no history has forked`);
  return acts;
}

/** Measures while `work` goes on. */
async function act(
  { swarm, collector }: { readonly swarm: SwarmProcess; readonly collector: RunningCollector },
  work: () => Promise<void>,
): Promise<Act> {
  const pid = collector.child.pid ?? 0;
  // Reading the delays also starts their measurement anew.
  await loopDelays(collector.url);
  const before = { ...(await swarm.order({ kind: 'status' })), ...usage(collector, swarm) };
  const startedMs = performance.now();
  const watching = new AbortController();
  let lagMsMax = 0;
  const watch = (async () => {
    while (!watching.signal.aborted) {
      lagMsMax = Math.max(lagMsMax, (await swarm.order({ kind: 'status' })).lagMsMax);
      await pause(1_000);
    }
  })();
  await work();
  watching.abort();
  const seconds = (performance.now() - startedMs) / 1000;
  await watch;
  const delays = await loopDelays(collector.url);
  const after = { ...(await swarm.order({ kind: 'status' })), ...usage(collector, swarm) };
  const samples = (after.acked - before.acked) * after.seriesCount;
  const wireBytes = after.wireBytes - before.wireBytes;
  const collectorSeconds = after.collectorSeconds - before.collectorSeconds;
  return {
    seconds: round(seconds, 1),
    samples,
    samplesPerSecond: Math.round(samples / seconds),
    collectorCores: round(collectorSeconds / seconds, 2),
    cpuSecondsPerMillionSamples: round((collectorSeconds / samples) * 1e6, 2),
    agentsCores: round((after.swarmSeconds - before.swarmSeconds) / seconds, 2),
    rssMiB: Math.round(Math.max(rssBytesOf(pid), peakRssBytesOf(pid)) / 2 ** 20),
    wireBytesPerSample: round(wireBytes / samples, 2),
    lagSecondsMax: round(lagMsMax / 1000, 2),
    ...delays,
  };
}

function usage(collector: RunningCollector, swarm: SwarmProcess) {
  return {
    collectorSeconds: cpuSecondsOf(collector.child.pid ?? 0),
    swarmSeconds: cpuSecondsOf(swarm.pid),
    wireBytes: wireBytesTo(collector.url),
  };
}

async function untilLive(swarm: SwarmProcess, agents: number, timeoutMs: number): Promise<void> {
  await waitFor(
    'all agents to be live',
    async () => {
      const status = await swarm.order({ kind: 'status' });
      return isLive(status, agents) ? true : undefined;
    },
    timeoutMs,
  );
}

function isLive({ live, unackedRecords, lagMsMax }: SwarmStatus, agents: number): boolean {
  // While hosts measure, some of them always have a reading under way.
  return live === agents && lagMsMax < LIVE_LAG_MS && unackedRecords < agents;
}

async function loopDelays(url: string): Promise<Pick<Act, 'loopDelayMsP99' | 'loopDelayMsMax'>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name: string): number =>
    round(1000 * Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN), 1);
  return {
    loopDelayMsP99: read('nodejs_eventloop_lag_p99_seconds'),
    loopDelayMsMax: read('nodejs_eventloop_lag_max_seconds'),
  };
}

async function openIncidents(url: string): Promise<number> {
  const answer: unknown = await (await fetch(`${url}/v1/incidents?status=open`)).json();
  const list =
    typeof answer === 'object' && answer !== null && 'incidents' in answer ? answer.incidents : null;
  if (!Array.isArray(list)) throw new Error(`no list of incidents: ${JSON.stringify(answer)}`);
  return list.length;
}

function print(acts: Readonly<Record<string, Act>>, agents: number): void {
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  process.stdout.write(`${machine}, Node.js ${process.version}; ${agents} agents\n`);
  const names = Object.keys(Object.values(acts)[0] ?? {});
  const rows = names.map((name) => [
    name,
    Object.fromEntries(
      Object.entries(acts).map(([title, one]) => [
        title,
        Object.entries(one).find(([key]) => key === name)?.[1],
      ]),
    ),
  ]);
  console.table(Object.fromEntries(rows));
}

function pause(forMs: number): Promise<void> {
  return new Promise((wake) => {
    setTimeout(wake, forMs);
  });
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
