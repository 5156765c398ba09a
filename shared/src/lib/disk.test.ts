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
