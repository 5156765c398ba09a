/** `npm run bench -- NAME`: one program per figure that we publish. */
import { agent } from './agent.ts';
import { dashboards } from './dashboards.ts';
import { differential } from './differential.ts';
import { ingest } from './ingest.ts';
import { parity } from './parity.ts';
import { promql } from './promql.ts';
import { soak } from './soak.ts';
import { storage } from './storage.ts';

interface Benchmark {
  readonly help: string;
  readonly run: (parameters: readonly string[]) => Promise<void>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  agent: {
    help: 'CPU and memory of the agent next to node_exporter, netdata and collectd on this machine',
    run: agent,
  },
  dashboards: {
    help: 'the queries of dashboard 1860 on this machine, next to Prometheus and node_exporter: who has data',
    run: dashboards,
  },
  differential: {
    help: 'random PromQL evaluated by us and by Prometheus: where the results differ',
    run: differential,
  },
  ingest: {
    help: 'simulated agents with a backlog against a real collector: samples per second, CPU, bytes, memory',
    run: ingest,
  },
  parity: {
    help: 'every metric and label set of this machine next to node_exporter: what differs, and why',
    run: parity,
  },
  promql: {
    help: 'queries of dashboard 1860 and of the node rules on a fleet, next to Prometheus and VictoriaMetrics',
    run: promql,
  },
  soak: {
    help: 'a day of ticks of the agent in minutes: whether memory or open files grow',
    run: soak,
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
