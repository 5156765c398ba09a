/** Starts a short-lived program of ours and takes what it prints. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { HostError } from '../host/host.ts';

/** Where the system's own programs are; nothing is taken from our own environment. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** What is kept of the messages of a child that failed. */
const MESSAGE_CHARACTERS_MAX = 500;

export interface ChildCommand {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
}

export interface ChildLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
}

/**
 * Runs the program without a shell, in a process group of its own, and resolves to its standard output. The whole
 * group is killed when it takes too long, prints too much, or `signal` is aborted.
 * @throws HostError timeout, too_large, io (cannot be started, ended with a failure, or aborted)
 */
export function runChild(command: ChildCommand, limits: ChildLimits, signal: AbortSignal): Promise<Buffer> {
  const { clock, timeoutMs, outputBytesMax } = limits;
  const what = 'run the inventory program';
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new HostError('io', `${what}: aborted`));
      return;
    }
    const child = spawn(command.program, command.args, {
      cwd: '/',
      env: ENVIRONMENT,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    let length = 0;
    let messages = '';
    let failure: HostError | undefined;
    const stop = (error: HostError): void => {
      failure ??= error;
      killGroup(child);
    };
    const onAbort = (): void => stop(new HostError('io', `${what}: aborted`));
    const timer = clock.setTimer(timeoutMs, () => {
      stop(new HostError('timeout', `${what}: not done after ${timeoutMs} ms`));
    });
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > outputBytesMax) stop(new HostError('too_large', `${what}: over ${outputBytesMax} bytes`));
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      messages = (messages + chunk.toString()).slice(0, MESSAGE_CHARACTERS_MAX);
    });
    child.once('error', (error) => {
      failure ??= new HostError('io', `${what}: cannot be started`, { cause: error });
      if (child.pid === undefined) end(null);
    });
    const end = (exitCode: number | null): void => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      if (failure === undefined && exitCode !== 0) {
        failure = new HostError('io', `${what}: ended with ${exitCode ?? 'a signal'}: ${messages}`);
      }
      if (failure === undefined) resolve(Buffer.concat(chunks));
      else reject(failure);
    };
    child.once('close', end);
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself in the meantime; `close` follows.
    child.kill('SIGKILL');
  }
}
