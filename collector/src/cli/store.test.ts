import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { lockBackup } from '../state/lock.ts';
import { backUpStore } from './store.ts';

const plain = { isJson: false, print: () => {} };

it('refuses to back up into the data folder itself, where a copy would take the place of the store', async () => {
  using dir = tempDir();
  const data = join(dir.path, 'data');
  mkdirSync(data);
  writeFileSync(join(data, 'journal.db'), 'kept');
  const link = join(dir.path, 'link');
  symlinkSync(data, link);
  for (const to of [
    data,
    `${data}/`,
    join(data, 'backup'),
    link,
    join(link, 'a', 'b'),
    join(data, '..', 'data'),
  ]) {
    await expect(backUpStore(data, to, plain)).rejects.toThrow(
      `back up ${data} to ${to}: that is in the data folder itself: choose one outside of it`,
    );
  }
  expect(readdirSync(data)).toEqual(['journal.db']);
  // What is no block of the backup is removed from its folder of blocks.
  const inner = join(data, 'blocks');
  await expect(backUpStore(inner, data, plain)).rejects.toThrow(
    `its blocks would go to ${inner}, where the data`,
  );
  const linked = join(dir.path, 'linked');
  mkdirSync(linked);
  symlinkSync(data, join(linked, 'blocks'));
  await expect(backUpStore(data, linked, plain)).rejects.toThrow('where the data folder is');
  expect(readdirSync(data)).toEqual(['journal.db']);
  // Beside it is well: what is wrong then is that this is no database.
  await expect(backUpStore(data, join(dir.path, 'data-backup'), plain)).rejects.toThrow(
    'file is not a database',
  );
});

it('tells the second of two backups to one folder that the first is under way', async () => {
  using dir = tempDir();
  const [from, to] = [join(dir.path, 'from'), join(dir.path, 'to')];
  mkdirSync(from);
  mkdirSync(to);
  const journal = new DatabaseSync(join(from, 'journal.db'));
  journal.exec(`CREATE TABLE meta (key, value); INSERT INTO meta VALUES ('store_id', 'a')`);
  journal.close();
  const unlock = lockBackup(to);
  await expect(backUpStore(from, to, plain)).rejects.toThrow(`another backup to ${to} is under way`);
  unlock();
});
