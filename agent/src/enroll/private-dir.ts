/** A folder that only the agent's user may enter, with small files that are replaced as a whole or not at all. */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { AppError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';

const DIR_MODE = 0o700;
const FILE_MODE = 0o600;
const OTHERS = 0o077;
const OTHERS_MAY_WRITE = 0o022;
const FILE_BYTES_MAX = 64 * 1024;

export class PrivateDir {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Opens the folder; makes it if need be, with mode 0700.
   * @throws AppError DATA_DIR_UNUSABLE when it cannot be made, belongs to another user, or others may write to it
   */
  static open(path: string): PrivateDir {
    try {
      if (mkdirSync(path, { recursive: true, mode: DIR_MODE }) !== undefined) chmodSync(path, DIR_MODE);
      const stats = lstatSync(path);
      if (!stats.isDirectory()) throw unusable(path, 'is not a folder');
      refuseForeign(path, stats);
      if (hasModes() && (stats.mode & OTHERS_MAY_WRITE) !== 0) {
        throw unusable(path, `may be written by other users; run: chmod 700 ${path}`);
      }
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw new AppError('DATA_DIR_UNUSABLE', `cannot use the data folder ${path}`, { cause: error });
    }
    return new PrivateDir(path);
  }

  /**
   * The content of a file, undefined when there is none.
   * @throws AppError DATA_DIR_UNUSABLE when it is a link, belongs to another user, or others may read it
   */
  read(name: string): string | undefined {
    const path = join(this.path, name);
    let file: number | undefined;
    try {
      file = openSync(path, constants.O_RDONLY | noFollow());
      const stats = fstatSync(file);
      if (!stats.isFile() || stats.size > FILE_BYTES_MAX) throw unusable(path, 'is not a small file');
      refuseForeign(path, stats);
      if (hasModes() && (stats.mode & OTHERS) !== 0) {
        throw unusable(path, `may be read by other users; run: chmod 600 ${path}`);
      }
      return readFileSync(file, 'utf8');
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw new AppError('DATA_DIR_UNUSABLE', `cannot read ${path}`, { cause: error });
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  /**
   * Replaces a file durably: after a crash it has the old content or the new one.
   * @param options.isDurable false: does not wait for the disk, and a crash of the machine may leave anything
   * @throws AppError DATA_DIR_UNUSABLE
   */
  write(name: string, content: string, options: { readonly isDurable: boolean } = { isDurable: true }): void {
    const path = join(this.path, name);
    const temporary = `${path}.new`;
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | noFollow();
      const file = openSync(temporary, flags, FILE_MODE);
      try {
        writeFileSync(file, content);
        if (options.isDurable) fsyncSync(file);
      } finally {
        closeSync(file);
      }
      chmodSync(temporary, FILE_MODE);
      renameSync(temporary, path);
      if (options.isDurable) this.#sync();
    } catch (error) {
      throw new AppError('DATA_DIR_UNUSABLE', `cannot write ${path}`, { cause: error });
    }
  }

  /** Removes a file; does nothing when there is none. @throws AppError DATA_DIR_UNUSABLE */
  remove(name: string): void {
    try {
      rmSync(join(this.path, name), { force: true });
    } catch (error) {
      throw new AppError('DATA_DIR_UNUSABLE', `cannot remove ${join(this.path, name)}`, { cause: error });
    }
  }

  /** Makes the rename durable. Windows cannot open folders and needs no such call. */
  #sync(): void {
    if (!hasModes()) return;
    const folder = openSync(this.path, constants.O_RDONLY);
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

function refuseForeign(path: string, { uid }: Stats): void {
  const own = process.getuid?.();
  if (own === undefined || own === uid) return;
  throw unusable(path, `belongs to user ${uid}, this program runs as user ${own}; start it as that user`);
}

/** Whether the operating system has owners and modes of files. */
function hasModes(): boolean {
  return process.getuid !== undefined;
}

function noFollow(): number {
  return hasModes() ? constants.O_NOFOLLOW : 0;
}

function unusable(path: string, why: string): AppError {
  return new AppError('DATA_DIR_UNUSABLE', `${path} ${why}`);
}
