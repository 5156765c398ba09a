/**
 * A program that stays and answers each line it is given with one line: asking Windows for its counters through a fresh
 * PowerShell would cost half a second of a processor each time.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { HostError } from './host.ts';
import type { ChildCommand } from './run-child.ts';

const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** A program that ends is not started again before this. */
const RESTART_MS = 10_000;
const LINE_BREAK = 0x0a;

export interface LineProgramOptions {
  readonly command: ChildCommand;
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string>>;
}

interface Question {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: HostError) => void;
}

/** Starts with the first question. Questions at the same time share one answer. */
export class LineProgram {
  readonly #options: LineProgramOptions;
  #program: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #startedMs: number | undefined;
  #chunks: Buffer[] = [];
  #length = 0;
  #question: Question | undefined;
  #answer: Promise<string> | undefined;

  constructor(options: LineProgramOptions) {
    this.#options = options;
  }

  /**
   * The next line of the program.
   * @throws HostError timeout when `signal` is aborted before (the program is then ended, because its answer would be
   *   taken for that of the next question), too_large, io when it has ended or was started too short a time ago
   */
  ask(signal: AbortSignal): Promise<string> {
    this.#answer ??= this.#askOnce(signal).finally(() => {
      this.#answer = undefined;
    });
    return this.#answer;
  }

  /** Ends the program. A later question starts it again. */
  close(): void {
    this.#end(new HostError('io', `${this.#what}: closed`));
  }

  get #what(): string {
    return `ask ${this.#options.command.program}`;
  }

  #askOnce(signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#end(new HostError('timeout', `${this.#what}: no answer in time`));
      const settled = (): void => signal.removeEventListener('abort', onAbort);
      this.#question = {
        resolve: (answer) => {
          settled();
          resolve(answer);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener('abort', onAbort, { once: true });
      this.#start();
      this.#program?.stdin.write('\n');
    });
  }

  #start(): void {
    if (this.#program !== undefined) return;
    const { clock, command, environment } = this.#options;
    const nowMs = clock.monoMs();
    if (this.#startedMs !== undefined && nowMs - this.#startedMs < RESTART_MS) {
      this.#end(new HostError('io', `${this.#what}: it ended; not started again yet`));
      return;
    }
    this.#startedMs = nowMs;
    const program = spawn(command.program, command.args, {
      env: environment,
      stdio: ['pipe', 'pipe', 'ignore'],
      windowsHide: true,
    });
    this.#program = program;
    const ended = (cause?: unknown): void => {
      if (this.#program === program) this.#end(new HostError('io', `${this.#what}: it ended`, { cause }));
    };
    program.once('error', ended);
    program.once('close', () => ended());
    // A write into a program that has just ended; `close` says so.
    program.stdin.on('error', () => {});
    program.stdout.on('data', (chunk: Buffer) => {
      if (this.#program === program) this.#take(chunk);
    });
    // It must not keep us running; when we end, its input ends, and so does it.
    program.unref();
    for (const stream of [program.stdin, program.stdout]) {
      if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
    }
  }

  #take(chunk: Buffer): void {
    const end = chunk.indexOf(LINE_BREAK);
    this.#chunks.push(end === -1 ? chunk : chunk.subarray(0, end));
    this.#length += chunk.length;
    if (this.#length > ANSWER_BYTES_MAX) {
      this.#end(new HostError('too_large', `${this.#what}: over ${ANSWER_BYTES_MAX} bytes`));
    } else if (end !== -1) {
      const answer = Buffer.concat(this.#chunks).toString();
      this.#forget()?.resolve(answer);
    }
  }

  /** Kills the program and fails what was asked. */
  #end(error: HostError): void {
    const program = this.#program;
    this.#program = undefined;
    this.#forget()?.reject(error);
    program?.kill('SIGKILL');
  }

  #forget(): Question | undefined {
    const question = this.#question;
    this.#question = undefined;
    this.#chunks = [];
    this.#length = 0;
    return question;
  }
}
