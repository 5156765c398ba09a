/** The machine that the agent runs on. */
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statfs,
  statfsSync,
  statSync,
  type PathLike,
  type StatsFs,
} from 'node:fs';
import { hostname, machine, release, type, version } from 'node:os';
import { systemClock, type Clock } from '@rollcall/shared/lib/clock.ts';
import { systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import {
  HostError,
  type FileFacts,
  type FilesystemUsage,
  type Host,
  type HostErrorKind,
  type KernelNames,
} from './host.ts';
import { askService, type ServiceRequest } from './local-service.ts';
import { StatfsQueue } from './statfs-queue.ts';

/** Where the machine's trees are, without a slash at the end. In a container: `/host/proc` and so on. */
export interface HostRoots {
  readonly procPath: string;
  readonly sysPath: string;
  /** Everything else; the empty string when the agent runs on the machine itself. */
  readonly rootPath: string;
}

/** The roots of an agent that does not run in a container. */
export const MACHINE_ROOTS: HostRoots = { procPath: '/proc', sysPath: '/sys', rootPath: '' };

/** Larger files are refused; `/proc/1/mountinfo` of a machine with 10,000 mounts has about 2 MiB. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const BUFFER_BYTES_INITIAL = 64 * 1024;
/** Pages of memory are at least so large. */
const PAGE_BYTES_MIN = 4_096;
/** Files kept open, of the 1,024 that a process may have; more are opened for each reading. */
const OPEN_FILES_MAX = 768;
/** A kept file is given up for another one when so many readings passed it by: its device may be gone. */
const UNUSED_READINGS_MAX = 16 * OPEN_FILES_MAX;
/** While there is no room, so many readings lie between two looks for such files: each goes over all that are open. */
const LOOK_FOR_UNUSED_READINGS = OPEN_FILES_MAX;
/** The pool has 4 threads unless told otherwise. */
const STATFS_SLOTS = 3;
/** How long a file that was not there is taken not to be there. */
const ABSENT_MS = 60_000;
/** Containers bring devices with ever new names, so what is remembered of them is forgotten now and then. */
const ABSENT_PATHS_MAX = 4_096;

const KIND_BY_CODE: ReadonlyMap<string, HostErrorKind> = new Map([
  ['ENOENT', 'absent'],
  ['ENOTDIR', 'absent'],
  ['ENODEV', 'absent'],
  ['ENXIO', 'absent'],
  ['ESRCH', 'absent'],
  ['EACCES', 'denied'],
  ['EPERM', 'denied'],
  ['EINVAL', 'unsupported'],
  ['EOPNOTSUPP', 'unsupported'],
  ['ENOSYS', 'unsupported'],
]);

/** Opening a pipe on a disk would wait for a writer. Windows, which has no such flag, takes it for nothing. */
const READ_WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;

/** How the kernel gives a file. */
interface Manner {
  /** What is asked for at a time. */
  readonly pieceBytesMax: number;
  /** Size up to which a piece, when it is shorter than what was asked for, is the last one. */
  readonly lastBytesMax: number;
}

interface OpenFile {
  readonly file: number;
  readonly manner: Manner;
  /** Number of the reading that used it last. */
  lastReading: number;
}

/** Not for concurrent use, except `statfs`. Owns open files until `close`. */
export class LocalHost implements Host, Disposable {
  readonly #roots: HostRoots;
  readonly #fileBytesMax: number;
  readonly #clock: Clock;
  readonly #openFiles = new Map<string, OpenFile>();
  /** When a path was found not to be there. */
  readonly #absentSinceMs = new Map<string, number>();
  #readings = 0;
  /** Number of the reading from which on unused files are looked for again. */
  #nextLook = 0;
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL);
  readonly #statfsQueue = new StatfsQueue({ ask: askUsage, slots: STATFS_SLOTS });

  /** @param options.fileBytesMax larger files are refused; 4 MiB unless told otherwise */
  constructor(roots: HostRoots, options: { readonly clock?: Clock; readonly fileBytesMax?: number } = {}) {
    this.#roots = roots;
    this.#clock = options.clock ?? systemClock;
    this.#fileBytesMax = options.fileBytesMax ?? FILE_BYTES_MAX;
  }

  read(path: string): Buffer {
    this.#readings += 1;
    const kept = this.#openFiles.get(path);
    if (kept !== undefined) {
      kept.lastReading = this.#readings;
      try {
        return this.#readAll(kept, path);
      } catch (error) {
        // The file has no value at the moment, or too large a one; it is the right file.
        if (!isStale(error)) throw error;
        // The device behind it may have been replaced by another of the same name: look again.
        this.#openFiles.delete(path);
        closeSync(kept.file);
      }
    }
    if (this.#openFiles.size >= OPEN_FILES_MAX && this.#readings >= this.#nextLook) this.#closeUnused();
    if (this.#openFiles.size >= OPEN_FILES_MAX) return this.readOnce(path);
    const opened = { file: this.#open(path), manner: mannerOf(path), lastReading: this.#readings };
    this.#openFiles.set(path, opened);
    return this.#readAll(opened, path);
  }

  readOnce(path: string): Buffer {
    const file = this.#open(path, isOfKernel(path) ? constants.O_RDONLY : READ_WITHOUT_WAITING);
    try {
      return this.#readAll({ file, manner: mannerOf(path) }, path);
    } finally {
      closeSync(file);
    }
  }

  has(path: string): boolean {
    if (this.#openFiles.has(path)) return true;
    const sinceMs = this.#absentSinceMs.get(path);
    const nowMs = this.#clock.monoMs();
    if (sinceMs !== undefined && nowMs - sinceMs < ABSENT_MS) return false;
    if (existsSync(this.#resolve(path))) return true;
    if (this.#absentSinceMs.size >= ABSENT_PATHS_MAX) this.#absentSinceMs.clear();
    this.#absentSinceMs.set(path, nowMs);
    return false;
  }

  stat(path: string): FileFacts {
    try {
      const facts = statSync(this.#resolve(path));
      return {
        isFile: facts.isFile(),
        bytes: facts.size,
        modifiedMs: facts.mtimeMs,
        inode: facts.ino,
      };
    } catch (error) {
      throw hostError('stat', path, error);
    }
  }

  list(path: string): readonly string[] {
    try {
      return readdirSync(this.#resolve(path));
    } catch (error) {
      throw hostError('list', path, error);
    }
  }

  readLink(path: string): string {
    try {
      return readlinkSync(this.#resolve(path));
    } catch (error) {
      throw hostError('read the link', path, error);
    }
  }

  statfs(
    mount: { readonly path: Buffer; readonly isRemote: boolean },
    signal: AbortSignal,
  ): Promise<FilesystemUsage> {
    return this.#statfsQueue.usage({ ...mount, path: this.#resolveMount(mount.path) }, signal);
  }

  statfsNow(path: Buffer): FilesystemUsage {
    try {
      return usageOf(statfsSync(this.#resolveMount(path)));
    } catch (error) {
      throw hostError('statfs', path.toString(), error);
    }
  }

  ask(path: string, request: ServiceRequest): Promise<Buffer> {
    return askService(this.#resolve(path), request);
  }

  kernelNames(): KernelNames {
    return {
      sysname: type(),
      nodename: hostname(),
      release: release(),
      version: version(),
      machine: machine(),
    };
  }

  /**
   * Calls into the kernel that have not come back. While there is one, the platform waits for its thread when the
   * process exits, perhaps forever: whoever ends the process must then kill it.
   */
  get pendingCalls(): number {
    return this.#statfsQueue.pending;
  }

  /** Closes all files; a later reading opens them again. */
  close(): void {
    for (const { file } of this.#openFiles.values()) closeSync(file);
    this.#openFiles.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Makes room where containers come and go, each with network devices of its own. */
  #closeUnused(): void {
    this.#nextLook = this.#readings + LOOK_FOR_UNUSED_READINGS;
    for (const [path, { file, lastReading }] of this.#openFiles) {
      if (this.#readings - lastReading <= UNUSED_READINGS_MAX) continue;
      this.#openFiles.delete(path);
      closeSync(file);
    }
  }

  #resolveMount(path: Buffer): Buffer {
    return this.#roots.rootPath === '' ? path : Buffer.concat([Buffer.from(this.#roots.rootPath), path]);
  }

  #resolve(path: string): string {
    if (path.startsWith('/proc/')) return this.#roots.procPath + path.slice('/proc'.length);
    if (path.startsWith('/sys/')) return this.#roots.sysPath + path.slice('/sys'.length);
    return this.#roots.rootPath + path;
  }

  #open(path: string, flags: number = constants.O_RDONLY): number {
    try {
      return openSync(this.#resolve(path), flags);
    } catch (error) {
      throw hostError('open', path, error);
    }
  }

  /**
   * Reads from the start until the kernel says that there is no more: it gives long files in pieces. Where a piece tells
   * that there is no more, asking again is spared, for which the kernel walks over some tables a second time.
   */
  #readAll({ file, manner }: Pick<OpenFile, 'file' | 'manner'>, path: string): Buffer {
    const { pieceBytesMax, lastBytesMax } = manner;
    // What had to grow for the file before is given back: such files are rare, and next to them this costs nothing.
    if (this.#buffer.length > BUFFER_BYTES_INITIAL)
      this.#buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL);
    let length = 0;
    for (;;) {
      if (length === this.#buffer.length) this.#grow(path);
      const room = Math.min(this.#buffer.length - length, pieceBytesMax);
      let count: number;
      try {
        count = readSync(file, this.#buffer, length, room, length);
      } catch (error) {
        throw hostError('read', path, error);
      }
      length += count;
      if (count === 0 || (count <= lastBytesMax && count < room)) return this.#buffer.subarray(0, length);
    }
  }

  #grow(path: string): void {
    const limit = this.#fileBytesMax;
    if (this.#buffer.length >= limit) {
      throw new HostError('too_large', `read ${path}: over the limit of ${limit} bytes`);
    }
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#buffer.length * 4, limit));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

/** Files of /proc that the kernel writes as one record, which it gives in one piece however long it is: single_open(). */
const ONE_RECORD =
  /^\/proc\/(stat|meminfo|loadavg|pressure\/[a-z]+|[0-9]+\/(stat|io)|self\/(stat|status|limits)|net\/(snmp|snmp6|netstat|sockstat|sockstat6))$/;

/** Files of /proc whose lines have a few hundred letters at most, however large the machine is. */
const SHORT_LINES = /^\/proc\/(net\/(arp|dev|softnet_stat|(tcp|udp)6?))$/;
const SHORT_LINE_BYTES_MAX = 512;
/** Lines of a name and a number, none of them longer than this. With 180 of them it is nearly a page. */
const COUNTERS = /^\/proc\/vmstat$/;
const COUNTER_BYTES_MAX = 80;
/** Those with longer ones than a page is sure to have room for: a disk with all its partitions, options of mounts, sets of processors. */
const LONG_LINES = /^\/proc\/(diskstats|schedstat|[^/]+\/mountinfo)$/;

/**
 * /sys and /proc/sys give what they have, at most a page, in one piece, and /proc/sys takes and clears as much memory as it is
 * asked for, which from 4 MiB on it refuses to. The files of ONE_RECORD come in one piece as well. Elsewhere in /proc the
 * kernel puts lines into a page until the next one does not fit, so that after a short piece a long line would have to follow.
 * Source: proc_sys_call_handler in fs/proc/proc_sysctl.c, sysfs_kf_seq_show in fs/sysfs/file.c, seq_read_iter in
 * fs/seq_file.c of Linux.
 */
function mannerOf(path: string): Manner {
  if (path.startsWith('/sys/') || path.startsWith('/proc/sys/'))
    return { pieceBytesMax: PAGE_BYTES_MIN, lastBytesMax: PAGE_BYTES_MIN - 1 };
  return { pieceBytesMax: Number.POSITIVE_INFINITY, lastBytesMax: lastBytesMaxOf(path) };
}

function lastBytesMaxOf(path: string): number {
  if (ONE_RECORD.test(path)) return Number.POSITIVE_INFINITY;
  if (COUNTERS.test(path)) return PAGE_BYTES_MIN - COUNTER_BYTES_MAX;
  if (SHORT_LINES.test(path)) return PAGE_BYTES_MIN - SHORT_LINE_BYTES_MAX;
  if (path.startsWith('/proc/') && !LONG_LINES.test(path)) return PAGE_BYTES_MIN / 4;
  return 0;
}

/** Whether the kernel makes the file up: there are no pipes, and some of these files heed the flag against waiting. */
function isOfKernel(path: string): boolean {
  return path.startsWith('/proc/') || path.startsWith('/sys/');
}

/** Whether a file kept open may have lost what was behind it. */
function isStale(error: unknown): boolean {
  return error instanceof HostError && (error.kind === 'absent' || error.kind === 'io');
}

function hostError(what: string, path: string, cause: unknown): HostError {
  const kind = KIND_BY_CODE.get(systemErrorCode(cause) ?? '') ?? 'io';
  return new HostError(kind, `${what} ${path}`, { cause });
}

function askUsage(path: Buffer): Promise<FilesystemUsage> {
  return new Promise((resolve, reject) => {
    const onAnswer = (error: NodeJS.ErrnoException | null, usage: StatsFs): void => {
      if (error !== null) {
        reject(hostError('statfs', path.toString(), error));
        return;
      }
      resolve(usageOf(usage));
    };
    const target: PathLike = path;
    statfs(target, onAnswer);
  });
}

function usageOf(usage: StatsFs): FilesystemUsage {
  return {
    blockBytes: usage.bsize,
    blocks: usage.blocks,
    blocksFree: usage.bfree,
    blocksAvailable: usage.bavail,
    files: usage.files,
    filesFree: usage.ffree,
  };
}
