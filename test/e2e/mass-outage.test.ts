/**
 * A real collector and forty simulated agents whose network is cut at once: one webhook says so, none tells of each of them,
 * and both ends are told. How it goes on for minutes, and across restarts, is shown by who-is-down.test.ts.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, expect, it } from 'vitest';
import { enrollFleet, startTicking } from '../../bench/fleet/fleet.ts';
import { freePort } from '../harness/ports.ts';
import { createToken, killAll, startCollector, waitFor } from '../harness/processes.ts';
import { startWebhookReceiver } from '../harness/webhook.ts';

const HOSTS = 40;
const INTERVAL_MS = 1_000;
/** Longer than the 15 s that hosts of an outage are suspect with these settings. */
const AWAY_MS = 22_000;
const TOLD_MS_MAX = 45_000;
/** Agents that were away for so long try again after up to 32 s, for which nobody here should wait. */
const PAUSES_RATIO = 0.1;

afterAll(killAll);

it('tells once that forty agents vanished together, and alone of one that goes alone', async () => {
  using dir = tempDir();
  const receiver = await startWebhookReceiver();
  const configFile = join(dir.path, 'rollcall.yaml');
  writeFileSync(
    configFile,
    `silence-after: 3s
down-grace: 1s
rule-interval: 200ms
allow-private-targets: [127.0.0.0/8]
allow-target-ports: [${new URL(receiver.url).port}]
receivers:
  - {name: on-call, kind: webhook, url: "${receiver.url}"}
`,
  );
  const dataDir = join(dir.path, 'collector');
  const collector = await startCollector(dataDir, [
    '--listen',
    `127.0.0.1:${await freePort()}`,
    '--config',
    configFile,
  ]);
  const text = async (path: string): Promise<string> => (await fetch(`${collector.url}${path}`)).text();
  const waitForFigure = (line: string, maxMs = TOLD_MS_MAX): Promise<unknown> =>
    waitFor(line, async () => ((await text('/metrics')).includes(`${line}\n`) ? true : undefined), maxMs);
  const told = (): readonly string[] =>
    receiver.received.map(({ body }) => {
      const json = JSON.stringify(body);
      const [, name = ''] = /"alertname":"([A-Za-z]+)"/.exec(json) ?? [];
      return `${name} ${json.includes('"status":"resolved"') ? 'resolved' : 'firing'}`;
    });
  const waitForTold = (count: number): Promise<unknown> =>
    waitFor(`${count} webhooks`, () => (told().length >= count ? true : undefined), TOLD_MS_MAX);

  const token = createToken(dataDir, ['--uses', String(HOSTS)]);
  const agents = await enrollFleet({
    url: collector.url,
    token,
    count: HOSTS,
    intervalMs: INTERVAL_MS,
    random: () => Math.random() * PAUSES_RATIO,
  });
  for (const agent of agents) agent.connect();
  const stopTicking = startTicking(agents, INTERVAL_MS);
  await waitForFigure(`rollcall_hosts{state="up"} ${HOSTS}`);

  for (const agent of agents) agent.blink(AWAY_MS);
  await waitForTold(1);
  expect(told()).toEqual(['HostsVanished firing']);
  await waitForFigure(`rollcall_fleet_vanished_hosts ${HOSTS}`);
  // All of them are down, with an incident each, and nobody hears of it.
  await waitForFigure(`rollcall_hosts{state="down"} ${HOSTS}`);
  await waitFor('an incident of each host', async () => {
    const [count] = /(?<=^rollcall_incidents_open )\d+$/m.exec(await text('/metrics')) ?? [];
    return Number(count) > HOSTS ? true : undefined;
  });

  await waitForFigure(`rollcall_hosts{state="up"} ${HOSTS}`, 2 * TOLD_MS_MAX);
  await waitForTold(2);
  await waitForFigure('rollcall_incidents_open 0');
  expect(told()).toEqual(['HostsVanished firing', 'HostsVanished resolved']);
  expect(await text('/metrics')).toContain('rollcall_fleet_vanished_together 0\n');

  agents[0]?.vanish();
  await waitForTold(3);
  expect(told().slice(2)).toEqual(['HostDown firing']);

  stopTicking();
  await Promise.all(agents.map((agent) => agent.disconnect()));
  expect(await collector.stop()).toBe(0);
  receiver.close();
});
