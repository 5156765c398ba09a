/** `npm run bench -- NAME`: one program per figure that we publish. */
import { agent } from './agent.ts';
import { alertLatency } from './alert-latency.ts';
import { boards } from './boards.ts';
import { containers } from './containers.ts';
import { dashboards } from './dashboards.ts';
import { differential } from './differential.ts';
import { hostile } from './hostile.ts';
import { fleetLoad } from './fleet-load.ts';
import { ingest } from './ingest.ts';
import { parity } from './parity.ts';
import { processes } from './processes.ts';
import { promql } from './promql.ts';
import { query } from './query.ts';
import { rules } from './rules-false.ts';
import { sealing } from './sealing.ts';
import { soak } from './soak.ts';
import { spool } from './spool.ts';
import { startup } from './startup.ts';
import { storage } from './storage.ts';
import { stores } from './stores.ts';

interface Benchmark {
  readonly help: string;
  readonly run: (parameters: readonly string[]) => Promise<void>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  agent: {
    help: 'CPU and memory of the agent next to node_exporter, netdata and collectd on this machine',
    run: agent,
  },
  'alert-latency': {
    help: 'from a sample that crosses a threshold to the webhook, end to end',
    run: alertLatency,
  },
  boards: {
    help: 'every query of our boards for Grafana: Rollcall, Prometheus, VictoriaMetrics, InfluxDB; who has data, who agrees',
    run: boards,
  },
  containers: {
    help: 'what reading 50 and 500 containers costs the agent, from files laid out as the kernel does',
    run: containers,
  },
  dashboards: {
    help: 'the queries of dashboard 1860 on this machine, next to Prometheus and node_exporter: who has data',
    run: dashboards,
  },
  differential: {
    help: 'random PromQL evaluated by us and by Prometheus: where the results differ',
    run: differential,
  },
  hostile: {
    help: 'how long agents wait for acknowledgements while hostile queries run',
    run: hostile,
  },
  fleet: {
    help: 'ten thousand agents: an hour of backlog, live, a killed collector; cores, memory, bytes on the wire, delays',
    run: fleetLoad,
  },
  ingest: {
    help: 'simulated agents with a backlog, next to VictoriaMetrics and InfluxDB: samples per second, CPU, bytes',
    run: ingest,
  },
  parity: {
    help: 'every metric and label set of this machine next to node_exporter: what differs, and why',
    run: parity,
  },
  processes: {
    help: 'what the look at all processes of this machine costs, without and with finding the busiest',
    run: processes,
  },
  promql: {
    help: 'queries of dashboard 1860 and of the node rules on a fleet, next to Prometheus and VictoriaMetrics',
    run: promql,
  },
  query: {
    help: 'the queries of a working day on a fleet by class, next to Prometheus and VictoriaMetrics',
    run: query,
  },
  rules: {
    help: 'what the stock rules cost on a thousand hosts: CPU of each group, and its share of one core',
    run: rules,
  },
  sealing: {
    help: 'a day of samples sealed, merged to days and a month, and rolled up: CPU-seconds per million samples of each',
    run: sealing,
  },
  soak: {
    help: 'a day of ticks of the agent in minutes: whether memory or open files grow',
    run: soak,
  },
  spool: {
    help: "an append to the agent's spool under each sync policy, and a start with a full one",
    run: spool,
  },
  startup: {
    help: 'start of a collector with two hours of a thousand hosts in its journal: seconds until it answers, memory',
    run: startup,
  },
  stores: {
    help: 'a backlog fed to InfluxDB, VictoriaMetrics and Prometheus: samples per second, CPU of both ends',
    run: stores,
  },
  storage: {
    help: 'bytes per sample of a real host and of a synthetic fleet, next to Prometheus and VictoriaMetrics',
    run: storage,
  },
};

const [name = '', ...parameters] = process.argv.slice(2);
const benchmark = BENCHMARKS[name];
if (benchmark === undefined) {
  const list = Object.entries(BENCHMARKS).map(
    ([key, { help }]) => `  npm run bench -- ${key.padEnd(12)} ${help}`,
  );
  process.stdout.write(`Benchmarks; do not run anything beside them.\n\n${list.join('\n')}\n`);
  process.exitCode = name === '' || name === '--help' ? 0 : 2;
} else {
  await benchmark.run(parameters);
  process.exit(0);
}
