/**
 * What was read of the machine, as it happens: the port to the operating system is wrapped, so that nothing can be
 * read through it without being noted. `show` prints it.
 */
import { compareUtf8, cleanText } from '@rollcall/shared/lib/text.ts';
import { HostError, type Host } from '../host/host.ts';

/**
 * How reading ended: `ok`, or the kind of failure that its HostError names. `asked`: a library asked for it, and whether
 * there was an answer is not known.
 */
export type ReadOutcome = 'ok' | 'asked' | HostError['kind'];

/** One file, folder, link, file system or program, and how reading it ended the last time. */
export interface ManifestEntry {
  readonly what: string;
  readonly outcome: ReadOutcome;
}

export interface ManifestLists {
  /** Paths in order; processes, which come and go, as `/proc/<pid>`. */
  readonly files: readonly ManifestEntry[];
  /** Command lines in order. */
  readonly programs: readonly ManifestEntry[];
}

/** More than any machine has; what hostile file names could fill is bounded. */
const ENTRIES_MAX = 20_000;
const TEXT_LENGTH_MAX = 1_024;

/** Collects entries; each is listed once. Of several outcomes the best one stays: it says what could be read. */
export class Manifest {
  readonly #files = new Map<string, ReadOutcome>();
  readonly #programs = new Map<string, ReadOutcome>();

  file(path: string, outcome: ReadOutcome): void {
    note(this.#files, withoutProcess(path), outcome);
  }

  program(commandLine: string, outcome: ReadOutcome): void {
    note(this.#programs, commandLine, outcome);
  }

  /** Adds what another process has noted. */
  add({ files, programs }: ManifestLists): void {
    for (const { what, outcome } of files) this.file(what, outcome);
    for (const { what, outcome } of programs) this.program(what, outcome);
  }

  lists(): ManifestLists {
    return { files: entriesOf(this.#files), programs: entriesOf(this.#programs) };
  }
}

/**
 * The same host; every call of a method whose first argument is a path is noted in `manifest`. Methods that the port
 * gets later are noted as well.
 */
export function recordingHost<T extends Host>(host: T, manifest: Manifest): T {
  return new Proxy(host, {
    get(target, key): unknown {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]): unknown => {
        const path = pathOf(args[0]);
        const call = (): unknown => Reflect.apply(member, target, args);
        return path === undefined ? call() : noting(manifest, path, call);
      };
    },
  });
}

/** @throws what `call` throws */
function noting(manifest: Manifest, path: string, call: () => unknown): unknown {
  const onFailure = (error: unknown): never => {
    manifest.file(path, error instanceof HostError ? error.kind : 'io');
    throw error;
  };
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    return onFailure(error);
  }
  if (result instanceof Promise) {
    return result.then((value: unknown) => {
      manifest.file(path, 'ok');
      return value;
    }, onFailure);
  }
  // `has` answers false where others throw.
  manifest.file(path, result === false ? 'absent' : 'ok');
  return result;
}

function pathOf(argument: unknown): string | undefined {
  if (typeof argument === 'string') return argument;
  if (typeof argument !== 'object' || argument === null || !('path' in argument)) return undefined;
  const { path } = argument;
  return Buffer.isBuffer(path) ? path.toString() : undefined;
}

/** Processes come and go between two readings; what is read of each is the same. */
function withoutProcess(path: string): string {
  return path.replace(/^\/proc\/\d+(?=\/|$)/, '/proc/<pid>').replace(/\/fd\/\d+$/, '/fd/<n>');
}

function note(entries: Map<string, ReadOutcome>, what: string, outcome: ReadOutcome): void {
  const text = cleanText(what, TEXT_LENGTH_MAX);
  if (entries.get(text) === 'ok' || (!entries.has(text) && entries.size >= ENTRIES_MAX)) return;
  entries.set(text, outcome);
}

function entriesOf(entries: ReadonlyMap<string, ReadOutcome>): ManifestEntry[] {
  return [...entries]
    .map(([what, outcome]) => ({ what, outcome }))
    .sort((left, right) => compareUtf8(left.what, right.what));
}
