/**
 * Who is told of what with the settings as they are delivered: a real agent that is killed, stopped and started, and a
 * fleet of simulated ones that a collector finds again after it was restarted.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SimulatedAgent } from '../../bench/fleet/agent.ts';
import { enrollFleet, startTicking } from '../../bench/fleet/fleet.ts';
import { freePort } from '../harness/ports.ts';
import {
  createToken,
  startAgent,
  startCollector,
  waitFor,
  type RunningCollector,
  type RunningProcess,
} from '../harness/processes.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../harness/webhook.ts';

/** The row of this scenario. */
export const DEFAULTS = 'DEFAULTS';

/** What is promised: from the death of the process to the first webhook. */
const TOLD_MS_MAX = 45_000;
/** Longer than any of it takes, so that what has not come by then does not come. */
const QUIET_MS = 60_000;
/** After a start the collector waits so long before it misses anybody, and then for the grace of a host. */
const RESTARTED_MS = 150_000;
const INTERVAL_MS = 10_000;
const CONNECTED_MS_MAX = 120_000;

export interface DefaultsOutcome {
  /** What was not as it must be. */
  readonly problems: readonly string[];
  /** From the death of the agent to the first webhook; undefined when none came. */
  readonly toldMs: number | undefined;
}

export class DefaultsStage {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rollcall-chaos-'));
  readonly #agentCount: number;
  #receiver: WebhookReceiver | undefined;
  #collector: RunningCollector | undefined;
  #agent: RunningProcess | undefined;
  #fleet: readonly SimulatedAgent[] = [];
  #stopTicking: () => void = () => {};

  /** @param agentCount of the fleet that a restarted collector finds again */
  constructor(agentCount: number) {
    this.#agentCount = agentCount;
  }

  async play(): Promise<DefaultsOutcome> {
    const problems: string[] = [];
    const quiet = async (what: string, forMs: number): Promise<void> => {
      await pause(forMs);
      const open = await this.#incidents();
      if (open !== NO_INCIDENTS) problems.push(`${what}: ${open.slice(0, 300)}`);
      const told = this.#receiver?.received.length ?? 0;
      if (told > 0) problems.push(`${what}: ${told} webhooks`);
    };
    const restartCollector = await this.#begin();

    // Each restart of the collector is also a quiet time for what happened to the agent before.
    await this.#agent?.stop('SIGTERM');
    await quiet('the agent was stopped in order', QUIET_MS);
    this.#agent = this.#startAgent();
    await this.#isUp(1 + this.#agentCount);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await this.#collector?.stop(signal);
      await restartCollector();
      await this.#isUp(1 + this.#agentCount);
      await quiet(`the collector was restarted by ${signal}`, RESTARTED_MS);
    }

    await this.#agent.stop('SIGKILL');
    const killedMs = Date.now();
    const told = await waitFor('the webhook', () => this.#receiver?.received[0], 2 * TOLD_MS_MAX).catch(
      () => undefined,
    );
    const toldMs = told && Date.now() - killedMs;
    if (toldMs === undefined || toldMs > TOLD_MS_MAX)
      problems.push(`the agent was killed: told after ${toldMs ?? 'no'} ms`);
    if (told !== undefined && !JSON.stringify(told.body).includes('HostDown'))
      problems.push(`the agent was killed: told ${JSON.stringify(told.body).slice(0, 300)}`);
    return { problems, toldMs };
  }

  /** Takes everything back; may be called twice. */
  async close(): Promise<void> {
    this.#stopTicking();
    await Promise.all(this.#fleet.map((agent) => agent.disconnect()));
    this.#fleet = [];
    await this.#agent?.stop('SIGKILL').catch(() => null);
    await this.#collector?.stop('SIGKILL').catch(() => null);
    this.#receiver?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A collector with a receiver and nothing else configured, and a fleet that is up. Returns how to start it again. */
  async #begin(): Promise<() => Promise<void>> {
    const receiver = await startWebhookReceiver();
    this.#receiver = receiver;
    const config = join(this.#folder, 'rollcall.yaml');
    writeFileSync(
      config,
      `log-level: warn
allow-private-targets: [127.0.0.0/8]
allow-target-ports: [${new URL(receiver.url).port}]
receivers:
  - {name: on-call, kind: webhook, url: "${receiver.url}"}
`,
    );
    const flags = ['--config', config, '--listen', `127.0.0.1:${await freePort()}`];
    const start = async (): Promise<void> => {
      this.#collector = await startCollector(this.#dataDir, flags);
    };
    await start();
    this.#agent = this.#startAgent(createToken(this.#dataDir));
    this.#fleet = await enrollFleet({
      url: this.#url,
      token: createToken(this.#dataDir, ['--uses', String(this.#agentCount)]),
      count: this.#agentCount,
      intervalMs: INTERVAL_MS,
    });
    for (const agent of this.#fleet) agent.connect();
    this.#stopTicking = startTicking(this.#fleet, INTERVAL_MS);
    await this.#isUp(1 + this.#agentCount);
    return start;
  }

  get #dataDir(): string {
    return join(this.#folder, 'collector');
  }

  get #url(): string {
    return this.#collector?.url ?? '';
  }

  #startAgent(token?: string): RunningProcess {
    const dataDir = join(this.#folder, 'agent');
    const flags = ['--host-name', 'the-real-one'];
    return startAgent({ url: this.#url, dataDir, flags, ...(token === undefined ? {} : { token }) });
  }

  async #isUp(count: number): Promise<void> {
    const probe = async (): Promise<true | undefined> => {
      const text = await (await fetch(`${this.#url}/metrics`)).text();
      return text.includes(`rollcall_hosts{state="up"} ${count}\n`) ? true : undefined;
    };
    await waitFor(`${count} hosts to be up`, probe, CONNECTED_MS_MAX);
  }

  async #incidents(): Promise<string> {
    return (await fetch(`${this.#url}/v1/incidents`)).text();
  }
}

const NO_INCIDENTS = '{"incidents":[]}';

function pause(ms: number): Promise<void> {
  return new Promise((wake) => {
    setTimeout(wake, ms);
  });
}
