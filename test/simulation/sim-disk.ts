/**
 * A disk in memory that knows what would survive the loss of power: content and names that were synced for certain, the
 * rest in part, in sectors and out of order. It can be full, read-only, slow or broken. Long, because a disk is one thing.
 */
import { posix } from 'node:path';
import {
  diskError,
  systemError,
  type Disk,
  type DiskFile,
  type DiskSpace,
  type FileFacts,
} from '@rollcall/shared/lib/disk.ts';
import type { Process } from './machine.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

const SECTOR_BYTES = 512;
const TOTAL_BYTES = 1 << 30;
const TOTAL_FILES = 100_000;
const LATENCY_MS = 2;

/** A change of a file's content that is not on the platter yet. */
type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

interface FileNode {
  readonly kind: 'file';
  content: Buffer;
  durable: Buffer;
  changes: Change[];
  modifiedMs: number;
}

interface DirNode {
  readonly kind: 'dir';
  readonly entries: Map<string, Node>;
  readonly durable: Map<string, Node>;
  /** Names that came or went since the last sync, in order. */
  changes: { readonly name: string; readonly node: Node | undefined }[];
}

type Node = FileNode | DirNode;

/** What goes wrong at the moment. */
export interface DiskFaults {
  isFull: boolean;
  isReadOnly: boolean;
  /** How many of the next operations of each kind fail with EIO. */
  failingWrites: number;
  failingReads: number;
  failingSyncs: number;
  syncMsMax: number;
  /** The process dies at its so many-th next change; 0 for never. */
  deathIn: number;
}

export class SimDisk {
  readonly faults: DiskFaults = noFaults();
  readonly #timeline: Timeline;
  readonly #random: Random;
  #root: DirNode = newDir();
  /** A sync that was slow to begin with stands in front of those that come later. */
  #slowUntilMs = 0;

  /** An empty disk but for one folder, which was made long ago. */
  static withFolder(name: string, ...parameters: ConstructorParameters<typeof SimDisk>): SimDisk {
    const disk = new SimDisk(...parameters);
    const folder = newDir();
    disk.#root.entries.set(name, folder);
    disk.#root.durable.set(name, folder);
    return disk;
  }

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  /** The port for one process; nothing that the process does after its death has any effect. */
  portOf(process: Process, die: () => void): Disk {
    return new Port({ disk: this, process, die });
  }

  /** Another disk with the same content, all of it synced; also a snapshot to return to. */
  copy(): SimDisk {
    const copy = new SimDisk(this.#timeline, this.#random);
    copy.#root = copyOf(this.#root);
    return copy;
  }

  /** Puts the content of a copy in place. */
  restore(image: SimDisk): void {
    this.#root = copyOf(image.#root);
  }

  /** Whether nothing goes wrong at the moment. */
  get isSound(): boolean {
    // A single sync that fails is repaired at once.
    const { isFull, isReadOnly, failingWrites, failingReads, syncMsMax } = this.faults;
    const isSlow = syncMsMax > 0 || this.#timeline.nowMs < this.#slowUntilMs;
    return !isFull && !isReadOnly && failingWrites + failingReads === 0 && !isSlow;
  }

  paths(): string[] {
    return this.#files(this.#root, '/').map(({ path }) => path);
  }

  /** Names and sizes, for the story of a run. */
  describe(): string {
    return this.#files(this.#root, '/')
      .map(({ path, node }) => `${path}:${node.content.length}`)
      .join(' ');
  }

  /** Everything is gone. */
  wipe(): void {
    this.#root = newDir();
  }

  heal(): void {
    Object.assign(this.faults, noFaults());
  }

  /** Power is lost: what was not synced survives in part or not at all. */
  cutPower(): void {
    const style = this.#random.pick(['nothing', 'everything', 'beginning', 'anything'] as const);
    const seen = new Map<Node, Node>();
    this.#root = this.#afterCut(this.#root, style, seen);
  }

  /** Flips a bit of one file, also on the platter; returns its path. */
  rot(isMeant: (path: string) => boolean): string | undefined {
    const files = this.#files(this.#root, '/').filter(
      ({ path, node }) => isMeant(path) && node.content.length > 0,
    );
    if (files.length === 0) return undefined;
    const { path, node } = this.#random.pick(files);
    const index = this.#random.integer(0, node.content.length - 1);
    node.content = Buffer.from(node.content);
    node.content[index] = (node.content[index] ?? 0) ^ (1 << this.#random.integer(0, 7));
    node.durable = Buffer.from(node.content);
    node.changes = [];
    return path;
  }

  // For the port.

  get now(): number {
    return this.#timeline.nowMs;
  }

  get root(): DirNode {
    return this.#root;
  }

  get random(): Random {
    return this.#random;
  }

  /** Resolves after the time of a sync; never when the process dies meanwhile. */
  wait(process: Process): Promise<void> {
    const delayMs = this.#random.next() * Math.max(LATENCY_MS, this.faults.syncMsMax);
    if (delayMs > LATENCY_MS) this.#slowUntilMs = Math.max(this.#slowUntilMs, this.now + delayMs);
    return new Promise((resolve) => {
      this.#timeline.after(delayMs, () => process.whenRunning(resolve));
    });
  }

  usedBytes(): number {
    return this.#files(this.#root, '/').reduce((sum, { node }) => sum + node.content.length, 0);
  }

  #files(dir: DirNode, path: string): { readonly path: string; readonly node: FileNode }[] {
    return [...dir.entries].flatMap(([name, node]) => {
      const child = posix.join(path, name);
      return node.kind === 'dir' ? this.#files(node, child) : [{ path: child, node }];
    });
  }

  #afterCut(
    dir: DirNode,
    style: 'nothing' | 'everything' | 'beginning' | 'anything',
    seen: Map<Node, Node>,
  ): DirNode {
    const names = new Map(dir.durable);
    const count =
      style === 'nothing'
        ? 0
        : style === 'everything'
          ? dir.changes.length
          : this.#random.integer(0, dir.changes.length);
    // A file system with a log loses the end of what it was told about names, never the middle.
    for (const { name, node } of dir.changes.slice(0, count)) {
      if (node === undefined) names.delete(name);
      else names.set(name, node);
    }
    const entries = new Map<string, Node>();
    for (const [name, node] of names) {
      const known = seen.get(node);
      const after =
        known ?? (node.kind === 'dir' ? this.#afterCut(node, style, seen) : this.#fileAfterCut(node, style));
      seen.set(node, after);
      entries.set(name, after);
    }
    return { kind: 'dir', entries, durable: new Map(entries), changes: [] };
  }

  #fileAfterCut(node: FileNode, style: 'nothing' | 'everything' | 'beginning' | 'anything'): FileNode {
    let content = node.durable;
    const sectors = node.changes.flatMap((change) =>
      change.kind === 'write' ? sectorsOf(change) : [change],
    );
    const first = style === 'beginning' ? this.#random.integer(0, sectors.length) : sectors.length;
    for (const [index, change] of sectors.entries()) {
      const survives =
        style === 'everything' ||
        (style !== 'nothing' && index < first && (style === 'beginning' || this.#random.isTrue(0.5)));
      if (survives) content = changed(content, change);
    }
    return { kind: 'file', content, durable: content, changes: [], modifiedMs: node.modifiedMs };
  }
}

class Port implements Disk {
  readonly #disk: SimDisk;
  readonly #process: Process;
  readonly #die: () => void;

  constructor(options: { readonly disk: SimDisk; readonly process: Process; readonly die: () => void }) {
    this.#disk = options.disk;
    this.#process = options.process;
    this.#die = options.die;
  }

  list(dir: string): readonly string[] {
    return [...this.#dir(dir).entries.keys()].toSorted();
  }

  makeDir(dir: string): void {
    let node = this.#disk.root;
    for (const name of partsOf(dir)) {
      let next = node.entries.get(name);
      if (next === undefined) {
        this.#beforeChange(`make ${dir}`, { isGrowing: true });
        next = newDir();
        setName(node, name, next);
      }
      if (next.kind !== 'dir') throw failure(`make ${dir}`, 'ENOTDIR');
      node = next;
    }
  }

  stat(path: string): FileFacts | undefined {
    this.#alive();
    const node = this.#find(path);
    if (node === undefined) return undefined;
    return node.kind === 'dir'
      ? { sizeBytes: 0, modifiedMs: 0, isDir: true }
      : { sizeBytes: node.content.length, modifiedMs: node.modifiedMs, isDir: false };
  }

  readFile(path: string, maxBytes: number): Buffer {
    const node = this.#file(path);
    this.#beforeRead(path);
    if (node.content.length > maxBytes) throw failure(`read ${path}`, 'EFBIG');
    return Buffer.from(node.content);
  }

  open(path: string, how: 'read' | 'write' | 'create'): DiskFile {
    if (how !== 'create') {
      const node = this.#file(path);
      if (how === 'write') this.#beforeChange(`open ${path}`, { isGrowing: false });
      return this.#handle(node, path, how === 'write');
    }
    const parent = this.#dir(posix.dirname(path));
    if (parent.entries.has(posix.basename(path))) throw failure(`make ${path}`, 'EEXIST');
    this.#beforeChange(`make ${path}`, { isGrowing: true });
    const empty = Buffer.alloc(0);
    const node: FileNode = {
      kind: 'file',
      content: empty,
      durable: empty,
      changes: [],
      modifiedMs: this.#disk.now,
    };
    setName(parent, posix.basename(path), node);
    return this.#handle(node, path, true);
  }

  rename(from: string, to: string): void {
    const node = this.#find(from);
    if (node === undefined) throw failure(`rename ${from}`, 'ENOENT');
    const target = this.#dir(posix.dirname(to));
    this.#beforeChange(`rename ${from}`, { isGrowing: false });
    setName(target, posix.basename(to), node);
    setName(this.#dir(posix.dirname(from)), posix.basename(from), undefined);
  }

  link(from: string, to: string): void {
    const node = this.#file(from);
    const parent = this.#dir(posix.dirname(to));
    if (parent.entries.has(posix.basename(to))) throw failure(`link ${to}`, 'EEXIST');
    this.#beforeChange(`link ${to}`, { isGrowing: false });
    setName(parent, posix.basename(to), node);
  }

  remove(path: string): void {
    this.#file(path);
    this.#beforeChange(`remove ${path}`, { isGrowing: false });
    setName(this.#dir(posix.dirname(path)), posix.basename(path), undefined);
  }

  removeDir(path: string): void {
    if (this.#dir(path).entries.size > 0) throw failure(`remove ${path}`, 'ENOTEMPTY');
    this.#beforeChange(`remove ${path}`, { isGrowing: false });
    setName(this.#dir(posix.dirname(path)), posix.basename(path), undefined);
  }

  async syncDir(path: string): Promise<void> {
    const dir = this.#dir(path);
    const changes = dir.changes.length;
    await this.#sync(path);
    for (const { name, node } of dir.changes.splice(0, changes)) {
      if (node === undefined) dir.durable.delete(name);
      else dir.durable.set(name, node);
    }
  }

  space(dir: string): DiskSpace {
    this.#dir(dir);
    const { isFull } = this.#disk.faults;
    return {
      freeBytes: isFull ? 0 : TOTAL_BYTES - this.#disk.usedBytes(),
      totalBytes: TOTAL_BYTES,
      freeFiles: TOTAL_FILES / 2,
      totalFiles: TOTAL_FILES,
    };
  }

  #handle(node: FileNode, path: string, isWritable: boolean): DiskFile {
    const beforeChange = (isGrowing: boolean): void => {
      if (!isWritable) throw failure(`write ${path}`, 'EBADF');
      this.#beforeChange(`write ${path}`, { isGrowing });
    };
    const change = (entry: Change): void => {
      node.content = changed(node.content, entry);
      node.changes.push(entry);
      node.modifiedMs = this.#disk.now;
    };
    return {
      get sizeBytes() {
        return node.content.length;
      },
      read: (target, offset) => {
        this.#beforeRead(path);
        return node.content.copy(target, 0, Math.min(offset, node.content.length));
      },
      write: (bytes, offset) => {
        const isGrowing = offset + bytes.length > node.content.length;
        try {
          beforeChange(isGrowing);
        } catch (error) {
          // A disk that fills up takes the beginning.
          if (isGrowing && this.#disk.faults.isFull && this.#process.isAlive && isWritable) {
            const some = this.#disk.random.integer(0, Math.max(0, bytes.length - 1));
            if (some > 0) change({ kind: 'write', offset, bytes: Buffer.from(bytes.subarray(0, some)) });
          }
          throw error;
        }
        if (bytes.length > 0) change({ kind: 'write', offset, bytes: Buffer.from(bytes) });
      },
      truncate: (size) => {
        beforeChange(size > node.content.length);
        change({ kind: 'truncate', size });
      },
      sync: async () => {
        const changes = node.changes.length;
        try {
          await this.#sync(path);
        } catch (error) {
          // The kernel drops what it could not write and says nothing about it the next time.
          node.changes.splice(0, changes);
          throw error;
        }
        for (const entry of node.changes.splice(0, changes)) node.durable = changed(node.durable, entry);
      },
      close: () => {},
    };
  }

  async #sync(path: string): Promise<void> {
    this.#alive();
    await this.#disk.wait(this.#process);
    const { faults } = this.#disk;
    if (faults.isReadOnly) throw failure(`sync ${path}`, 'EROFS');
    if (faults.failingSyncs === 0) return;
    faults.failingSyncs--;
    throw failure(`sync ${path}`, 'EIO');
  }

  #beforeChange(what: string, { isGrowing }: { readonly isGrowing: boolean }): void {
    this.#alive();
    const { faults } = this.#disk;
    if (faults.deathIn > 0 && --faults.deathIn === 0) this.#die();
    this.#alive();
    if (faults.isReadOnly) throw failure(what, 'EROFS');
    if (faults.isFull && isGrowing) throw failure(what, 'ENOSPC');
    if (faults.failingWrites === 0) return;
    faults.failingWrites--;
    throw failure(what, 'EIO');
  }

  #beforeRead(path: string): void {
    this.#alive();
    const { faults } = this.#disk;
    if (faults.failingReads === 0) return;
    faults.failingReads--;
    throw failure(`read ${path}`, 'EIO');
  }

  #alive(): void {
    if (!this.#process.isAlive) throw failure('anything', 'EIO');
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#disk.root;
    for (const name of partsOf(path)) {
      if (node?.kind !== 'dir') return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  #dir(path: string): DirNode {
    this.#alive();
    const node = this.#find(path);
    if (node === undefined) throw failure(`look into ${path}`, 'ENOENT');
    if (node.kind !== 'dir') throw failure(`look into ${path}`, 'ENOTDIR');
    return node;
  }

  #file(path: string): FileNode {
    this.#alive();
    const node = this.#find(path);
    if (node === undefined) throw failure(`open ${path}`, 'ENOENT');
    if (node.kind === 'dir') throw failure(`open ${path}`, 'EISDIR');
    return node;
  }
}

function noFaults(): DiskFaults {
  return {
    isFull: false,
    isReadOnly: false,
    failingWrites: 0,
    failingReads: 0,
    failingSyncs: 0,
    syncMsMax: 0,
    deathIn: 0,
  };
}

function newDir(): DirNode {
  return { kind: 'dir', entries: new Map(), durable: new Map(), changes: [] };
}

function setName(dir: DirNode, name: string, node: Node | undefined): void {
  if (node === undefined) dir.entries.delete(name);
  else dir.entries.set(name, node);
  dir.changes.push({ name, node });
}

function partsOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

function changed(content: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    const result = Buffer.alloc(change.size);
    content.copy(result);
    return result;
  }
  const { offset, bytes } = change;
  const result = Buffer.alloc(Math.max(content.length, offset + bytes.length));
  content.copy(result);
  bytes.copy(result, offset);
  return result;
}

function sectorsOf({ offset, bytes }: Extract<Change, { kind: 'write' }>): Change[] {
  const sectors: Change[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + SECTOR_BYTES - ((offset + start) % SECTOR_BYTES));
    sectors.push({ kind: 'write', offset: offset + start, bytes: bytes.subarray(start, end) });
    start = end;
  }
  return sectors;
}

function copyOf(dir: DirNode): DirNode {
  const entries = new Map<string, Node>();
  for (const [name, node] of dir.entries) {
    const content = node.kind === 'file' ? Buffer.from(node.content) : undefined;
    if (node.kind === 'dir') entries.set(name, copyOf(node));
    else if (content !== undefined) {
      entries.set(name, {
        kind: 'file',
        content,
        durable: content,
        changes: [],
        modifiedMs: node.modifiedMs,
      });
    }
  }
  return { kind: 'dir', entries, durable: new Map(entries), changes: [] };
}

function failure(what: string, code: string): Error {
  return diskError(what, systemError(code));
}
