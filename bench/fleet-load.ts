/**
 * A fleet against a real collector on loopback, in six acts: every host arrives with a backlog; three minutes in which all of
 * them are live and rules look at everything for the first time; all of them live; the collector is killed and comes back; and
 * again the first rounds, and live. Agents are real from the session down.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/harness/ports.ts';
import { createToken, killAll, startCollector, type RunningCollector } from '../test/harness/processes.ts';
import { SwarmProcess } from './fleet/swarm-process.ts';
import type { SwarmStatus } from './fleet/swarm.ts';
import { wireBytesTo } from './fleet/wire.ts';
import {
  cpuSecondsOf,
  loopCpuSecondsOf,
  machineCpuSeconds,
  peakRssBytesOf,
  rssBytesOf,
} from './process-figures.ts';

const HELP = `npm run bench -- fleet [--agents 10000] [--backlog-minutes 10] [--live-seconds 40]
                                   [--cache-memory BYTES] [--json]

  --agents           simulated agents with 203 series every 10 s; 1000 for a quick look
  --backlog-minutes  how long the collector was away when the agents first connect
  --live-seconds     how long the live fleet is watched, each time
  --cache-memory     the collector's setting of that name, such as 268435456; left out for its default

10000 agents take at most fifteen minutes and 1 GB in the folder for temporary files. An act that does not end within two minutes
is cut off, and the table says how many agents were not live by then. An hour of backlog is six times the default.
`;

const TICKS_PER_MINUTE = 6;
/** For each minute of the backlog, and at least. */
const CATCH_UP_MS_PER_MINUTE = 10_000;
const SETTLE_MS_MAX = 120_000;
const PROGRESS_MS = 10_000;
/** Rules have up to five minutes between two rounds, and read more in the first one than later: the past of each host. */
const FIRST_ROUNDS_MS = 180_000;
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
      'backlog-minutes': { type: 'string', default: '10' },
      'live-seconds': { type: 'string', default: '40' },
      'cache-memory': { type: 'string' },
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
    const cacheMemory = values['cache-memory'];
    const flags = cacheMemory === undefined ? [] : ['--cache-memory', cacheMemory];
    const acts = await play(swarm, folder, {
      flags,
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
  /** Without its worker threads, which evaluate rules, answer queries and seal. */
  readonly collectorLoopCores: number;
  readonly cpuSecondsPerMillionSamples: number;
  readonly agentsCores: number;
  /** Of all programs on the machine; close to its number of cores, the times say more about the machine than about us. */
  readonly machineCores: number;
  readonly rssMiB: number;
  /** Agents that were not live at the end of the act. */
  readonly agentsNotLive: number;
  /** Everything of IP and above, in both directions. */
  readonly wireBytesPerSample: number;
  readonly lagSecondsMax: number;
  readonly loopDelayMsP99: number;
  readonly loopDelayMsMax: number;
}

async function play(
  swarm: SwarmProcess,
  dataDir: string,
  size: {
    readonly agents: number;
    readonly backlogTicks: number;
    readonly liveMs: number;
    /** Further ones of the collector. */
    readonly flags: readonly string[];
  },
): Promise<Readonly<Record<string, Act>>> {
  const token = createToken(dataDir);
  const flags = ['--log-level', 'warn', '--listen', `127.0.0.1:${await freePort()}`, ...size.flags];
  // Opening it once makes the folder; the hosts are written into it while it is closed.
  await (await startCollector(dataDir, flags)).stop();
  const tokenId = token.slice('rce1_'.length).split('_', 1)[0] ?? '';
  await swarm.order({ kind: 'enrol', dataDir, tokenId, count: size.agents, backlogTicks: size.backlogTicks });
  let collector = await startCollector(dataDir, flags);
  const acts: Record<string, Act> = {};
  const live = async (when: string): Promise<void> => {
    for (const [title, forMs] of [
      ['first rounds', FIRST_ROUNDS_MS],
      ['live', size.liveMs],
    ] as const) {
      const name = `${title}${when}`;
      acts[name] = await act({ name, swarm, collector, agents: size.agents }, () => pause(forMs));
    }
  };

  const catchUpMs = (size.backlogTicks / TICKS_PER_MINUTE) * CATCH_UP_MS_PER_MINUTE;
  acts['catch-up'] = await act({ name: 'catch-up', swarm, collector, agents: size.agents }, async () => {
    await swarm.order({ kind: 'connect', url: collector.url });
    await untilLive(swarm, size.agents, Math.max(SETTLE_MS_MAX, catchUpMs));
  });
  await swarm.order({ kind: 'startTicking' });
  await live('');

  collector.child.kill('SIGKILL');
  await pause(DOWN_MS);
  collector = await startCollector(dataDir, flags);
  acts['storm'] = await act({ name: 'storm', swarm, collector, agents: size.agents }, () =>
    untilLive(swarm, size.agents, SETTLE_MS_MAX),
  );
  await live(' again');
  const incidents = await openIncidents(collector.url);
  if (incidents !== 0) throw new Error(`${incidents} incidents were opened; none of the hosts was down`);
  const { rotations } = await swarm.order({ kind: 'status' });
  if (rotations !== 0) throw new Error(`${rotations} epochs were begun; no history has forked`);
  return acts;
}

/** Measures while `work` goes on. */
async function act(
  {
    name,
    swarm,
    collector,
    agents,
  }: {
    readonly name: string;
    readonly swarm: SwarmProcess;
    readonly collector: RunningCollector;
    readonly agents: number;
  },
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
    let toldMs = 0;
    while (!watching.signal.aborted) {
      const status = await swarm.order({ kind: 'status' });
      lagMsMax = Math.max(lagMsMax, status.lagMsMax);
      const elapsedMs = performance.now() - startedMs;
      if (elapsedMs >= toldMs) {
        toldMs = elapsedMs + PROGRESS_MS;
        const { live, unackedRecords } = status;
        const seconds = Math.round(elapsedMs / 1000);
        process.stderr.write(`${name}, ${seconds} s: ${live} live, ${unackedRecords} records wait\n`);
      }
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
  const cores = (key: 'loopSeconds' | 'swarmSeconds' | 'machineSeconds'): number =>
    round((after[key] - before[key]) / seconds, 2);
  return {
    seconds: round(seconds, 1),
    samples,
    samplesPerSecond: Math.round(samples / seconds),
    collectorCores: round(collectorSeconds / seconds, 2),
    collectorLoopCores: cores('loopSeconds'),
    cpuSecondsPerMillionSamples: round((collectorSeconds / samples) * 1e6, 2),
    agentsCores: cores('swarmSeconds'),
    machineCores: cores('machineSeconds'),
    agentsNotLive: agents - after.live,
    rssMiB: Math.round(Math.max(rssBytesOf(pid), peakRssBytesOf(pid)) / 2 ** 20),
    wireBytesPerSample: round(wireBytes / samples, 2),
    lagSecondsMax: round(lagMsMax / 1000, 2),
    ...delays,
  };
}

function usage(collector: RunningCollector, swarm: SwarmProcess) {
  return {
    collectorSeconds: cpuSecondsOf(collector.child.pid ?? 0),
    loopSeconds: loopCpuSecondsOf(collector.child.pid ?? 0),
    machineSeconds: machineCpuSeconds(),
    swarmSeconds: cpuSecondsOf(swarm.pid),
    wireBytes: wireBytesTo(collector.url),
  };
}

/** Waits for at most so long; who is not live by then is told in the table. */
async function untilLive(swarm: SwarmProcess, agents: number, timeoutMs: number): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!isLive(await swarm.order({ kind: 'status' }), agents) && performance.now() < untilMs) {
    await pause(250);
  }
}

function isLive({ live, unackedRecords, lagMsMax }: SwarmStatus, agents: number): boolean {
  // While hosts measure, some of them always have a reading under way.
  return live === agents && lagMsMax < LIVE_LAG_MS && unackedRecords < agents;
}

/** Not a number where the collector does not answer: on a machine without time for it that is a result as well. */
async function loopDelays(url: string): Promise<Pick<Act, 'loopDelayMsP99' | 'loopDelayMsMax'>> {
  const text = await fetch(`${url}/metrics`).then(
    (response) => response.text(),
    () => '',
  );
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
