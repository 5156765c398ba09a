/** Real collectors and agents as child processes, for tests that cross a process border. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const COLLECTOR = join(ROOT, 'collector/bin/rollcall-collector.mjs');
const AGENT = join(ROOT, 'agent/bin/rollcall-agent.mjs');
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;

/** A program that runs, with what it printed so far. */
export interface RunningProcess {
  readonly child: ChildProcess;
  /** Standard output and standard error, joined. */
  output(): string;
  /** Sends the signal and resolves with the exit code, or null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface RunningCollector extends RunningProcess {
  readonly url: string;
}

const running = new Set<ChildProcess>();

/** Kills whatever a test left behind; call it in afterEach. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * Starts a collector on loopback and waits until it listens.
 * @param flags further flags; `--listen` defaults to a free port
 * @param through a command that starts another one, with its parameters, such as one that enters a network of its own
 */
export async function startCollector(
  dataDir: string,
  flags: readonly string[] = [],
  through: readonly string[] = [],
): Promise<RunningCollector> {
  const listen = flags.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const collector = start([COLLECTOR, 'run', '--data-dir', dataDir, ...listen, ...flags], { through });
  const url = await waitFor('the collector to print its URL', () => {
    if (collector.child.exitCode !== null) throw new Error(`collector ended: ${collector.output()}`);
    return /ready at (https?:\/\/\S+)/.exec(collector.output())?.[1];
  });
  return { ...collector, url };
}

/** Starts an agent; it enrols itself with the token on its first start. */
export function startAgent(options: {
  readonly url: string;
  readonly dataDir: string;
  readonly token?: string;
  readonly flags?: readonly string[];
  /** @default the one of the checkout */
  readonly program?: string;
  /** Variables on top of those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** As for `startCollector`. */
  readonly through?: readonly string[];
}): RunningProcess {
  const { program = AGENT, environment = {}, through = [] } = options;
  const secrets = options.token === undefined ? {} : { ROLLCALL_TOKEN: options.token };
  return start(
    [program, 'run', '--url', options.url, '--data-dir', options.dataDir, ...(options.flags ?? [])],
    { environment: { ...environment, ...secrets }, through },
  );
}

/** Runs a command of the collector to its end. */
export function runCollectorCommand(parameters: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [COLLECTOR, ...parameters], { encoding: 'utf8' });
}

/** The same with standard output on a disk without room. */
export function runCollectorCommandOnFullDisk(parameters: readonly string[]): {
  readonly status: number | null;
  readonly stderr: string;
} {
  const full = openSync('/dev/full', 'w');
  try {
    const stdio = ['ignore' as const, full, 'pipe' as const];
    return spawnSync(process.execPath, [COLLECTOR, ...parameters], { encoding: 'utf8', stdio });
  } finally {
    closeSync(full);
  }
}

/** Runs a command of the agent to its end. */
export function runAgentCommand(parameters: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [AGENT, ...parameters], { encoding: 'utf8' });
}

/** A new enrolment token of the collector with this data folder. */
export function createToken(dataDir: string, flags: readonly string[] = []): string {
  const result = runCollectorCommand(['token', 'create', '--data-dir', dataDir, '--json', ...flags]);
  const answer: unknown = JSON.parse(result.stdout || 'null');
  if (
    typeof answer === 'object' &&
    answer !== null &&
    'token' in answer &&
    typeof answer.token === 'string'
  ) {
    return answer.token;
  }
  throw new Error(`no token: ${result.stderr}`);
}

/** Polls until `probe` returns something; throws with the last error after `timeoutMs`. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  timeoutMs = READY_MS_MAX,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((wake) => {
      setTimeout(wake, 50);
    });
  }
}

function start(
  parameters: readonly string[],
  options: {
    readonly through: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
  },
): RunningProcess {
  const { through, environment = {} } = options;
  const [program, ...before] = [...through, process.execPath];
  const child = spawn(program, [...before, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let text = '';
  const collect = (chunk: Buffer): void => {
    text += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return { child, output: () => text, stop: (signal = 'SIGTERM') => stop(child, signal, () => text) };
}

function stop(child: ChildProcess, signal: NodeJS.Signals, output: () => string): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolveCode, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`did not stop on ${signal}: ${output()}`));
    }, STOP_MS_MAX);
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolveCode(code);
    });
    child.kill(signal);
  });
}
