/** The port to the operating system: everything that samplers and the inventory read passes through it. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { ServiceRequest } from './local-service.ts';

/**
 * absent: no such file or device · denied: not permitted · unsupported: there, but has no value at the moment ·
 * too_large: over the size limit · timeout: did not answer in time · io: anything else, see `cause`
 */
export type HostErrorKind = 'absent' | 'denied' | 'unsupported' | 'too_large' | 'timeout' | 'io';

/** A failed reading. Its code is READ_FAILED. */
export class HostError extends AppError {
  readonly kind: HostErrorKind;

  constructor(kind: HostErrorKind, message: string, options: { readonly cause?: unknown } = {}) {
    super('READ_FAILED', message, { ...options, isRetryable: kind !== 'too_large' });
    this.name = 'HostError';
    this.kind = kind;
  }
}

/** Whether `error` says that the thing is not there, or has no value at the moment. */
export function isAbsent(error: unknown): boolean {
  return error instanceof HostError && (error.kind === 'absent' || error.kind === 'unsupported');
}

/** What statfs(2) tells of a file system; sizes are in blocks of `blockBytes`. */
export interface FilesystemUsage {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly blocksFree: number;
  /** Free ones that ordinary users may take. */
  readonly blocksAvailable: number;
  readonly files: number;
  readonly filesFree: number;
}

/** What stat(2) tells of a file; a link is followed. */
export interface FileFacts {
  /** Neither folder, device, pipe nor socket. */
  readonly isFile: boolean;
  readonly bytes: number;
  /** Epoch, with fractions. */
  readonly modifiedMs: number;
  /** Number of the file on its file system: another one is another file. */
  readonly inode: number;
}

/** What uname(2) tells. */
export interface KernelNames {
  readonly sysname: string;
  readonly nodename: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
}

/** Paths are those of the machine (`/proc/stat`), wherever its trees are mounted for us. All methods throw HostError. */
export interface Host {
  /**
   * Content of a small kernel file. It is kept open, so reading it again is cheap; never use this for files on disk,
   * which programs replace.
   * @returns a view that the next call of `read` or `readOnce` overwrites
   */
  read(path: string): Buffer;
  /** Like `read`, but opens and closes the file; a pipe on a disk, which nobody may ever write to, fails at once. */
  readOnce(path: string): Buffer;
  /**
   * Whether there is a file or folder that may be looked at. Cheaper than a `read` that fails: ask first about what many
   * machines do not have. That something is not there is remembered for a minute.
   */
  has(path: string): boolean;
  stat(path: string): FileFacts;
  /** Names in a folder, in no particular order. */
  list(path: string): readonly string[];
  /** Where a symbolic link points. */
  readLink(path: string): string;
  /**
   * Usage of the file system mounted at `path`. A mount that hangs cannot be interrupted: the call ends with kind
   * `timeout` when `signal` is aborted, and further ones for that path fail at once until the kernel answers.
   * @param mount the path as bytes, which need not be UTF-8; `isRemote` when a server has to answer
   */
  statfs(
    mount: { readonly path: Buffer; readonly isRemote: boolean },
    signal: AbortSignal,
  ): Promise<FilesystemUsage>;
  /** The same at once, for a file system whose numbers the kernel has in memory: it must not have to ask anybody. */
  statfsNow(path: Buffer): FilesystemUsage;
  /**
   * What a service of this machine answers over HTTP behind the Unix socket at `path`. It is only ever read: a GET.
   * Answers over 4 MiB fail with kind `too_large`.
   */
  ask(path: string, request: ServiceRequest): Promise<Buffer>;
  kernelNames(): KernelNames;
}
