import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, it } from 'vitest';
import { openDatabase } from './database.ts';

it('lets only its own user read a database and what lies beside it', () => {
  using dir = tempDir();
  const database = openDatabase(join(dir.path, 'a.db'), []);
  database.connection.exec('CREATE TABLE a (b)');
  const names = readdirSync(dir.path);
  expect(names).toEqual(['a.db', 'a.db-shm', 'a.db-wal']);
  expect(names.map((name) => statSync(join(dir.path, name)).mode & 0o077)).toEqual([0, 0, 0]);
  database.close();
});

it('says which database cannot be made', () => {
  using dir = tempDir();
  const path = join(dir.path, 'missing', 'a.db');
  expect(() => openDatabase(path, [])).toThrow(`open database ${path}: ENOENT`);
});
