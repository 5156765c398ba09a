/**
 * One simulated run: a world from a plan, faults for a while, then peace, then the oracle. Long, because what is looked at on
 * the way needs all of the world.
 */
import './tiny-limits.ts';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GAP_REASON_NAMES } from '@rollcall/shared/protocol/gap.ts';
import { generateIdentity, type Identity } from '@rollcall/shared/protocol/identity.ts';
import { heal, inject, type Scene } from './injections.ts';
import { markOfLine } from './marks.ts';
import { Network } from './network.ts';
import { judge, type Verdict } from './oracle.ts';
import type { Plan } from './plan.ts';
import { Random } from './random.ts';
import { STORE_TROUBLES, SimAgent, type SimAgentOptions } from './sim-agent.ts';
import { prepareTemplate, SimCollector } from './sim-collector.ts';
import { readStored, WatermarkProbe } from './stored.ts';
import { Timeline } from './timeline.ts';
import { Watch } from './watch.ts';

const RESTART_MS = 5_000;
/** After the last fault everything must be delivered within this virtual time. */
const LIVENESS_MS = 15 * 60_000;
const STOP_MS = 60_000;
/** Not a multiple of any interval of the product. */
const LOOK_MS = 937;
/** A host that can be reached must be called up after this time, and one that is gone must not be called so. */
const MISSED_MS_MAX = 200_000;
const GHOST_MS_MAX = 50_000;
/** After so long with a clear path a host must not be called down. */
const FALSE_DOWN_MS = 150_000;
/** A host that was heard so recently is not silent. */
const SILENCE_MS_MIN = 25_000;
/** Silence is noticed after so long: half a minute, by a look each second, of which this world hears by its next look. */
const SILENCE_MS_MAX = 33_000;
/** Delay of a path over which nobody promises anything. */
const SLOW_MS = 2_000;
/** Share of the seeds in which a machine with keys of its own says that it is the first agent. */
const IMPOSTOR_RATIO = 0.1;
/** Share of the seeds in which the first agent's machine does not know the time when it starts. */
const BEGIN_IN_1970_RATIO = 0.1;
/** Share of the seeds in which agents get a new key, and of these agents in which something goes wrong with it. */
const NEW_KEYS_RATIO = 0.2;
const KEY_TROUBLE_RATIO = 0.5;
/** Share of the seeds in which somebody changes settings of agents, how often, and how often an agent then has trouble to keep them. */
const NEW_SETTINGS_RATIO = 0.2;
const NEW_SETTINGS_MAX = 4;
const SETTINGS_TROUBLE_RATIO = 0.5;
/** Above that of any agent and clone. */
const IMPOSTOR_NUMBER = 99;
const LOG_LINES = 400;
const EVENTS_MAX = 500_000;

/** Keys cost time and decide nothing, so all worlds share them. */
const COLLECTOR_KEYS = generateIdentity();
const AGENT_KEYS: readonly Identity[] = Array.from({ length: 8 }, () => generateIdentity());

export interface Outcome {
  readonly plan: Plan;
  readonly violation: { readonly check: string; readonly detail: string } | undefined;
  /** How often each interesting thing happened. */
  readonly marks: ReadonlyMap<string, number>;
  readonly verdict: Verdict | undefined;
  readonly virtualMs: number;
  readonly events: number;
  /** The last lines of what happened. */
  readonly log: readonly string[];
}

/** Makes what all worlds in `folder` begin with. */
export function prepare(folder: string): void {
  prepareTemplate(join(folder, 'template'));
}

export async function runWorld(plan: Plan, folder: string): Promise<Outcome> {
  const world = new World(plan, folder);
  try {
    return await world.run();
  } finally {
    world.close();
  }
}

class World {
  readonly #plan: Plan;
  readonly #folder: string;
  readonly #timeline: Timeline;
  readonly #network: Network;
  readonly #watch: Watch;
  readonly #agents: SimAgent[];
  readonly #collector: SimCollector;
  readonly #scene: Scene;
  /** Second machines with the disk and key of one of the agents. */
  readonly #clones: SimAgent[] = [];
  #impostor: SimAgent | undefined;
  readonly #marks = new Map<string, number>();
  readonly #log: string[] = [];
  /** Since when presence says something else than the truth about an agent, and what. */
  readonly #wrong = new Map<SimAgent, { readonly kind: 'missed' | 'ghost'; readonly sinceMs: number }>();
  /** Since when nothing has stood between an agent and the collector. */
  readonly #clearSinceMs = new Map<SimAgent, number>();
  #probe: WatermarkProbe | undefined;
  #violation: Outcome['violation'];
  #isDone = false;
  #hasNewSettings = false;

  constructor(plan: Plan, folder: string) {
    const { seed } = plan;
    this.#plan = plan;
    this.#folder = join(folder, 'world');
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder);
    for (const name of ['journal.db', 'state.db'])
      copyFileSync(join(folder, 'template', name), join(this.#folder, name));
    this.#timeline = new Timeline(new Random(seed, 'order'));
    this.#watch = new Watch({
      nowMs: () => this.#timeline.nowMs,
      agentOf: (line) => this.#agentOf(line.name),
      probe: () => this.#probe,
      hosts: () => this.#collector.hosts,
      failed: (check, detail) => this.#fail(check, detail),
      mark: (name) => this.#mark(name),
      log: (line) => this.#note(line),
    });
    this.#network = new Network({
      timeline: this.#timeline,
      random: new Random(seed, 'network'),
      tap: this.#watch,
    });
    const ids = new Random(seed, 'ids');
    const log = (line: string): void => this.#note(line);
    this.#agents = Array.from({ length: plan.agents }, (_unused, index) =>
      this.#makeAgent({
        number: index + 1,
        agentId: ids.bytes(16),
        keys: AGENT_KEYS[index] ?? COLLECTOR_KEYS,
      }),
    );
    this.#collector = new SimCollector({
      seed,
      network: this.#network,
      identity: COLLECTOR_KEYS,
      folder: this.#folder,
      hosts: this.#agents.map(({ hostId, name }, index) => ({
        id: hostId,
        name,
        publicKey: (AGENT_KEYS[index] ?? COLLECTOR_KEYS).publicKey,
      })),
      log,
      presenceChanged: (hostId, to, reason) => {
        this.#mark(`presence ${to}`);
        this.#note(`presence of ${hostId.slice(0, 6)} is ${to}`);
        if (reason === 'silent') this.#checkSilence(hostId);
        if (to === 'down') this.#checkDown(hostId);
      },
      diedInCommit: () => {
        this.#collector.kill();
        this.#timeline.after(2_000, () => this.#collector.start());
      },
    });
    this.#scene = {
      timeline: this.#timeline,
      random: new Random(seed, 'faults'),
      network: this.#network,
      agents: this.#agents,
      collector: this.#collector,
      mark: (name) => this.#mark(name),
      machines: () => [...this.#agents, ...this.#clones],
      clone: (agent) => this.#clone(agent),
      databasesReplaced: () => {
        this.#openProbe();
        this.#watch.collectorSetBack();
      },
    };
  }

  async run(): Promise<Outcome> {
    const plan = this.#plan;
    this.#openProbe();
    this.#collector.start();
    for (const agent of this.#agents) {
      if (plan.faults.has('doubled messages')) agent.path.doubled = 0.1;
      this.#timeline.after(this.#scene.random.next() * plan.intervalMs, () => agent.start());
    }
    this.#maybeSendImpostor();
    this.#maybeBeginIn1970();
    this.#maybeChangeKeys();
    this.#maybeChangeSettings();
    for (const { atMs, fault } of plan.injections) {
      this.#timeline.at(atMs, () => {
        this.#note(`-- ${fault}`);
        this.#mark(`fault ${fault}`);
        inject(this.#scene, fault);
      });
    }
    this.#look();
    await this.#runUntil(plan.safetyMs);
    this.#note('-- peace');
    // What was planned in the time of faults may still come; the last of it ends within minutes.
    for (const clone of this.#clones) clone.retire();
    this.#impostor?.retire();
    heal(this.#scene);
    await this.#runUntil(plan.safetyMs + LIVENESS_MS);
    this.#checkCommits();
    if (this.#violation === undefined && !this.#isSettled())
      this.#fail('everything arrives', this.#unsettled());
    await this.#stop();
    const verdict = this.#violation === undefined ? this.#judge() : undefined;
    return {
      plan,
      violation: this.#violation,
      marks: this.#marks,
      verdict,
      virtualMs: this.#timeline.nowMs,
      events: this.#timeline.events,
      log: this.#log,
    };
  }

  close(): void {
    this.#collector.kill();
    this.#probe?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #openProbe(): void {
    this.#probe?.close();
    this.#probe = new WatermarkProbe(this.#collector.journalPath);
  }

  async #runUntil(untilMs: number): Promise<void> {
    this.#isDone = false;
    await this.#timeline.run(untilMs, () => {
      if (this.#timeline.events > EVENTS_MAX) this.#fail('no busy loop', `${EVENTS_MAX} events`);
      return this.#violation !== undefined || this.#isDone;
    });
  }

  /** Looks at the world each second. */
  #look(): void {
    for (const agent of this.#agents) this.#checkPresence(agent);
    const isPeace = this.#timeline.nowMs > this.#plan.safetyMs;
    if (isPeace) this.#acceptRestored();
    if (isPeace && this.#isSettled()) this.#isDone = true;
    this.#timeline.after(LOOK_MS, () => this.#look());
  }

  /** Presence may be wrong for a while, but not for long. */
  #checkPresence(agent: SimAgent): void {
    const { presence, machine } = this.#collector;
    const nowMs = this.#timeline.nowMs;
    if (presence === undefined || machine.isFrozen) {
      this.#wrong.clear();
      this.#clearSinceMs.clear();
      return;
    }
    const isUp = presence.now(agent.hostId).state === 'up';
    const silentMs = nowMs - Math.max(this.#watch.heardAtMs(agent.hostId), machine.frozenUntilMs);
    if (isUp && silentMs > SILENCE_MS_MAX)
      this.#fail('silence is noticed', `${agent.name} was heard ${silentMs} ms ago`);
    const { path } = agent;
    const isRunning = agent.isRunning && !agent.machine.isFrozen;
    // Whoever was taken for a copy waits for a person.
    if (agent.hasForked) return;
    const isClear = !path.isCut && !path.isUpClogged && !path.isDownClogged && path.delayMsMax < SLOW_MS;
    if (!isRunning || !isClear) this.#clearSinceMs.delete(agent);
    else if (!this.#clearSinceMs.has(agent)) this.#clearSinceMs.set(agent, nowMs);
    if (!isClear || isRunning === isUp) {
      this.#wrong.delete(agent);
      return;
    }
    const kind = isRunning ? 'missed' : 'ghost';
    const before = this.#wrong.get(agent);
    // One error that follows another between two looks is not the same one for longer.
    const sinceMs = before?.kind === kind ? before.sinceMs : nowMs;
    this.#wrong.set(agent, { kind, sinceMs });
    const forMs = nowMs - sinceMs;
    if (forMs <= (isRunning ? MISSED_MS_MAX : GHOST_MS_MAX)) return;
    const check = isRunning ? 'a host that can be reached is up' : 'a host that is gone is not up';
    this.#fail(check, `${agent.name} (${agent.phase}) for ${forMs} ms`);
  }

  #checkCommits(): void {
    const { faults } = this.#plan;
    const failed = this.#collector.journal?.stats().failedCommits ?? 0;
    if (failed === 0 || faults.has('journal full') || faults.has('journal error')) return;
    this.#fail('no commit fails without a cause', `${failed} commits failed`);
  }

  #checkSilence(hostId: string): void {
    const forMs = this.#timeline.nowMs - this.#watch.heardAtMs(hostId);
    if (forMs < SILENCE_MS_MIN) this.#fail('only silence is silence', `${hostId} was heard ${forMs} ms ago`);
  }

  #checkDown(hostId: string): void {
    const agent = this.#agents.find((candidate) => candidate.hostId === hostId);
    if (agent?.hasForked === true) return;
    // A doubled HELLO is a protocol error, after which an agent stays away for up to a minute.
    if (this.#plan.faults.has('doubled messages') && agent?.phase === 'BACKOFF') return;
    const nowMs = this.#timeline.nowMs;
    const sinceMs = agent && this.#clearSinceMs.get(agent);
    const forMs = nowMs - (sinceMs ?? nowMs);
    if (forMs > FALSE_DOWN_MS)
      this.#fail('no host that is there is called down', `${agent?.name} after ${forMs} ms`);
  }

  async #stop(): Promise<void> {
    if (this.#violation !== undefined) return;
    let stopped = false;
    // A fault that is still planned must not come between the agents' end and the collector's.
    this.#collector.retire();
    const all = Promise.all(this.#agents.map((agent) => agent.stopForGood()))
      .then(() => this.#collector.stop())
      .then(() => {
        stopped = true;
      });
    await this.#timeline.run(this.#timeline.nowMs + STOP_MS, () => stopped);
    if (!stopped) return this.#fail('everything stops', 'an agent or the collector did not end in a minute');
    await all;
  }

  #judge(): Verdict {
    const witnesses = [...this.#agents, ...this.#clones].map(({ number, hostId, ledger, hasForked }) => ({
      number,
      hostId,
      ticks: ledger.ticks,
      hasForked: hasForked || this.#plan.faults.has('collector rollback'),
    }));
    const stored = readStored(this.#collector.journalPath);
    for (const { reason } of stored.gaps) this.#mark(`gap ${GAP_REASON_NAMES[reason] ?? reason}`);
    for (const { wallMs, timeMs } of stored.ticks)
      if (timeMs !== wallMs) this.#mark('tick stored by the boot clock');
    const verdict = judge(stored, witnesses, this.#plan);
    const [first] = verdict.faults;
    if (first !== undefined) this.#fail(first.check, first.detail);
    return verdict;
  }

  /** Whoever stands still has not settled: it could not end in order either. */
  #isSettled(): boolean {
    const { isRunning, machine } = this.#collector;
    return isRunning && !machine.isFrozen && this.#agents.every((agent) => this.#isDelivered(agent));
  }

  /** Both ends agree: an agent that just woke up may believe in a session with a collector of which nothing is left. */
  #isDelivered(agent: SimAgent): boolean {
    if (!agent.isSettled) return false;
    if (this.#hasNewSettings && !this.#collector.hasSettled(agent.hostId, agent.configVersion ?? 0))
      return false;
    const epochs = agent.spool?.epochs() ?? [];
    return epochs.every(({ id, next }) => (this.#probe?.watermark(agent.hostId, id) ?? 0) >= next - 1);
  }

  #unsettled(): string {
    return this.#agents
      .filter((agent) => !this.#isDelivered(agent))
      .map(
        (agent) =>
          `${agent.name} is ${agent.phase}: settings ${agent.configVersion}, ${JSON.stringify(agent.spool?.epochs())}`,
      )
      .join('; ');
  }

  #makeAgent(who: Pick<SimAgentOptions, 'number' | 'agentId' | 'keys' | 'original' | 'victim'>): SimAgent {
    return new SimAgent({
      ...who,
      plan: this.#plan,
      network: this.#network,
      collectorKey: COLLECTOR_KEYS.publicKey,
      log: (line) => this.#note(line),
      failed: (check, detail) => this.#fail(check, detail),
      settingsUsed: (agent, used) => this.#watch.settingsUsed(agent, used),
      died: (agent) => {
        this.#mark('agent died at a write');
        this.#timeline.after(RESTART_MS, () => agent.start());
      },
    });
  }

  #clone(original: SimAgent): SimAgent {
    const number = this.#agents.length + this.#clones.length + 1;
    const agentId = Buffer.from(original.hostId, 'hex');
    const clone = this.#makeAgent({ number, agentId, keys: original.keys, original });
    original.hasForked = true;
    this.#clones.push(clone);
    return clone;
  }

  /** From a stream of its own, so that it does not change what else is in a plan. */
  #maybeSendImpostor(): void {
    const random = new Random(this.#plan.seed, 'impostor');
    const [victim] = this.#agents;
    if (victim === undefined || !random.isTrue(IMPOSTOR_RATIO)) return;
    const impostor = this.#makeAgent({
      number: IMPOSTOR_NUMBER,
      agentId: Buffer.from(victim.hostId, 'hex'),
      keys: generateIdentity(),
      victim,
    });
    this.#impostor = impostor;
    this.#timeline.at(random.next() * this.#plan.safetyMs, () => {
      this.#mark('impostor sent');
      impostor.start();
    });
  }

  /** From a stream of its own, too. */
  #maybeBeginIn1970(): void {
    const random = new Random(this.#plan.seed, '1970');
    const [agent] = this.#agents;
    if (agent === undefined || !random.isTrue(BEGIN_IN_1970_RATIO)) return;
    agent.machine.beginIn1970();
    this.#timeline.at(random.next() * this.#plan.safetyMs, () => {
      this.#mark('clock of 1970 set right');
      agent.machine.wallErrorMs = 0;
    });
  }

  /** From a stream of its own, too. Once per agent: it remembers one key of the past, and a collector may be set back. */
  #maybeChangeKeys(): void {
    const random = new Random(this.#plan.seed, 'keys');
    if (!random.isTrue(NEW_KEYS_RATIO)) return;
    for (const agent of this.#agents) {
      const trouble = { kind: random.pick(STORE_TROUBLES), storesLeft: random.integer(0, 2) };
      const hasTrouble = random.isTrue(KEY_TROUBLE_RATIO);
      this.#timeline.at(random.next() * this.#plan.safetyMs, () => {
        if (agent.isRetired || !agent.isRunning) return;
        this.#mark('new key asked for');
        agent.kill();
        agent.askForNewKey(hasTrouble ? trouble : undefined);
        this.#timeline.after(RESTART_MS, () => agent.start());
      });
    }
  }

  /** From a stream of its own, too. */
  #maybeChangeSettings(): void {
    const { seed, safetyMs, faults, intervalMs: ownMs } = this.#plan;
    const random = new Random(seed, 'settings');
    if (!random.isTrue(NEW_SETTINGS_RATIO)) return;
    this.#hasNewSettings = true;
    // Where series change with the ticks, quicker ones would be more change than a collector takes.
    const paces = [1_000, 2_000, 5_000, 20_000].filter((ms) => !faults.has('changing series') || ms >= ownMs);
    for (let count = random.integer(1, NEW_SETTINGS_MAX); count > 0; count--) {
      const agent = random.isTrue(0.5) ? undefined : random.pick(this.#agents);
      const settings = random.isTrue(0.2) ? {} : { intervalMs: random.pick(paces) };
      const hasTrouble = random.isTrue(SETTINGS_TROUBLE_RATIO);
      const trouble = { kind: random.pick(STORE_TROUBLES), storesLeft: random.integer(0, 2) };
      this.#timeline.at(random.next() * safetyMs, () => {
        this.#mark('settings wanted');
        this.#note(`-- wanted of ${agent?.name ?? 'all'}: ${JSON.stringify(settings)}`);
        if (hasTrouble) (agent ?? random.pick(this.#agents)).expectConfigTrouble(trouble);
        this.#collector.want(agent?.hostId, settings);
      });
    }
  }

  /** A person looks at agents that were taken for copies, when there is peace, and accepts them. */
  #acceptRestored(): void {
    for (const agent of this.#agents) {
      if (agent.phase !== 'DORMANT' || this.#collector.hosts?.acceptRestored(agent.hostId) !== true) continue;
      this.#mark('copy accepted by a person');
      agent.kill();
      this.#timeline.after(RESTART_MS, () => agent.start());
    }
  }

  #agentOf(name: string): SimAgent {
    const agent = [this.#impostor, ...this.#agents, ...this.#clones].find(
      (candidate) => candidate?.name === name,
    );
    if (agent === undefined) throw new Error(`no ${name}`);
    return agent;
  }

  #fail(check: string, detail: string): void {
    if (this.#violation !== undefined) return;
    this.#violation = { check, detail };
    this.#note(`!! ${check}: ${detail}`);
  }

  #mark(name: string): void {
    this.#marks.set(name, (this.#marks.get(name) ?? 0) + 1);
  }

  #note(line: string): void {
    if (/error (?:agent session failed|listener of the journal failed|background work failed)/.test(line)) {
      this.#fail('no bug is met', line);
    }
    const mark = markOfLine(line);
    if (mark !== undefined) this.#mark(mark);
    this.#log.push(`${(this.#timeline.nowMs / 1_000).toFixed(3)} ${line}`);
    if (this.#log.length > LOG_LINES) this.#log.shift();
  }
}
