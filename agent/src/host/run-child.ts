/** Starts a short-lived program and takes what it prints. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import { HostError, type HostErrorKind } from './host.ts';

/** Where the system's own programs are; nothing is taken from our own environment. */
const ENVIRONMENT: Readonly<Record<string, string>> =
  process.platform === 'win32'
    ? { SystemRoot: 'C:\\Windows', PATH: 'C:\\Windows\\System32;C:\\Windows' }
    : { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** What is kept of the messages of a child that failed. */
const MESSAGE_CHARACTERS_MAX = 500;

export interface ChildCommand {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Exit codes besides 0 that are no failure. */
  readonly exitCodes?: readonly number[] | 'any';
}

export interface ChildLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  /** For messages, for example `run the inventory program`. */
  readonly what: string;
  /** `true`: the program gets a process group of its own, which is killed as a whole. `false`: it dies with ours. */
  readonly hasOwnGroup: boolean;
}

const KIND_BY_CODE: ReadonlyMap<string, HostErrorKind> = new Map([
  ['ENOENT', 'absent'],
  ['EACCES', 'denied'],
  ['EPERM', 'denied'],
]);

/**
 * Runs the program without a shell and resolves to its standard output. It is killed when it takes too long, prints too
 * much, or `signal` is aborted.
 * @throws HostError absent, denied, timeout, too_large, io (ended with a failure, or aborted)
 */
export function runChild(command: ChildCommand, limits: ChildLimits, signal: AbortSignal): Promise<Buffer> {
  const { clock, timeoutMs, outputBytesMax, what, hasOwnGroup } = limits;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new HostError('io', `${what}: aborted`));
      return;
    }
    const child = spawn(command.program, command.args, {
      cwd: '/',
      env: ENVIRONMENT,
      detached: hasOwnGroup,
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    let length = 0;
    let messages = '';
    let failure: HostError | undefined;
    const stop = (error: HostError): void => {
      failure ??= error;
      kill(child, hasOwnGroup);
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
      const kind = KIND_BY_CODE.get(systemErrorCode(error) ?? '') ?? 'io';
      failure ??= new HostError(kind, `${what}: cannot be started`, { cause: error });
      if (child.pid === undefined) end(null);
    });
    const end = (exitCode: number | null): void => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      if (failure === undefined && !isAnswer(command, exitCode)) {
        failure = new HostError('io', `${what}: ended with ${exitCode ?? 'a signal'}: ${messages}`);
      }
      if (failure === undefined) resolve(Buffer.concat(chunks));
      else reject(failure);
    };
    child.once('close', end);
  });
}

function isAnswer({ exitCodes = [] }: ChildCommand, exitCode: number | null): boolean {
  if (exitCode === 0) return true;
  return exitCode !== null && (exitCodes === 'any' || exitCodes.includes(exitCode));
}

function kill(child: ChildProcess, hasOwnGroup: boolean): void {
  if (child.pid === undefined) return;
  if (hasOwnGroup && process.platform !== 'win32') {
    try {
      process.kill(-child.pid, 'SIGKILL');
      return;
    } catch {
      // It has ended by itself in the meantime; `close` follows.
    }
  }
  child.kill('SIGKILL');
}
