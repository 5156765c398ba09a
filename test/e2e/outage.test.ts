/**
 * The main job of the product with real processes: an agent dies and someone is paged, it comes back and the page is
 * resolved, and a collector that is killed in between forgets nothing and repeats nothing.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, expect, it } from 'vitest';
import { freePort } from '../harness/ports.ts';
import {
  createToken,
  killAll,
  startAgent,
  startCollector,
  waitFor,
  type RunningCollector,
  type RunningProcess,
} from '../harness/processes.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../harness/webhook.ts';

const cleanups: (() => void)[] = [];
// They wait most of the time, so they run side by side; none of them shares anything with another.
afterAll(() => {
  killAll();
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** A collector with short patience, a receiver, and an agent of this machine that is up. */
async function fleetOfOne() {
  const dir = tempDir();
  const receiver = await startWebhookReceiver();
  cleanups.push(
    () => dir[Symbol.dispose](),
    () => receiver.close(),
  );
  const configFile = join(dir.path, 'rollcall.yaml');
  writeFileSync(
    configFile,
    `silence-after: 3s
down-grace: 1s
start-grace: 15s
rule-interval: 200ms
allow-private-targets: [127.0.0.0/8]
allow-target-ports: [${new URL(receiver.url).port}]
receivers:
  - {name: on-call, kind: webhook, url: "${receiver.url}"}
`,
  );
  const port = await freePort();
  const dataDir = join(dir.path, 'collector');
  const start = (): Promise<RunningCollector> =>
    startCollector(dataDir, ['--listen', `127.0.0.1:${port}`, '--config', configFile]);
  const collector = await start();
  const token = createToken(dataDir);
  const agentOptions = {
    url: collector.url,
    dataDir: join(dir.path, 'agent'),
    token,
    flags: ['--interval', '1s'],
  };
  const agent = startAgent(agentOptions);
  await waitForState(collector.url, 'up');
  return { receiver, collector, agent, startCollector: start, startAgent: () => startAgent(agentOptions) };
}

async function waitForState(url: string, state: string): Promise<void> {
  await waitFor(`the host to be ${state}`, async () => {
    const answer = await fetchJson(`${url}/v1/hosts`);
    return JSON.stringify(answer).includes(`"state":"${state}"`) ? true : undefined;
  });
}

async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  return response.json();
}

/** Alerts with this name and status, one per distinct notification id. */
function notifications(receiver: WebhookReceiver, status: 'firing' | 'resolved') {
  const matching = receiver.received.filter(({ body }) => {
    const text = JSON.stringify(body);
    return text.includes('"alertname":"HostDown"') && text.includes(`"status":"${status}"`);
  });
  return { all: matching, ids: new Set(matching.map(({ headers }) => headers['webhook-id'])) };
}

/** Longest pause of a receiver that has failed three or four times, with its jitter. */
const RETRY_MS_MAX = 60_000;

async function waitForNotification(receiver: WebhookReceiver, status: 'firing' | 'resolved', count: number) {
  await waitFor(
    `notification ${count} of kind ${status}`,
    () => (notifications(receiver, status).all.length >= count ? true : undefined),
    RETRY_MS_MAX,
  );
}

async function kill(process: RunningProcess): Promise<void> {
  await process.stop('SIGKILL');
}

it.concurrent(
  'pages when the agent is killed and resolves when it is back, once each, across a kill of the collector',
  async () => {
    const fleet = await fleetOfOne();

    await kill(fleet.agent);
    await waitForNotification(fleet.receiver, 'firing', 1);
    // Had it been killed before it noted the answer, it would have to send the page again, under the same id.
    await waitFor('the delivery to be on record', async () => {
      const answer = await fetchJson(`${fleet.collector.url}/v1/incidents`);
      return JSON.stringify(answer).includes('"status":"delivered"') ? true : undefined;
    });

    await kill(fleet.collector);
    const agent = fleet.startAgent();
    const collector = await fleet.startCollector();
    await waitForState(collector.url, 'up');
    await waitForNotification(fleet.receiver, 'resolved', 1);

    await waitFor('the incident to be closed', async () => {
      const answer = await fetchJson(`${collector.url}/v1/incidents?status=open`);
      return JSON.stringify(answer) === '{"incidents":[]}' ? true : undefined;
    });
    expect(notifications(fleet.receiver, 'firing').all).toHaveLength(1);
    expect(notifications(fleet.receiver, 'resolved').all).toHaveLength(1);
    expect(await agent.stop()).toBe(0);
    expect(await collector.stop()).toBe(0);
  },
);

it.concurrent('delivers a page that was still queued when the collector was killed', async () => {
  const fleet = await fleetOfOne();
  fleet.receiver.answerWith(503);

  await kill(fleet.agent);
  await waitForNotification(fleet.receiver, 'firing', 1);
  await kill(fleet.collector);

  // Counted before the new one starts: it may deliver before it says that it is ready.
  const attemptsBefore = notifications(fleet.receiver, 'firing').all.length;
  fleet.receiver.answerWith(200);
  const collector = await fleet.startCollector();
  await waitForNotification(fleet.receiver, 'firing', attemptsBefore + 1);
  fleet.startAgent();
  await waitForNotification(fleet.receiver, 'resolved', 1);

  // Every attempt of the page carried the same id, so that a receiver can tell that it is one page.
  expect(notifications(fleet.receiver, 'firing').ids.size).toBe(1);
  expect(notifications(fleet.receiver, 'resolved').all).toHaveLength(1);
  expect(await collector.stop()).toBe(0);
});

it.concurrent('does not page when the agent is stopped cleanly for a restart', async () => {
  const fleet = await fleetOfOne();
  expect(await fleet.agent.stop()).toBe(0);
  const agent = fleet.startAgent();
  await waitForState(fleet.collector.url, 'up');
  expect(notifications(fleet.receiver, 'firing').all).toEqual([]);
  expect(await agent.stop()).toBe(0);
});
