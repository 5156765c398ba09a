/**
 * From a sample that crosses a threshold to the webhook: simulated agents over real sockets, a collector and a receiver,
 * each a process of its own. Some machines fill their disk at one tick and empty it at another; the time from such a tick
 * to the arrival of what it brings about is what is measured.
 */
import { createServer } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import * as z from 'zod';
import { createToken, killAll, startCollector } from '../test/harness/processes.ts';
import { SimulatedAgent } from './fleet/agent.ts';
import { enrollSimulated } from './fleet/enroll.ts';
import { simulatedSamplers, type Fault } from './fleet/host.ts';
import { cpuSecondsOf } from './process-figures.ts';

const HELP = `npm run bench -- alert-latency [--hosts 100] [--transitions 60] [--json]

Takes less than a minute; fails when some transitions were not told in time.

  --hosts        simulated agents, one tick every ten seconds each
  --transitions  to wait for, half of them alerts that fire and half of them alerts that end; at most twice as many as hosts
`;

const INTERVAL_MS = 10_000;
const CPU_COUNT = 2;
/** Longest that it waits for transitions; then it tells of those that came. */
const PATIENCE_MS = 45_000;
const POLL_MS = 100;

const RULES = `groups:
  - name: latency
    rules:
      - alert: DiskAlmostFull
        expr: node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"} < 0.05
`;

const webhook = z.object({
  alerts: z.array(
    z.object({ status: z.enum(['firing', 'resolved']), labels: z.record(z.string(), z.string()) }),
  ),
});

type Kind = 'firing' | 'resolved';

/** Milliseconds from tick to arrival. */
interface Latencies {
  readonly firing: readonly number[];
  readonly resolved: readonly number[];
  /** CPU of the collector while it was measured, as a share of one core. */
  readonly collectorCores: number;
}

export async function alertLatency(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '100' },
      transitions: { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const size = { hosts: Number(values.hosts), transitions: Number(values.transitions) };
  try {
    const latencies = await measure(size);
    if (values.json) process.stdout.write(`${JSON.stringify({ ...size, ...latencies })}\n`);
    else print(size, latencies);
  } finally {
    killAll();
  }
}

async function measure({ hosts, transitions }: { hosts: number; transitions: number }): Promise<Latencies> {
  using folder = tempDir();
  const book = new LatencyBook();
  const receiver = await startReceiver((alert) => book.arrived(alert));
  const dataDir = join(folder.path, 'collector');
  const configFile = join(folder.path, 'collector.yaml');
  mkdirSync(join(dataDir, 'rules'), { recursive: true, mode: 0o700 });
  writeFileSync(join(dataDir, 'rules', 'latency.yml'), RULES);
  writeFileSync(
    configFile,
    `allow-private-targets: [127.0.0.0/8]
allow-target-ports: [${receiver.port}]
receivers: [{name: hook, kind: webhook, url: "http://127.0.0.1:${receiver.port}/"}]
`,
  );
  const collector = await startCollector(dataDir, ['--config', configFile, '--log-level', 'warn']);
  const token = createToken(dataDir, ['--uses', String(hosts)]);
  const fleet = await startFleet({ url: collector.url, token, hosts }, book);
  const pid = collector.child.pid ?? 0;
  await sleep(INTERVAL_MS);
  book.begin();
  const before = { atMs: performance.now(), cpuSeconds: cpuSecondsOf(pid) };
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!book.has(transitions / 2) && performance.now() < deadlineMs) await sleep(POLL_MS);
  const seconds = (performance.now() - before.atMs) / 1000;
  const collectorCores = (cpuSecondsOf(pid) - before.cpuSeconds) / seconds;
  await fleet.stop();
  await collector.stop();
  receiver.close();
  return { ...book.latencies, collectorCores };
}

/** Notes when machines changed, and how long it took until somebody was told. */
class LatencyBook {
  readonly latencies: Record<Kind, number[]> = { firing: [], resolved: [] };
  readonly #changedMs = new Map<string, number>();
  #hasBegun = false;

  /** Both kinds have come at least so often. */
  has(count: number): boolean {
    return Math.min(this.latencies.firing.length, this.latencies.resolved.length) >= count;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  begin(): void {
    this.#hasBegun = true;
  }

  changed(instance: string, kind: Kind): void {
    this.#changedMs.set(`${instance} ${kind}`, performance.now());
  }

  arrived({ instance, kind }: { readonly instance: string; readonly kind: Kind }): void {
    const key = `${instance} ${kind}`;
    const changedMs = this.#changedMs.get(key);
    if (changedMs === undefined) return;
    this.#changedMs.delete(key);
    this.latencies[kind].push(performance.now() - changedMs);
  }
}

async function startReceiver(arrived: (alert: { instance: string; kind: Kind }) => void) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { alerts } = webhook.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      for (const { status, labels } of alerts) {
        if (labels['alertname'] === 'DiskAlmostFull')
          arrived({ instance: labels['instance'] ?? '', kind: status });
      }
      response.end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the receiver has no address');
  return {
    port: address.port,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Agents that tick at moments of their own. Once the book has begun, each changes at every second tick. */
async function startFleet(
  { url, token, hosts }: { readonly url: string; readonly token: string; readonly hosts: number },
  book: LatencyBook,
) {
  const samplers = simulatedSamplers(CPU_COUNT, INTERVAL_MS);
  const stopped = new AbortController();
  const run = async (index: number): Promise<void> => {
    const hostName = `sim-${index}`;
    const identity = await enrollSimulated({ url, token, hostName });
    const shape: { index: number; fault: Fault; cpuCount: number; intervalMs: number } = {
      index,
      fault: 'none',
      cpuCount: CPU_COUNT,
      intervalMs: INTERVAL_MS,
    };
    const agent = new SimulatedAgent({ url, identity, shape, samplers, hostName, random: Math.random });
    agent.connect();
    for (let tick = 0; !stopped.signal.aborted; tick++) {
      await sleep(tick === 0 ? Math.random() * INTERVAL_MS : INTERVAL_MS);
      if (stopped.signal.aborted) break;
      const isChange = book.hasBegun && tick % 2 === index % 2;
      if (isChange) shape.fault = shape.fault === 'none' ? 'disk_full' : 'none';
      agent.tick(Date.now());
      if (isChange) book.changed(hostName, shape.fault === 'none' ? 'resolved' : 'firing');
    }
    await agent.disconnect();
  };
  const runs = Array.from({ length: hosts }, (_, index) => run(index));
  return {
    async stop(): Promise<void> {
      stopped.abort();
      await Promise.all(runs);
    },
  };
}

function print(
  { hosts, transitions }: { readonly hosts: number; readonly transitions: number },
  { firing, resolved, collectorCores }: Latencies,
): void {
  process.stdout.write(
    `${hosts} hosts, a tick every 10 s; the collector used ${collectorCores.toFixed(2)} cores\n`,
  );
  process.stdout.write('from tick to webhook   count    median       p90   longest\n');
  for (const [name, all] of Object.entries({
    fires: firing,
    ends: resolved,
    both: [...firing, ...resolved],
  })) {
    const sorted = all.toSorted((left, right) => left - right);
    const at = (share: number): string => {
      const ms = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
      return ms === undefined ? '-' : `${ms.toFixed(0)} ms`;
    };
    const cells = [0.5, 0.9, 1].map((share) => at(share).padStart(10));
    process.stdout.write(`${name.padEnd(20)} ${String(all.length).padStart(7)}${cells.join('')}\n`);
  }
  const least = Math.min(firing.length, resolved.length);
  if (least * 2 >= transitions) return;
  process.stderr.write(
    `only ${least} of ${transitions / 2} of each kind were told within ${PATIENCE_MS / 1000} s\n`,
  );
  process.exitCode = 1;
}
