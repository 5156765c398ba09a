/**
 * The disk as a port, for everything that must survive a crash: the agent's spool and the collector's blocks. Writes go
 * to the page cache at once and survive the death of the process; only `sync` and `syncDir` make them survive the loss of
 * power, and they work in the background while the event loop goes on. Every failure is an AppError `DISK_FAILED` that
 * keeps the system's error code, see `diskErrorCode`.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
  rmdirSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AppError, systemErrorCode } from './errors.ts';

export interface FileFacts {
  readonly sizeBytes: number;
  /** Wall clock of the last change, UTC milliseconds. */
  readonly modifiedMs: number;
  readonly isDir: boolean;
}

/** What is left on the file system of a folder. */
export interface DiskSpace {
  /** Bytes that this user may still write; what is reserved for root does not count. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Files that can still be made and that exist at most; both 0 where the file system has no such limit. */
  readonly freeFiles: number;
  readonly totalFiles: number;
}

/** Paths are absolute. Every method may throw AppError DISK_FAILED; only `sync` and `syncDir` take their time. */
export interface Disk {
  /** Names in a folder, sorted. A folder that is missing fails with ENOENT. */
  list(dir: string): readonly string[];
  /** Makes the folder and those above it; does nothing when it exists. @param mode of new folders, default 0700 */
  makeDir(dir: string, mode?: number): void;
  /** Undefined when nothing has this name. */
  stat(path: string): FileFacts | undefined;
  /** The whole file. Fails with EFBIG when it is larger than `maxBytes`. */
  readFile(path: string, maxBytes: number): Buffer;
  /**
   * Opens a file: `read` an existing one, `write` an existing one for reading and writing, `create` a new one, which
   * fails with EEXIST when the name is taken.
   */
  open(path: string, how: 'read' | 'write' | 'create'): DiskFile;
  /** Gives a file or folder another name; a file that had the name is replaced in one step. */
  rename(from: string, to: string): void;
  /** A second name for the same file. */
  link(from: string, to: string): void;
  /** Removes a file. Fails with ENOENT when there is none. */
  remove(path: string): void;
  /** Removes an empty folder. Fails with ENOTEMPTY when it is not. */
  removeDir(dir: string): void;
  /** Makes what was created, renamed or removed in the folder survive the loss of power. */
  syncDir(dir: string): Promise<void>;
  space(dir: string): DiskSpace;
}

/** An open file. Nothing may be called after `close`; `close` may be called while a `sync` is under way. */
export interface DiskFile {
  readonly sizeBytes: number;
  /** Fills `target` from `offsetBytes` on as far as the file goes; returns how many bytes that were. */
  read(target: Buffer, offsetBytes: number): number;
  /** Writes all bytes or fails; after a failure part of them may stand in the file. */
  write(bytes: Uint8Array, offsetBytes: number): void;
  truncate(sizeBytes: number): void;
  /**
   * Makes the content survive the loss of power. After a failure the content is unknown and a second call proves nothing:
   * the kernel may have dropped what it could not write.
   */
  sync(): Promise<void>;
  /** May be called twice. */
  close(): void;
}

const FILE_MODE = 0o600;
const DIR_MODE = 0o700;

/** The system's code of a DISK_FAILED such as `ENOSPC`, undefined for any other error. */
export function diskErrorCode(error: unknown): string | undefined {
  if (!(error instanceof AppError) || error.code !== 'DISK_FAILED') return undefined;
  return systemErrorCode(error.cause) ?? 'EIO';
}

/** The error of a failed operation; for implementations of the port. */
export function diskError(attempt: string, cause: unknown): AppError {
  return new AppError('DISK_FAILED', attempt, { cause, isRetryable: true });
}

/** An error as the system makes them; for implementations of the port. @param code such as `ENOSPC` */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}, as told by the file system`), { code });
}

/** The disk of this machine. */
export const nodeDisk: Disk = {
  list: (dir) => attempt(`list ${dir}`, () => readdirSync(dir).toSorted()),
  makeDir(dir, mode = DIR_MODE) {
    attempt(`make folder ${dir}`, () => makeFolders(dir, mode));
  },
  stat: (path) =>
    attempt(`look at ${path}`, () => {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined) return undefined;
      return { sizeBytes: stats.size, modifiedMs: stats.mtimeMs, isDir: stats.isDirectory() };
    }),
  readFile(path, maxBytes) {
    const file = this.open(path, 'read');
    try {
      return readWhole(file, { path, maxBytes });
    } finally {
      file.close();
    }
  },
  open: (path, how) =>
    attempt(`open ${path}`, () => new NodeFile(path, openSync(path, FLAGS[how], FILE_MODE))),
  rename: (from, to) => attempt(`rename ${from} to ${to}`, () => renameSync(from, to)),
  link: (from, to) => attempt(`link ${from} to ${to}`, () => linkSync(from, to)),
  remove: (path) => attempt(`remove ${path}`, () => unlinkSync(path)),
  removeDir: (dir) => attempt(`remove folder ${dir}`, () => rmdirSync(dir)),
  syncDir,
  space: (dir) =>
    attempt(`ask for the free space of ${dir}`, () => {
      const { bsize, bavail, blocks, ffree, files } = statfsSync(dir);
      return {
        freeBytes: bavail * bsize,
        totalBytes: blocks * bsize,
        freeFiles: ffree,
        totalFiles: files,
      };
    }),
};

/**
 * Makes a folder and those above it that are missing. Node's own way of it never ends where the system says that a folder is
 * missing which is there, as it does for new folders in /proc.
 */
export function makeFolders(dir: string, mode: number): void {
  const missing: string[] = [];
  for (let path = resolve(dir); !isFolder(path); path = dirname(path)) missing.push(path);
  for (const path of missing.toReversed()) {
    try {
      mkdirSync(path, { mode });
    } catch (error) {
      // Somebody else may have made it meanwhile.
      if (!isFolder(path)) throw error;
    }
  }
}

function isFolder(path: string): boolean {
  return path === dirname(path) || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

const FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const;

/** A descriptor must not be closed while the thread pool syncs it: the number may by then belong to another file. */
class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #descriptor: number;
  #syncs = 0;
  #isClosing = false;
  #isClosed = false;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  get sizeBytes(): number {
    return attempt(`look at ${this.#path}`, () => fstatSync(this.#descriptor).size);
  }

  read(target: Buffer, offsetBytes: number): number {
    return attempt(`read ${this.#path}`, () => {
      let done = 0;
      while (done < target.length) {
        const count = readSync(this.#descriptor, target, done, target.length - done, offsetBytes + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  write(bytes: Uint8Array, offsetBytes: number): void {
    attempt(`write ${this.#path}`, () => {
      let done = 0;
      while (done < bytes.length) {
        const count = writeSync(this.#descriptor, bytes, done, bytes.length - done, offsetBytes + done);
        // A full disk may take part of the bytes; it says why when it is given the rest.
        if (count === 0) throw systemError('ENOSPC');
        done += count;
      }
    });
  }

  truncate(sizeBytes: number): void {
    attempt(`truncate ${this.#path}`, () => ftruncateSync(this.#descriptor, sizeBytes));
  }

  sync(): Promise<void> {
    this.#syncs++;
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => {
        this.#syncs--;
        if (this.#isClosing && this.#syncs === 0) this.#close();
        if (error === null) resolve();
        else reject(diskError(`sync ${this.#path}`, error));
      });
    });
  }

  close(): void {
    this.#isClosing = true;
    if (this.#syncs === 0) this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    attempt(`close ${this.#path}`, () => closeSync(this.#descriptor));
  }
}

function readWhole(file: DiskFile, options: { readonly path: string; readonly maxBytes: number }): Buffer {
  const { path, maxBytes } = options;
  const size = file.sizeBytes;
  if (size > maxBytes) throw diskError(`read ${path}: ${size} of ${maxBytes} bytes`, systemError('EFBIG'));
  const bytes = Buffer.allocUnsafe(size);
  return bytes.subarray(0, file.read(bytes, 0));
}

/** Windows cannot open folders and needs no such call. */
function syncDir(dir: string): Promise<void> {
  if (process.platform === 'win32') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const failed = (error: unknown): void => reject(diskError(`sync folder ${dir}`, error));
    open(dir, constants.O_RDONLY, (openError, descriptor) => {
      if (openError !== null) return failed(openError);
      fsync(descriptor, (error) => {
        closeSync(descriptor);
        if (error === null) resolve();
        else failed(error);
      });
    });
  });
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof AppError ? error : diskError(what, error);
  }
}
