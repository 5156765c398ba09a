/**
 * `npm run demo`: a collector and twenty simulated hosts, some of them in trouble, so that people can look at the
 * product without twenty machines. Everything is in a temporary folder that goes away at the end.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPageOrExit } from '../deploy/page.ts';
import { createToken, startCollector } from '../test/harness/processes.ts';
import { startWebhookReceiver } from '../test/harness/webhook.ts';
import type { SimulatedAgent } from './fleet/agent.ts';
import { enrollFleet, startTicking } from './fleet/fleet.ts';
import type { Fault } from './fleet/host.ts';

const INTERVAL_MS = 5_000;
/** Ticks that every host brings along, so that the charts are not empty at first. */
const HISTORY_MS = 3_600_000;
const ROLES = ['web', 'db', 'cache', 'queue', 'build', 'mail'];
const FAULTS: Readonly<Record<number, Fault>> = {
  3: 'disk_full',
  5: 'cpu_busy',
  8: 'memory_leak',
  11: 'dies',
  14: 'flaps',
  17: 'reboots',
};
const DIES_AFTER_MS = 60_000;
const FLAP_MS = 45_000;

const HELP = `A collector with simulated hosts, to look around.

  npm run demo
  npm run demo -- --hosts 200 --listen 127.0.0.1:8000

Some hosts are in trouble: one disk is full, one host dies after a minute, one comes and goes.
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    hosts: { type: 'string', default: '20' },
    listen: { type: 'string', default: '127.0.0.1:7655' },
  },
});

if (values.help) process.stdout.write(HELP);
else await run(Number(values.hosts));

async function run(count: number): Promise<void> {
  if (!Number.isInteger(count) || count < 1 || count > 2_000) {
    process.stderr.write(`--hosts ${values.hosts}: must be a whole number from 1 to 2000\n`);
    process.exitCode = 2;
    return;
  }
  buildPageOrExit();
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-demo-'));
  const configFile = join(folder, 'rollcall.yaml');
  // Plays the on-call staff, so that the page has deliveries to show.
  const receiver = await startWebhookReceiver();
  // Short patience: nobody wants to wait minutes to see an incident.
  writeFileSync(
    configFile,
    `down-grace: 10s
silence-after: 15s
start-grace: 10s
disk-full-for: 20s
log-level: warn
allow-private-targets: [127.0.0.0/8]
allow-target-ports: [${new URL(receiver.url).port}]
receivers: [{name: on-call, kind: webhook, url: "${receiver.url}"}]
`,
  );
  const collector = await startCollector(folder, ['--listen', values.listen, '--config', configFile]);
  process.stdout.write(`Enrolling ${count} simulated hosts ...\n`);
  const agents = await enrollFleet({
    url: collector.url,
    token: createToken(folder, ['--uses', String(count)]),
    count,
    intervalMs: INTERVAL_MS,
    faultOf: (index) => FAULTS[index] ?? 'none',
    nameOf: (index) => `${ROLES[index % ROLES.length] ?? 'host'}-${String(index + 1).padStart(2, '0')}`,
  });
  const nowMs = Date.now();
  for (let wallMs = nowMs - HISTORY_MS; wallMs < nowMs; wallMs += INTERVAL_MS) {
    for (const agent of agents) agent.tick(wallMs);
  }
  for (const agent of agents) agent.connect();
  const stopTicking = startTicking(agents, INTERVAL_MS);
  playFaults(agents);
  process.stdout.write(`${count} simulated hosts report to ${collector.url} - Ctrl-C ends it.\n`);

  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
    void collector.child.once('exit', () => resolve());
  });
  stopTicking();
  await Promise.all(agents.map((agent) => agent.disconnect()));
  await collector.stop();
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

function playFaults(agents: readonly SimulatedAgent[]): void {
  for (const agent of agents) {
    if (agent.fault === 'dies') setTimeout(() => agent.vanish(), DIES_AFTER_MS);
    if (agent.fault === 'flaps') setInterval(() => agent.blink(FLAP_MS / 2), FLAP_MS);
    if (agent.fault === 'reboots') setInterval(() => void agent.restart(FLAP_MS / 3), FLAP_MS * 2);
  }
}
