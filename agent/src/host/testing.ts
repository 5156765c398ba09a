/** A machine made of a fixture folder, for tests. */
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  HostError,
  type FileFacts,
  type FilesystemUsage,
  type Host,
  type HostErrorKind,
  type KernelNames,
} from './host.ts';
import type { ServiceRequest } from './local-service.ts';

/** How `statfs` behaves for one mount point: an answer, a failure, or silence. */
export type FakeMount = FilesystemUsage | { readonly fails: HostErrorKind } | { readonly hangs: true };

const NAMES: KernelNames = {
  sysname: 'Linux',
  nodename: 'host-01',
  release: '6.1.0-test',
  version: '#1 SMP test',
  machine: 'x86_64',
};

/**
 * Reads files below a folder as if it were the root of a machine. Single files can be replaced, or made to fail.
 * Mount points are keyed by their bytes as Latin-1.
 */
export class FakeHost implements Host {
  readonly #rootPath: string | undefined;
  readonly files = new Map<string, string | Buffer | { readonly fails: HostErrorKind }>();
  readonly mounts = new Map<string, FakeMount>();
  /** What `stat` says of a file other than that it is one, as large as its content. */
  readonly facts = new Map<string, Partial<FileFacts>>();
  /** Where symbolic links point that are not in the folder. */
  readonly links = new Map<string, string>();
  /** What services answer, by the path of their socket; without one they are absent. */
  readonly services = new Map<string, (request: ServiceRequest) => Promise<Buffer>>();
  names: KernelNames = NAMES;

  /** @param rootPath a folder with `proc`, `sys`, `etc`; left out, only `files` exist */
  constructor(rootPath?: string) {
    this.#rootPath = rootPath;
  }

  read(path: string): Buffer {
    const replaced = this.files.get(path);
    if (typeof replaced === 'string') return Buffer.from(replaced);
    if (Buffer.isBuffer(replaced)) return replaced;
    if (replaced !== undefined) throw new HostError(replaced.fails, `read ${path}`);
    return this.#onDisk(path, (file) => readFileSync(file));
  }

  readOnce(path: string): Buffer {
    return this.read(path);
  }

  has(path: string): boolean {
    const replaced = this.files.get(path);
    if (replaced !== undefined) return !isGone(replaced);
    if ([...this.files.keys()].some((file) => file.startsWith(`${path}/`))) return true;
    return this.#isOnDisk(path);
  }

  stat(path: string): FileFacts {
    const facts = this.facts.get(path);
    if (!this.files.has(path)) {
      return this.#onDisk(path, (file) => {
        const { size, mtimeMs, ino } = statSync(file);
        return { isFile: true, bytes: size, modifiedMs: mtimeMs, inode: ino, ...facts };
      });
    }
    return { isFile: true, bytes: this.read(path).length, modifiedMs: 0, inode: 1, ...facts };
  }

  list(path: string): readonly string[] {
    const names = new Set<string>();
    for (const file of this.files.keys()) {
      if (file.startsWith(`${path}/`)) names.add(file.slice(path.length + 1).split('/')[0] ?? '');
    }
    if (names.size > 0 && !this.#isOnDisk(path)) return [...names];
    for (const name of this.#onDisk(path, (folder) => readdirSync(folder))) names.add(name);
    return [...names];
  }

  readLink(path: string): string {
    return this.links.get(path) ?? this.#onDisk(path, (file) => readlinkSync(file));
  }

  statfs(
    mount: { readonly path: Buffer; readonly isRemote: boolean },
    signal: AbortSignal,
  ): Promise<FilesystemUsage> {
    const key = mount.path.toString('latin1');
    const fake = this.mounts.get(key);
    if (fake === undefined) return Promise.reject(new HostError('absent', `statfs ${key}`));
    if ('fails' in fake) return Promise.reject(new HostError(fake.fails, `statfs ${key}`));
    if (!('hangs' in fake)) return Promise.resolve(fake);
    return new Promise((_resolve, reject) => {
      const onAbort = (): void => reject(new HostError('timeout', `statfs ${key}`));
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  statfsNow(path: Buffer): FilesystemUsage {
    const key = path.toString('latin1');
    const fake = this.mounts.get(key) ?? { fails: 'absent' };
    if ('fails' in fake) throw new HostError(fake.fails, `statfs ${key}`);
    if ('hangs' in fake) throw new Error(`statfs ${key} would hang`);
    return fake;
  }

  ask(path: string, request: ServiceRequest): Promise<Buffer> {
    const service = this.services.get(path);
    return service?.(request) ?? Promise.reject(new HostError('absent', `ask ${path}`));
  }

  kernelNames(): KernelNames {
    return this.names;
  }

  #isOnDisk(path: string): boolean {
    return this.#rootPath !== undefined && existsSync(join(this.#rootPath, path));
  }

  #onDisk<T>(path: string, use: (diskPath: string) => T): T {
    if (this.#rootPath === undefined) throw new HostError('absent', `open ${path}`);
    try {
      return use(join(this.#rootPath, path));
    } catch (error) {
      throw new HostError('absent', `open ${path}`, { cause: error });
    }
  }
}

function isGone(file: string | Buffer | { readonly fails: HostErrorKind }): boolean {
  return typeof file === 'object' && 'fails' in file && file.fails === 'absent';
}
