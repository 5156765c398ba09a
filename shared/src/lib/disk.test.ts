import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { diskContract } from '../testing/disk-contract.ts';
import { tempDir } from '../testing/temp-dir.ts';
import { diskError, diskErrorCode, nodeDisk, systemError } from './disk.ts';
import { AppError } from './errors.ts';

diskContract(() => {
  const dir = tempDir();
  return { disk: nodeDisk, dir: dir.path, [Symbol.dispose]: () => dir[Symbol.dispose]() };
});

it('tells the code of the system, and EIO where there is none', () => {
  expect(diskErrorCode(diskError('write it', systemError('ENOSPC')))).toBe('ENOSPC');
  expect(diskErrorCode(diskError('write it', 'something'))).toBe('EIO');
  expect(diskErrorCode(new AppError('NOT_FOUND', 'no'))).toBeUndefined();
  expect(diskErrorCode(systemError('ENOSPC'))).toBeUndefined();
});

it('lets only its own user in', () => {
  using dir = tempDir();
  nodeDisk.makeDir(`${dir.path}/a`);
  nodeDisk.open(`${dir.path}/a/b`, 'create').close();
  const modes = ['a', 'a/b'].map((name) => statSync(join(dir.path, name)).mode & 0o077);
  expect(modes).toEqual([0, 0]);
});

it.skipIf(process.platform !== 'linux')('ends where the system lets nobody make a folder', () => {
  expect(() => nodeDisk.makeDir('/proc/rollcall/a')).toThrow('make folder /proc/rollcall/a');
});

it('fails where a file stands in the way of a folder', () => {
  using dir = tempDir();
  nodeDisk.open(join(dir.path, 'file'), 'create').close();
  const inTheWay = `make folder ${dir.path}/file`;
  expect(() => nodeDisk.makeDir(join(dir.path, 'file/a'))).toThrow(`${inTheWay}/a`);
  expect(() => nodeDisk.makeDir(join(dir.path, 'file'))).toThrow(inTheWay);
});
