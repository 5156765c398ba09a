/** What every disk must do; the real one and that of the simulator run this suite in their own test files. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskErrorCode, type Disk } from '../lib/disk.ts';

/** A disk with an empty folder on it. */
export interface DiskUnderTest extends Disposable {
  readonly disk: Disk;
  readonly dir: string;
}

/** @param open an empty folder on the disk; called for each test */
export function diskContract(open: () => DiskUnderTest): void {
  let subject: DiskUnderTest;
  const path = (name: string): string => join(subject.dir, name);
  beforeEach(() => {
    subject = open();
  });
  afterEach(() => subject[Symbol.dispose]());

  const put = (name: string, text: string): void => {
    const file = subject.disk.open(path(name), 'create');
    file.write(Buffer.from(text), 0);
    file.close();
  };
  const textOf = (name: string): string => subject.disk.readFile(path(name), 1_000).toString();

  describe('files', () => {
    it('reads back what was written', () => {
      put('a', 'hello');
      expect(textOf('a')).toBe('hello');
      expect(subject.disk.stat(path('a'))).toMatchObject({ sizeBytes: 5, isDir: false });
    });

    it('reads as far as the file goes', () => {
      put('a', 'hello');
      const file = subject.disk.open(path('a'), 'read');
      const target = Buffer.alloc(10);
      expect([file.read(target, 2), file.read(target, 5), file.read(target, 99)]).toEqual([3, 0, 0]);
      expect(target.toString('utf8', 0, 3)).toBe('llo');
      expect(file.sizeBytes).toBe(5);
      file.close();
    });

    it('writes over, behind and beyond the end, with zeros in between', () => {
      put('a', 'hello');
      const file = subject.disk.open(path('a'), 'write');
      file.write(Buffer.from('J'), 0);
      file.write(Buffer.from('!'), 7);
      expect(file.sizeBytes).toBe(8);
      file.close();
      expect(textOf('a')).toBe('Jello\0\0!');
    });

    it('cuts and lengthens', () => {
      put('a', 'hello');
      const file = subject.disk.open(path('a'), 'write');
      file.truncate(2);
      file.truncate(4);
      file.close();
      expect(textOf('a')).toBe('he\0\0');
    });

    it('keeps its own copy of what is written', () => {
      const bytes = Buffer.from('hello');
      const file = subject.disk.open(path('a'), 'create');
      file.write(bytes, 0);
      bytes.fill(0);
      file.close();
      expect(textOf('a')).toBe('hello');
    });

    it('goes on with an open file that was removed or renamed', () => {
      const file = subject.disk.open(path('a'), 'create');
      subject.disk.rename(path('a'), path('b'));
      file.write(Buffer.from('hello'), 0);
      expect(textOf('b')).toBe('hello');
      subject.disk.remove(path('b'));
      file.write(Buffer.from('!'), 5);
      expect(file.sizeBytes).toBe(6);
      expect(subject.disk.stat(path('b'))).toBeUndefined();
      file.close();
      file.close();
    });

    it('syncs, also while it is being closed', async () => {
      const file = subject.disk.open(path('a'), 'create');
      file.write(Buffer.from('hello'), 0);
      await file.sync();
      const last = file.sync();
      file.close();
      await last;
      await subject.disk.syncDir(subject.dir);
      expect(textOf('a')).toBe('hello');
    });
  });

  describe('names', () => {
    it('lists them in order', () => {
      put('b', '');
      put('a', '');
      subject.disk.makeDir(path('c/d'));
      subject.disk.makeDir(path('c/d'));
      expect(subject.disk.list(subject.dir)).toEqual(['a', 'b', 'c']);
      expect(subject.disk.list(path('c'))).toEqual(['d']);
      expect(subject.disk.stat(path('c'))).toMatchObject({ isDir: true });
    });

    it('replaces a file by renaming another', () => {
      put('a', 'old');
      put('b', 'new');
      subject.disk.rename(path('b'), path('a'));
      expect(textOf('a')).toBe('new');
      expect(subject.disk.list(subject.dir)).toEqual(['a']);
    });

    it('renames a folder with what is in it', () => {
      subject.disk.makeDir(path('c'));
      put('c/a', 'hello');
      subject.disk.rename(path('c'), path('e'));
      expect(textOf('e/a')).toBe('hello');
      expect(subject.disk.stat(path('c'))).toBeUndefined();
    });

    it('gives a file two names', () => {
      put('a', 'hello');
      subject.disk.link(path('a'), path('b'));
      subject.disk.remove(path('a'));
      expect(textOf('b')).toBe('hello');
    });

    it('removes files and empty folders', () => {
      subject.disk.makeDir(path('c'));
      put('c/a', '');
      subject.disk.remove(path('c/a'));
      subject.disk.removeDir(path('c'));
      expect(subject.disk.list(subject.dir)).toEqual([]);
    });
  });

  it('knows how much is left', () => {
    const space = subject.disk.space(subject.dir);
    expect(space.totalBytes).toBeGreaterThan(0);
    expect(space.freeBytes).toBeLessThanOrEqual(space.totalBytes);
    expect(space.freeFiles).toBeLessThanOrEqual(space.totalFiles);
  });

  const failures: readonly [string, string, () => unknown][] = [
    ['ENOENT', 'lists a folder that is missing', () => subject.disk.list(path('x'))],
    ['ENOENT', 'opens a file that is missing', () => subject.disk.open(path('x'), 'read')],
    ['ENOENT', 'opens a missing file for writing', () => subject.disk.open(path('x'), 'write')],
    ['ENOENT', 'makes a file in a missing folder', () => subject.disk.open(path('x/y'), 'create')],
    ['ENOENT', 'reads a file that is missing', () => subject.disk.readFile(path('x'), 9)],
    ['ENOENT', 'removes what is missing', () => subject.disk.remove(path('x'))],
    ['ENOENT', 'removes a folder that is missing', () => subject.disk.removeDir(path('x'))],
    ['ENOENT', 'renames what is missing', () => subject.disk.rename(path('x'), path('y'))],
    ['ENOENT', 'links what is missing', () => subject.disk.link(path('x'), path('y'))],
    ['ENOENT', 'asks a missing folder for its space', () => subject.disk.space(path('x'))],
    ['EEXIST', 'makes a file that exists', () => subject.disk.open(path('a'), 'create')],
    ['EEXIST', 'links over a file', () => subject.disk.link(path('a'), path('a'))],
    ['ENOTEMPTY', 'removes a folder with files', () => subject.disk.removeDir(subject.dir)],
    ['EFBIG', 'reads more than it may', () => subject.disk.readFile(path('a'), 4)],
    ['EBADF', 'writes a file that is open for reading', () => openA().write(Buffer.from('x'), 0)],
  ];
  const openA = () => subject.disk.open(path('a'), 'read');

  it.each(failures)('fails with %s when it %s', (code, _what, act) => {
    put('a', 'hello');
    expect(codeOf(act)).toBe(code);
  });

  it('fails when it syncs a folder that is missing', async () => {
    const failure: unknown = await subject.disk.syncDir(path('x')).catch((error: unknown) => error);
    expect(diskErrorCode(failure)).toBe('ENOENT');
  });
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return diskErrorCode(error) ?? String(error);
  }
  return undefined;
}
