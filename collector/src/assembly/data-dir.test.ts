import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, it } from 'vitest';
import { lockDataDir } from '../state/lock.ts';
import { openDataDir } from './data-dir.ts';

it('tells a restore that is under way from one that was cut off', () => {
  using dir = tempDir();
  writeFileSync(join(dir.path, 'journal.db.restored.tmp'), '');
  const open = (): unknown => {
    const stops: (() => void)[] = [];
    const basics = {
      clock: new FakeClock(),
      log: fakeLog(),
      randomBytes,
      onStop: (stop: () => void) => stops.push(stop),
    };
    try {
      return openDataDir({ ...basics, config: { 'data-dir': dir.path } });
    } finally {
      for (const stop of stops) stop();
    }
  };
  const unlock = lockDataDir(dir.path);
  expect(open).toThrow('is in use by another collector or by a command');
  unlock();
  expect(open).toThrow('a restore to it was not brought to its end');
});
