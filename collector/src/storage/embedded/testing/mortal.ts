/** A process that dies at a chosen step of its work on blocks: from then on neither disk nor journal do anything. */
import type { Disk, DiskFile } from '@rollcall/shared/lib/disk.ts';
import { diskError, systemError } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { SealableJournal } from '../../../journal/journal.ts';

export class Mortal {
  /** What was done, in order. */
  readonly steps: string[] = [];
  readonly #lifetime: number;

  /** @param lifetime steps that it does before it dies */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  get isDead(): boolean {
    return this.steps.length >= this.#lifetime;
  }

  /** Does a step, unless death comes first. */
  #step(name: string): void {
    if (this.isDead) throw diskError(`${name}: the process is dead`, systemError('EIO'));
    this.steps.push(name);
  }

  disk(disk: Disk): Disk {
    const step = (name: string): void => this.#step(name);
    return {
      list: (dir) => disk.list(dir),
      makeDir: (dir) => disk.makeDir(dir),
      stat: (path) => disk.stat(path),
      readFile: (path, bytesMax) => disk.readFile(path, bytesMax),
      open(path, how) {
        if (how !== 'read') step('open');
        return mortalFile(disk.open(path, how), step);
      },
      rename(from, to) {
        step('rename');
        disk.rename(from, to);
      },
      link(from, to) {
        step('link');
        disk.link(from, to);
      },
      remove(path) {
        step('remove');
        disk.remove(path);
      },
      removeDir: (dir) => disk.removeDir(dir),
      async syncDir(dir) {
        step('sync folder');
        await disk.syncDir(dir);
      },
      space: (dir) => disk.space(dir),
    };
  }

  /** The part of the journal that the keeper uses. Death may come after a change as well, before it is told. */
  journal(journal: SealableJournal): Pick<SealableJournal, 'changeBlocks' | 'deleteSealed' | 'hold'> {
    return {
      changeBlocks: async (change) => {
        // Which files are about to be made, and which are gone, is in force for nobody else.
        const isNote = change.add.length + change.remove.length === 0;
        this.#step(isNote ? 'note' : 'change');
        await journal.changeBlocks(change);
        this.#step(isNote ? 'noted' : 'changed');
      },
      deleteSealed: async (signal) => {
        this.#step('delete');
        return journal.deleteSealed(signal);
      },
      hold: (who, text) => journal.hold(who, text),
    };
  }
}

function mortalFile(file: DiskFile, step: (name: string) => void): DiskFile {
  return {
    get sizeBytes() {
      return file.sizeBytes;
    },
    read: (target, offset) => file.read(target, offset),
    write(bytes, offset) {
      step('write');
      file.write(bytes, offset);
    },
    truncate: (size) => file.truncate(size),
    async sync() {
      step('sync');
      await file.sync();
    },
    close: () => file.close(),
  };
}

/** Whether an error is only that the process is dead. */
export function isDeath(error: unknown): boolean {
  return error instanceof AppError && error.message.includes('the process is dead');
}
