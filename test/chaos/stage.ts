/** A collector and agents as real processes, with a proxy in between, and everything that must be undone at the end. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scanEntries } from '../../agent/src/spool/segment-format.ts';
import { freePort } from '../harness/ports.ts';
import {
  createToken,
  startAgent,
  startCollector,
  waitFor,
  type RunningCollector,
  type RunningProcess,
} from '../harness/processes.ts';
import { Namespace } from './namespace.ts';
import {
  hasCorrectedTick,
  judgeJournal,
  newestTicks,
  type ChaosVerdict,
  type SpooledRecord,
} from './oracle.ts';
import { ChaosProxy } from './proxy.ts';

const SETTLE_MS_MAX = 150_000;
/** Age of a newest tick that counts as up to date, at one tick a second. */
const CURRENT_MS = 4_000;

export interface StageAgent {
  readonly name: string;
  readonly dataDir: string;
  process: RunningProcess | undefined;
  readonly token: string;
}

export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-chaos-'));
  readonly agents: StageAgent[] = [];
  readonly proxy: ChaosProxy;
  /** A network of their own for the programs, in which they meet without the proxy; undefined for the usual one. */
  readonly namespace: Namespace | undefined;
  readonly collectorDir: string;
  hasForked = false;
  /** For the agents, on top of the variables of this process. */
  agentEnvironment: Readonly<Record<string, string>> = {};
  readonly #port: number;
  readonly #undo: (() => void)[] = [];
  readonly #spooled: SpooledRecord[] = [];
  #collector: RunningCollector | undefined;
  #isOver = false;

  private constructor(port: number, proxy: ChaosProxy, namespace: Namespace | undefined) {
    this.#port = port;
    this.proxy = proxy;
    this.namespace = namespace;
    this.collectorDir = join(this.folder, 'collector');
    mkdirSync(this.collectorDir);
    this.undoLater(() => proxy.close());
    if (namespace !== undefined) this.undoLater(() => namespace.remove());
  }

  static async open(options: { readonly hasOwnNetwork: boolean }): Promise<Stage> {
    const port = await freePort();
    const proxy = await ChaosProxy.start(() => port);
    return new Stage(port, proxy, options.hasOwnNetwork ? Namespace.create(port) : undefined);
  }

  get collector(): RunningCollector | undefined {
    return this.#collector;
  }

  /** Registers what takes an injection back; run in reverse order whatever happens. */
  undoLater(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** Runs a program of the system; throws with what it said when it fails. */
  run(program: string, ...parameters: readonly string[]): void {
    const { status, stderr, error } = spawnSync(program, parameters, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} ${parameters.join(' ')}: ${error?.message ?? stderr}`);
  }

  /** A small file system in memory at the folder. */
  mount(folder: string, options: string): void {
    mkdirSync(folder, { recursive: true });
    this.run('mount', '-t', 'tmpfs', '-o', options, 'rollcall-chaos', folder);
    this.undoLater(() => spawnSync('umount', ['-l', folder]));
  }

  async startCollector(): Promise<void> {
    const flags = ['--listen', `127.0.0.1:${this.#port}`];
    this.#collector = await startCollector(this.collectorDir, flags, this.namespace?.enter);
  }

  /** Starts the collector and so many agents, and waits until all of them are up to date. */
  async startAll(count: number): Promise<void> {
    await this.startCollector();
    for (let index = 0; index < count; index++) this.addAgent(`agent-${index}`);
    await this.settled();
  }

  addAgent(name: string): StageAgent {
    const dataDir = join(this.folder, name);
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const agent: StageAgent = { name, dataDir, process: undefined, token: createToken(this.collectorDir) };
    this.agents.push(agent);
    this.startAgent(agent);
    return agent;
  }

  startAgent(agent: StageAgent): void {
    if (agent.process !== undefined) return;
    const { dataDir, token, name } = agent;
    const port = this.namespace === undefined ? this.proxy.port : this.#port;
    agent.process = startAgent({
      url: `http://127.0.0.1:${port}`,
      dataDir,
      token,
      flags: ['--interval', '1s', '--host-name', name],
      environment: this.agentEnvironment,
      through: this.namespace?.enter ?? [],
    });
  }

  /** `kill -9`; what stands in its spool then is looked for at the end. */
  async killAgent(agent: StageAgent): Promise<void> {
    await agent.process?.stop('SIGKILL');
    agent.process = undefined;
    this.#spooled.push(...spooledIn(agent.dataDir));
  }

  async killCollector(): Promise<void> {
    await this.#collector?.stop('SIGKILL');
    this.#collector = undefined;
  }

  async stopCollector(): Promise<void> {
    await this.#collector?.stop();
    this.#collector = undefined;
  }

  /**
   * Resolves when the collector has a fresh tick of every agent, taken after this was called: one from before an agent was
   * killed would not say that what its spool held has arrived.
   */
  async settled(): Promise<void> {
    const wanted = this.agents.length;
    const sinceMs = Date.now();
    await waitFor(
      `fresh ticks of ${wanted} agents`,
      () => {
        const newest = newestTicks(join(this.collectorDir, 'journal.db'));
        const oldestMs = Math.max(sinceMs, Date.now() - CURRENT_MS);
        const current = [...newest.values()].filter((timeMs) => timeMs > oldestMs);
        return current.length >= wanted ? true : undefined;
      },
      SETTLE_MS_MAX,
    );
  }

  /** Resolves when a tick of a wall clock that was off by so much stands at the time at which it was taken. */
  async hasCorrectedTick(wallErrorMs: number): Promise<void> {
    await waitFor(`a tick whose clock was ${wallErrorMs} ms off`, () =>
      hasCorrectedTick(join(this.collectorDir, 'journal.db'), wallErrorMs) ? true : undefined,
    );
  }

  /** Ends everything in order and judges what was stored. */
  async finish(): Promise<ChaosVerdict> {
    for (const agent of this.agents) {
      await agent.process?.stop();
      agent.process = undefined;
    }
    await this.stopCollector();
    const path = join(this.collectorDir, 'journal.db');
    return judgeJournal({ path, spooled: this.hasForked ? [] : this.#spooled, hasForked: this.hasForked });
  }

  /** Takes everything back; may be called twice. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { process } of this.agents) await process?.stop('SIGKILL').catch(() => null);
    await this.killCollector().catch(() => null);
    for (const undo of this.#undo.splice(0).reverse()) undo();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whole records of all segments in the spool of an agent that does not run. */
function spooledIn(dataDir: string): SpooledRecord[] {
  const paths = readdirSync(dataDir, { recursive: true, encoding: 'utf8' });
  return paths.flatMap((path) => {
    const [, epochId, first] = /(?:^|\/)e-([0-9a-f]{16})\/(\d+)\.seg$/.exec(path) ?? [];
    if (epochId === undefined) return [];
    const { entries } = scanEntries(readFileSync(join(dataDir, path)), Number(first));
    return entries.map(({ seq, bytes }) => ({ epochId, seq, crc: bytes.readUInt32LE(4) }));
  });
}
