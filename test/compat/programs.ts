/** Other people's programs as child processes, for tests of how they get on with Rollcall. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { waitFor } from '../harness/processes.ts';

export interface RunningProgram {
  readonly pid: number;
  /** What it printed so far. */
  output(): string;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Kills whatever a test left behind; call it in afterEach. */
export function killPrograms(): void {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * Starts a program and waits until `readyUrl` answers 200.
 * @param options `isApart` keeps signals of the terminal from it, for whoever stops it in order
 * @throws Error with its output when it ends before
 */
export async function startProgram(
  path: string,
  parameters: readonly string[],
  readyUrl: string,
  { isApart = false }: { readonly isApart?: boolean } = {},
): Promise<RunningProgram> {
  const child = spawn(path, parameters, { stdio: ['ignore', 'pipe', 'pipe'], detached: isApart });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let text = '';
  const collect = (chunk: Buffer): void => {
    text += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  await waitFor(`${path} to answer`, async () => {
    if (child.exitCode !== null) throw new Error(`${path} ended: ${text}`);
    const response = await fetch(readyUrl).catch(() => undefined);
    return response?.ok === true ? true : undefined;
  });
  return {
    pid: child.pid ?? 0,
    output: () => text,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

const execute = promisify(execFile);

/** Runs a program to its end and returns what it printed; a failure is an error with all of it. */
export async function runProgram(path: string, parameters: readonly string[]): Promise<string> {
  const { stdout } = await execute(path, [...parameters], { encoding: 'utf8', timeout: 20_000 });
  return stdout;
}
