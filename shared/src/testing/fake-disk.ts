/**
 * A disk in memory that fails when it is told to and forgets like a real one: the death of the process keeps all that was
 * written, the loss of power keeps what was synced and, of the rest, what chance leaves.
 */
import { dirname, join } from 'node:path';
import {
  diskError,
  systemError,
  type Disk,
  type DiskFile,
  type DiskSpace,
  type FileFacts,
} from '../lib/disk.ts';

/** Thrown by every call after `die`: the process is dead and must not notice anything any more. */
export class ProcessDied extends Error {}

interface Content {
  bytes: Buffer;
  synced: Buffer;
  /** A sync failed: as from a kernel that drops what it could not write, and reports success the next time. */
  isDropped: boolean;
}

type Tree = Map<string, Content | 'dir'>;

export class FakeDisk implements Disk {
  /** What the running system sees. */
  #names: Tree = new Map([['/', 'dir']]);
  /** What the disk itself holds; contents are shared. */
  #durable: Tree = new Map([['/', 'dir']]);
  #isDead = false;
  /** Calls so far; the place of a crash is counted in them. */
  calls = 0;
  freeBytes = 2 ** 40;
  /** Called in front of every call with its name and path; throws to make it fail. See `failWith`. */
  fault: (call: string, path: string) => void = () => {};
  /** Resolves when a sync may end. */
  syncGate: Promise<void> = Promise.resolve();

  /** The process is dead: whatever it still tries fails with ProcessDied. */
  die(): void {
    this.#isDead = true;
  }

  /** The machine goes on with a new process. */
  restart(): void {
    this.#isDead = false;
    this.fault = () => {};
  }

  /**
   * The power was lost: what was not synced is there or not, as `random` has it.
   * @param random uniform in [0, 1)
   */
  losePower(random: () => number): void {
    this.restart();
    const names: Tree = new Map(this.#durable);
    for (const [path, node] of this.#names)
      if (random() < 0.5 && names.has(dirname(path))) names.set(path, node);
    for (const [path] of this.#durable) if (!this.#names.has(path) && random() < 0.5) names.delete(path);
    for (const path of [...names.keys()].sort())
      if (path !== '/' && !names.has(dirname(path))) names.delete(path);
    for (const node of new Set(names.values())) {
      if (node === 'dir') continue;
      node.bytes = halfWritten(node, random);
      node.synced = Buffer.from(node.bytes);
      node.isDropped = false;
    }
    this.#names = names;
    this.#durable = new Map(names);
  }

  /** Changes a file behind the back of its user. */
  edit(path: string, change: (bytes: Buffer) => Buffer): void {
    const content = this.#content('edit', path);
    content.bytes = change(Buffer.from(content.bytes));
    content.synced = Buffer.from(content.bytes);
    content.isDropped = false;
  }

  /** All files below a folder, sorted. */
  files(dir: string): string[] {
    const isInside = ([path, node]: [string, Content | 'dir']): boolean =>
      node !== 'dir' && path.startsWith(`${dir}/`);
    return [...this.#names.entries()]
      .filter(isInside)
      .map(([path]) => path)
      .sort();
  }

  list(dir: string): readonly string[] {
    this.#call('list', dir);
    this.#requireDir('list', dir);
    const names = [...this.#names.keys()].filter((path) => path !== dir && dirname(path) === dir);
    return names.map((path) => path.slice(dir === '/' ? 1 : dir.length + 1)).sort();
  }

  makeDir(dir: string): void {
    this.#call('makeDir', dir);
    if (dir !== '/' && !this.#names.has(dirname(dir))) this.makeDir(dirname(dir));
    const node = this.#names.get(dir);
    if (node !== undefined && node !== 'dir') throw failure('makeDir', dir, 'EEXIST');
    this.#names.set(dir, 'dir');
  }

  stat(path: string): FileFacts | undefined {
    this.#call('stat', path);
    const node = this.#names.get(path);
    if (node === undefined) return undefined;
    return { sizeBytes: node === 'dir' ? 0 : node.bytes.length, modifiedMs: 0, isDir: node === 'dir' };
  }

  readFile(path: string, maxBytes: number): Buffer {
    this.#call('readFile', path);
    const { bytes } = this.#content('read', path);
    if (bytes.length > maxBytes) throw failure('read', path, 'EFBIG');
    return Buffer.from(bytes);
  }

  open(path: string, how: 'read' | 'write' | 'create'): DiskFile {
    this.#call('open', path);
    if (how !== 'create') return new FakeFile(this, path, this.#content('open', path), how === 'write');
    if (this.#names.has(path)) throw failure('create', path, 'EEXIST');
    this.#requireDir('create', dirname(path));
    const content = { bytes: Buffer.alloc(0), synced: Buffer.alloc(0), isDropped: false };
    this.#names.set(path, content);
    return new FakeFile(this, path, content, true);
  }

  rename(from: string, to: string): void {
    this.#call('rename', from);
    const node = this.#names.get(from);
    if (node === undefined) throw failure('rename', from, 'ENOENT');
    this.#requireDir('rename', dirname(to));
    const isMoving = ([path]: [string, Content | 'dir']): boolean =>
      path === from || path.startsWith(`${from}/`);
    for (const [path, child] of [...this.#names].filter(isMoving)) {
      this.#names.delete(path);
      this.#names.set(join(to, path.slice(from.length)).replace(/\/$/, ''), child);
    }
  }

  link(from: string, to: string): void {
    this.#call('link', from);
    const content = this.#content('link', from);
    if (this.#names.has(to)) throw failure('link', to, 'EEXIST');
    this.#names.set(to, content);
  }

  remove(path: string): void {
    this.#call('remove', path);
    this.#content('remove', path);
    this.#names.delete(path);
  }

  removeDir(dir: string): void {
    this.#call('removeDir', dir);
    this.#requireDir('removeDir', dir);
    if (this.list(dir).length > 0) throw failure('removeDir', dir, 'ENOTEMPTY');
    this.#names.delete(dir);
  }

  async syncDir(dir: string): Promise<void> {
    this.#call('syncDir', dir);
    this.#requireDir('syncDir', dir);
    await this.syncGate;
    this.#throwIfDead();
    // A Map allows to delete what it is just showing.
    for (const path of this.#durable.keys()) {
      if (path !== dir && dirname(path) === dir && !this.#names.has(path)) this.#durable.delete(path);
    }
    for (const [path, node] of this.#names) if (dirname(path) === dir) this.#durable.set(path, node);
  }

  space(dir: string): DiskSpace {
    this.#call('space', dir);
    this.#requireDir('space', dir);
    return { freeBytes: this.freeBytes, totalBytes: 2 ** 40, freeFiles: 0, totalFiles: 0 };
  }

  /** For the files of this disk: notes the call, and fails it when that is wanted. */
  note(call: string, path: string): void {
    this.#call(call, path);
  }

  #call(call: string, path: string): void {
    this.#throwIfDead();
    this.calls++;
    this.fault(call, path);
    this.#throwIfDead();
  }

  #throwIfDead(): void {
    if (this.#isDead) throw new ProcessDied('the process is dead');
  }

  #content(call: string, path: string): Content {
    const node = this.#names.get(path);
    if (node === undefined) throw failure(call, path, 'ENOENT');
    if (node === 'dir') throw failure(call, path, 'EISDIR');
    return node;
  }

  #requireDir(call: string, dir: string): void {
    const node = this.#names.get(dir);
    if (node === undefined) throw failure(call, dir, 'ENOENT');
    if (node !== 'dir') throw failure(call, dir, 'ENOTDIR');
  }
}

class FakeFile implements DiskFile {
  readonly #disk: FakeDisk;
  readonly #path: string;
  readonly #content: Content;
  readonly #isWritable: boolean;

  constructor(disk: FakeDisk, path: string, content: Content, isWritable: boolean) {
    this.#disk = disk;
    this.#path = path;
    this.#content = content;
    this.#isWritable = isWritable;
  }

  get sizeBytes(): number {
    return this.#content.bytes.length;
  }

  read(target: Buffer, offsetBytes: number): number {
    this.#disk.note('read', this.#path);
    return this.#content.bytes.subarray(offsetBytes).copy(target);
  }

  write(bytes: Uint8Array, offsetBytes: number): void {
    if (!this.#isWritable) throw failure('write', this.#path, 'EBADF');
    // Dying in the middle of a write leaves its first half.
    const half = Math.floor(bytes.length / 2);
    this.#put(bytes.subarray(0, half), offsetBytes);
    this.#disk.note('write', this.#path);
    this.#put(bytes, offsetBytes);
  }

  truncate(sizeBytes: number): void {
    this.#disk.note('truncate', this.#path);
    const { bytes } = this.#content;
    const kept = bytes.subarray(0, sizeBytes);
    this.#content.bytes = Buffer.concat([kept, Buffer.alloc(Math.max(0, sizeBytes - bytes.length))]);
  }

  async sync(): Promise<void> {
    const content = this.#content;
    try {
      this.#disk.note('sync', this.#path);
    } catch (error) {
      if (!(error instanceof ProcessDied)) content.isDropped = true;
      throw error;
    }
    const synced = Buffer.from(content.bytes);
    await this.#disk.syncGate;
    this.#disk.note('synced', this.#path);
    if (!content.isDropped) content.synced = synced;
  }

  close(): void {}

  #put(bytes: Uint8Array, offsetBytes: number): void {
    const before = this.#content.bytes;
    const after = Buffer.alloc(Math.max(before.length, offsetBytes + bytes.length));
    before.copy(after);
    after.set(bytes, offsetBytes);
    this.#content.bytes = after;
  }
}

/** The error of a call that fails with a code such as `ENOSPC`; for `FakeDisk.fault`. */
export function failWith(code: string): never {
  throw diskError('do what the test wants to fail', systemError(code));
}

function failure(call: string, path: string, code: string): Error {
  return diskError(`${call} ${path}`, systemError(code));
}

/** Synced bytes, and of what was written since then a part, followed by zeros or cut off. */
function halfWritten({ bytes, synced, isDropped }: Content, random: () => number): Buffer {
  if (isDropped) return synced;
  const isAppended = bytes.length >= synced.length && bytes.subarray(0, synced.length).equals(synced);
  if (!isAppended) return Buffer.from(random() < 0.5 ? bytes : synced);
  const end = synced.length + Math.floor(random() * (bytes.length - synced.length + 1));
  const kept = Buffer.from(bytes.subarray(0, end));
  return random() < 0.5 ? kept : Buffer.concat([kept, Buffer.alloc(bytes.length - end)]);
}
