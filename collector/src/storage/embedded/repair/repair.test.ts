/** Backup, restore and verify on a store that is written to, that is damaged, and that dies on the way. */
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { diskError, nodeDisk, systemError, type Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { backUpStore, verifyStore } from '../../../cli/store.ts';
import { Labels } from '../../labels.ts';
import { createMatcher } from '../../matcher.ts';
import { isDeath, Mortal } from '../testing/mortal.ts';
import { openTestStorage, type TestStorage } from '../testing/test-storage.ts';
import { backUp } from './backup.ts';
import { requireWholeStore, restore } from './restore.ts';
import { verify } from './verify.ts';

const HOUR_MS = 3_600_000;
const BASE_MS = Date.UTC(2026, 5, 1);
const calm = new AbortController().signal;
const quiet = () => {};
const plain = { isJson: false, print: quiet };

async function append({ storage }: TestStorage, hours: readonly number[]): Promise<void> {
  const samples = hours.map((hour) => ({ timeMs: BASE_MS + hour * HOUR_MS, value: hour }));
  await storage.append([
    { labels: Labels.of({ __name__: 'm', a: '1' }), samples },
    { labels: Labels.of({ __name__: 'm', a: '2' }), samples },
  ]);
}

async function everything({ storage }: TestStorage): Promise<unknown[]> {
  const matchers = [createMatcher('__name__', '=~', '.+')];
  const all = await storage.select({ matchers, fromMs: 0, toMs: 2 * BASE_MS, samplesMax: 1e6 }, calm);
  return all.map(({ labels, timestamps, values }) => [labels.toString(), [...timestamps], [...values]]);
}

const open = (dir: string, damaged?: (text: string) => void): TestStorage =>
  openTestStorage({
    dir,
    wallMs: BASE_MS + 12 * HOUR_MS,
    ...(damaged === undefined ? {} : { damaged }),
  });

test('a backup of a running store is restored with all that it had, and grows by what is new', async () => {
  using dir = tempDir();
  const from = join(dir.path, 'from');
  const to = join(dir.path, 'to');
  const other = join(dir.path, 'other');
  nodeDisk.makeDir(from);
  const store = open(from);
  await append(store, [0, 1]);
  await store.seal(HOUR_MS);
  await append(store, [2]);
  writeFileSync(join(from, 'identity.key'), 'a key');
  const options = { from, to, disk: nodeDisk, nowMs: BASE_MS };
  expect(await backUp(options)).toEqual({ blocks: 2, linked: 2, copied: 0, harmed: [] });
  const wanted = await everything(store);
  await append(store, [3]);
  await restore({ from: to, to: other, disk: nodeDisk });
  const restored = open(other);
  expect(await everything(restored)).toEqual(wanted);
  await restored.close();
  expect(readFileSync(join(other, 'identity.key'), 'utf8')).toBe('a key');
  expect(verify({ dataDir: other, disk: nodeDisk, progress: quiet }).problems).toEqual([]);
  await expect(restore({ from: to, to: other, disk: nodeDisk })).rejects.toMatchObject({
    code: 'DATA_DIR_UNUSABLE',
  });

  await store.seal(HOUR_MS);
  expect(await backUp(options)).toEqual({ blocks: 4, linked: 2, copied: 0, harmed: [] });
  await store.close();
});

test('a backup that dies is told from a complete one, and the next one completes it', async () => {
  using dir = tempDir();
  const from = join(dir.path, 'from');
  const to = join(dir.path, 'to');
  nodeDisk.makeDir(from);
  const store = open(from);
  await append(store, [0]);
  await store.seal(HOUR_MS);
  for (let lifetime = 0; ; lifetime++) {
    const disk = new Mortal(lifetime).disk(nodeDisk);
    const outcome = await backUp({ from, to, disk, nowMs: BASE_MS }).then(
      () => 'done',
      (error: unknown) => (isDeath(error) ? 'dead' : error),
    );
    if (outcome === 'done') break;
    expect(outcome).toBe('dead');
    const into = join(dir.path, `into-${lifetime}`);
    // Either it is not complete, and says so, or it is all there.
    const result = await restore({ from: to, to: into, disk: nodeDisk }).then(
      () => verify({ dataDir: into, disk: nodeDisk, progress: quiet }).problems,
      (error: unknown) => (error instanceof AppError ? error.code : error),
    );
    expect([[], 'DATA_DIR_UNUSABLE']).toContainEqual(result);
  }
  expect(verify({ dataDir: to, disk: nodeDisk, progress: quiet })).toMatchObject({ blocks: 1, problems: [] });
  await store.close();
});

test('damage costs what is damaged, is told once, and found by verify', async () => {
  using dir = tempDir();
  const told: string[] = [];
  const store = open(dir.path, (text) => told.push(text));
  await append(store, [0]);
  await store.seal(HOUR_MS);
  await append(store, [1]);
  await store.seal(HOUR_MS);
  const blocks = join(dir.path, 'blocks');
  const snapshot = store.reader.snapshot();
  const [first] = snapshot.blocks();
  snapshot.close();
  const path = join(blocks, first?.file ?? '');
  const bytes = readFileSync(path);
  // Behind the header begins the first part, with times and columns.
  bytes[40] = (bytes[40] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
  appendFileSync(join(blocks, 'raw-00000000000000aa.block'), 'x');
  const expected = ['1', '2'].map((a) => [`m{a="${a}"}`, [BASE_MS + HOUR_MS], [1]]);
  expect(await everything(store)).toEqual(expected);
  expect(await everything(store)).toEqual(expected);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(first?.file);
  const report = verify({ dataDir: dir.path, disk: nodeDisk, progress: quiet });
  expect(report.problems.every((text) => text.includes(first?.file ?? '?'))).toBe(true);
  expect(report.problems.length).toBeGreaterThan(0);
  expect(report).toMatchObject({ unknown: ['raw-00000000000000aa.block'], orphans: [] });
  await store.close();
});

test.each([
  ['truncated', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 60))],
  ['emptied', (path: string) => writeFileSync(path, '')],
  [
    'exchanged',
    (path: string) => writeFileSync(path, 'something else altogether, and long enough to be read'.repeat(9)),
  ],
  ['removed', (path: string) => nodeDisk.remove(path)],
])('a block file that was %s leaves the others readable', async (_how, harm) => {
  using dir = tempDir();
  const before = open(dir.path);
  await append(before, [0, 1]);
  await before.seal(HOUR_MS);
  const snapshot = before.reader.snapshot();
  const file = snapshot.blocks()[0]?.file ?? '';
  snapshot.close();
  await before.close();
  harm(join(dir.path, 'blocks', file));
  const told: string[] = [];
  const store = open(dir.path, (text) => told.push(text));
  expect(await everything(store)).toEqual(['1', '2'].map((a) => [`m{a="${a}"}`, [BASE_MS + HOUR_MS], [1]]));
  expect(told).toHaveLength(1);
  const { problems } = verify({ dataDir: dir.path, disk: nodeDisk, progress: quiet });
  expect(problems.length).toBeGreaterThan(0);
  expect(problems.every((text) => text.includes(file))).toBe(true);
  await store.close();
});

test('a folder with files of others, or the backup of another store, is left as it is', async () => {
  using dir = tempDir();
  const [from, other, to] = ['from', 'other', 'to'].map((name) => join(dir.path, name));
  if (from === undefined || other === undefined || to === undefined) return;
  for (const folder of [from, other, join(other, 'blocks')]) nodeDisk.makeDir(folder);
  const store = open(from);
  await append(store, [0]);
  const photo = join(other, 'blocks', 'photo.jpg');
  writeFileSync(photo, 'mine');
  const backUpTo = (options: { readonly from: string; readonly to: string }) =>
    backUp({ ...options, disk: nodeDisk, nowMs: BASE_MS });
  await expect(backUpTo({ from, to: other })).rejects.toThrow(
    'it holds no backup, but blocks of something else',
  );
  nodeDisk.remove(photo);
  nodeDisk.removeDir(join(other, 'blocks'));
  const others = open(other);
  await append(others, [5]);
  const before = await everything(others);
  await expect(backUpTo({ from, to: other })).rejects.toThrow(
    'it holds no backup, but journal.db of something else',
  );
  writeFileSync(join(other, 'lock.db'), '');
  await expect(backUpTo({ from, to: other })).rejects.toThrow('that is a data folder itself');
  expect(await everything(others)).toEqual(before);

  await backUp({ from, to, disk: nodeDisk, nowMs: BASE_MS });
  await expect(backUpTo({ from: other, to })).rejects.toThrow('it holds the backup of another store');
  expect(verify({ dataDir: to, disk: nodeDisk, progress: quiet }).journalSamples).toBe(2);
  await others.close();
  await store.close();
});

test('a backup that dies before all of it is there leaves the one before it complete', async () => {
  using dir = tempDir();
  const from = join(dir.path, 'from');
  const to = join(dir.path, 'to');
  nodeDisk.makeDir(from);
  const store = open(from);
  await append(store, [0]);
  await store.seal(HOUR_MS);
  await backUp({ from, to, disk: nodeDisk, nowMs: BASE_MS });
  await append(store, [1, 2]);
  await store.seal(HOUR_MS);
  writeFileSync(join(from, 'identity.key'), 'a key');
  // A manifest that is not of this folder must never take the place of its own.
  writeFileSync(join(from, 'backup.json'), '{}');
  const outcomes: string[] = [];
  for (let lifetime = 0; outcomes.at(-1) !== 'done'; lifetime++) {
    const disk = new Mortal(lifetime).disk(nodeDisk);
    const outcome = await backUp({ from, to, disk, nowMs: BASE_MS }).then(
      () => 'done',
      () => 'dead',
    );
    const into = join(dir.path, `into-${lifetime}`);
    const restored = await restore({ from: to, to: into, disk: nodeDisk }).then(
      () => verify({ dataDir: into, disk: nodeDisk, progress: quiet }).problems.join() || 'whole',
      (error: unknown) => (error instanceof AppError ? error.code : error),
    );
    expect(['whole', 'DATA_DIR_UNUSABLE']).toContain(restored);
    outcomes.push(outcome === 'done' ? outcome : String(restored));
  }
  // The time in which neither is complete is that of a few renames at the end.
  const firstPart = outcomes.indexOf('DATA_DIR_UNUSABLE');
  expect(firstPart).toBeGreaterThan(outcomes.length / 2);
  expect(outcomes.slice(0, firstPart).every((text) => text === 'whole')).toBe(true);
  await store.close();
});

test('a restore does not take what a database left beside its place for its own', async () => {
  using dir = tempDir();
  const from = join(dir.path, 'data');
  const to = join(dir.path, 'backup');
  const into = join(dir.path, 'into');
  mkdirSync(from);
  const store = open(from);
  await store.close();
  await backUp({ from, to, disk: nodeDisk, nowMs: 1 });
  // The one that was there before was killed, and somebody removed only its databases.
  mkdirSync(into);
  const killed = new DatabaseSync(join(from, 'journal.db'));
  killed.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE later (x)');
  copyFileSync(join(from, 'journal.db-wal'), join(into, 'journal.db-wal'));
  killed.close();
  await restore({ from: to, to: into, disk: nodeDisk });
  using restored = new DatabaseSync(join(into, 'journal.db'), { readOnly: true });
  expect(restored.prepare(`SELECT name FROM sqlite_master WHERE name = 'later'`).all()).toEqual([]);
});

test('a restore tells what the backup lacks, and gives what it has of blocks', async () => {
  using dir = tempDir();
  const from = join(dir.path, 'from');
  const to = join(dir.path, 'to');
  nodeDisk.makeDir(from);
  const store = open(from);
  await append(store, [0, 1]);
  await store.seal(HOUR_MS);
  writeFileSync(join(from, 'identity.key'), 'a key');
  await backUp({ from, to, disk: nodeDisk, nowMs: BASE_MS });
  await store.close();
  // What is there can be read from where nothing can be written: nothing lies beside the databases.
  expect(nodeDisk.list(to)).toEqual(['backup.json', 'blocks', 'identity.key', 'journal.db']);
  const [lost = ''] = nodeDisk.list(join(to, 'blocks'));
  const problemsOf = (dataDir: string) => verify({ dataDir, disk: nodeDisk, progress: quiet }).problems;
  expect(problemsOf(to)).toEqual([]);
  const manifest = readFileSync(join(to, 'backup.json'));
  writeFileSync(join(to, 'backup.json'), '{"isComplete":false}');
  expect(problemsOf(to)).toEqual([expect.stringContaining('holds no complete backup: one was begun')]);
  writeFileSync(join(to, 'backup.json'), manifest);
  nodeDisk.rename(join(to, 'identity.key'), join(to, 'elsewhere'));
  expect(problemsOf(to)).toEqual(['identity.key: missing, and backup.json names it']);
  nodeDisk.rename(join(to, 'elsewhere'), join(to, 'identity.key'));
  nodeDisk.remove(join(to, 'blocks', lost));
  const into = join(dir.path, 'into');
  expect(await restore({ from: to, to: into, disk: nodeDisk })).toEqual({ files: 3, missing: [lost] });
  expect(verify({ dataDir: into, disk: nodeDisk, progress: quiet }).problems).toHaveLength(1);
  for (const name of ['identity.key', 'journal.db']) {
    nodeDisk.remove(join(to, name));
    const empty = join(dir.path, `without ${name}`);
    await expect(restore({ from: to, to: empty, disk: nodeDisk })).rejects.toThrow(
      /the backup lacks .*which/,
    );
    expect(nodeDisk.stat(empty)).toBeUndefined();
  }
  writeFileSync(
    join(to, 'backup.json'),
    JSON.stringify({ format: 1, madeMs: 1, files: ['../../evil'], blocks: [] }),
  );
  await expect(restore({ from: to, to: into, disk: nodeDisk })).rejects.toThrow('must be the name of a file');
});

test('a restore that dies can be begun again, and one over blocks of another store is refused', async () => {
  using dir = tempDir();
  const from = join(dir.path, 'from');
  const to = join(dir.path, 'to');
  const into = join(dir.path, 'into');
  nodeDisk.makeDir(from);
  const store = open(from);
  await append(store, [0, 1]);
  await store.seal(HOUR_MS);
  await append(store, [2]);
  const wanted = await everything(store);
  const state = new DatabaseSync(join(from, 'state.db'));
  state.exec('CREATE TABLE hosts (id TEXT)');
  state.close();
  await backUp({ from, to, disk: nodeDisk, nowMs: BASE_MS });
  await store.close();
  const options = { from: to, to: into, disk: nodeDisk };
  nodeDisk.makeDir(join(into, 'blocks'));
  let cutOff = 0;
  const stranger = join(into, 'blocks', 'raw-00000000000000aa.block');
  writeFileSync(stranger, 'of another journal');
  await expect(restore(options)).rejects.toThrow('1 block files that the backup does not have');
  nodeDisk.remove(stranger);
  for (let lifetime = 0; ; lifetime++) {
    const disk = new Mortal(lifetime).disk(nodeDisk);
    if (
      await restore({ ...options, disk }).then(
        () => true,
        () => false,
      )
    )
      break;
    // Dead behind the last rename: everything is there.
    if (nodeDisk.stat(join(into, 'journal.db')) !== undefined) break;
    if (nodeDisk.stat(join(into, 'state.db')) === undefined) continue;
    cutOff++;
    // Without the journal a collector would begin an empty one.
    expect(() => requireWholeStore(into, nodeDisk)).toThrow('a restore to it was not brought to its end');
  }
  expect(cutOff).toBeGreaterThan(0);
  requireWholeStore(into, nodeDisk);
  const restored = open(into);
  expect(await everything(restored)).toEqual(wanted);
  await restored.close();
});

test('blocks are not removed by a journal that is new, and files of others never', async () => {
  using dir = tempDir();
  const before = open(dir.path);
  await append(before, [0, 1]);
  await before.seal(HOUR_MS);
  await before.close();
  const blocks = join(dir.path, 'blocks');
  const names = nodeDisk.list(blocks);
  expect(names).toHaveLength(2);
  for (const name of nodeDisk.list(dir.path))
    if (name.startsWith('journal.db')) nodeDisk.remove(join(dir.path, name));
  const after = open(dir.path);
  await append(after, [3]);
  await expect(after.seal(HOUR_MS)).rejects.toThrow('holds 2 block files, and journal.db is new');
  expect(nodeDisk.list(blocks)).toEqual(names);
  const { problems } = verify({ dataDir: dir.path, disk: nodeDisk, progress: quiet });
  expect(problems).toEqual(['journal.db: it is new, and knows none of the 2 block files in blocks']);
  // One may be what a collector has left that ended before it could add it to its catalogue; an older one noted nothing of it.
  for (const name of names) nodeDisk.remove(join(blocks, name));
  writeFileSync(join(blocks, 'raw-00000000000000aa.block'), '');
  writeFileSync(join(blocks, 'notes.txt'), 'mine');
  nodeDisk.makeDir(join(blocks, 'lost+found'));
  await after.seal(HOUR_MS);
  const kept = nodeDisk.list(blocks).filter((name) => !name.startsWith('raw-'));
  expect(kept).toEqual(['lost+found', 'notes.txt', 'unknown']);
  expect(nodeDisk.list(blocks)).toHaveLength(4);
  expect(nodeDisk.list(join(blocks, 'unknown'))).toEqual(['raw-00000000000000aa.block']);
  await after.close();
});

test('an older journal beside newer blocks costs none of them: they are put aside, and with the newer one all is there', async () => {
  using dir = tempDir();
  const blocks = join(dir.path, 'blocks');
  const databases = (): string[] => nodeDisk.list(dir.path).filter((name) => name.startsWith('journal.db'));
  const store = open(dir.path);
  await append(store, [0, 1]);
  await store.seal(HOUR_MS);
  await store.close();
  const older = databases().map((name) => [name, readFileSync(join(dir.path, name))] as const);
  const known = nodeDisk.list(blocks);
  const again = open(dir.path);
  await append(again, [2, 3]);
  await again.seal(HOUR_MS);
  const wanted = await everything(again);
  await again.close();
  const newer = databases().map((name) => [name, readFileSync(join(dir.path, name))] as const);
  const newBlocks = nodeDisk.list(blocks).filter((name) => !known.includes(name));
  const putBack = (files: typeof newer): void => {
    for (const name of databases()) nodeDisk.remove(join(dir.path, name));
    for (const [name, bytes] of files) writeFileSync(join(dir.path, name), bytes);
  };
  putBack(older);
  // As it was before the table was there.
  const before = new DatabaseSync(join(dir.path, 'journal.db'));
  before.exec('DROP TABLE loose_files; PRAGMA user_version = 5');
  before.close();
  expect(verify({ dataDir: dir.path, disk: nodeDisk, progress: quiet }).unknown.toSorted()).toEqual(
    newBlocks,
  );
  const told: unknown[] = [];
  const log = { ...silentLogger, error: (message: string, fields = {}) => told.push({ message, ...fields }) };
  const mistaken = openTestStorage({ dir: dir.path, wallMs: BASE_MS + 12 * HOUR_MS, log });
  await mistaken.seal(HOUR_MS);
  await mistaken.seal(HOUR_MS);
  await mistaken.close();
  const aside = join(blocks, 'unknown');
  expect(nodeDisk.list(aside)).toEqual(newBlocks);
  expect(told).toEqual([
    { message: 'block files that journal.db does not know were put aside', files: newBlocks.length, aside },
  ]);
  putBack(newer);
  for (const name of newBlocks) nodeDisk.rename(join(aside, name), join(blocks, name));
  const right = open(dir.path);
  expect(await everything(right)).toEqual(wanted);
  await right.close();
});

test('an older journal.db that was copied while a day was merged costs none of its blocks', async () => {
  using dir = tempDir();
  const blocks = join(dir.path, 'blocks');
  const databases = (): string[] => nodeDisk.list(dir.path).filter((name) => name.startsWith('journal.db'));
  let older: (readonly [string, Buffer])[] | undefined;
  let isMerging = false;
  const disk: Disk = {
    ...nodeDisk,
    open(path: string, how: 'read' | 'write' | 'create') {
      if (isMerging && how === 'create')
        older ??= databases().map((name) => [name, readFileSync(join(dir.path, name))] as const);
      return nodeDisk.open(path, how);
    },
  };
  const openLater = (): TestStorage =>
    openTestStorage({ dir: dir.path, wallMs: BASE_MS + 72 * HOUR_MS, disk });
  const store = openLater();
  await append(store, [0, 1, 2]);
  await store.seal(HOUR_MS, BASE_MS + 4 * HOUR_MS);
  isMerging = true;
  await store.seal(HOUR_MS, BASE_MS + 72 * HOUR_MS);
  await store.seal(HOUR_MS, BASE_MS + 72 * HOUR_MS);
  isMerging = false;
  await store.close();
  const merged = nodeDisk.list(blocks);
  expect(merged.map((name) => name.slice(0, 3))).toEqual(['1h-', '5m-', 'raw']);
  for (const name of databases()) nodeDisk.remove(join(dir.path, name));
  for (const [name, bytes] of older ?? []) writeFileSync(join(dir.path, name), bytes);
  const mistaken = openLater();
  await mistaken.seal(HOUR_MS, BASE_MS + 4 * HOUR_MS);
  await mistaken.close();
  expect(nodeDisk.list(join(blocks, 'unknown'))).toEqual(merged);
});

test('verify beside a collector knows what that one makes and lets go meanwhile', async () => {
  using dir = tempDir();
  const store = open(dir.path);
  await append(store, [0, 1]);
  await store.seal(HOUR_MS);
  const made = 'raw-00000000000000aa.block';
  const journal = new DatabaseSync(join(dir.path, 'journal.db'));
  let listed: string[] = [];
  const gone = 'raw-00000000000000bb.block';
  const report = verify({
    dataDir: dir.path,
    // What is gone and forgotten by the time that the journal is asked.
    disk: { ...nodeDisk, list: (path) => (listed = [...nodeDisk.list(path), gone]) },
    progress(done) {
      if (done !== 1) return;
      journal.prepare('INSERT INTO loose_files (file) VALUES (?)').run(made);
      writeFileSync(join(store.blocksDir, made), 'made, and about to be added');
    },
  });
  journal.close();
  await store.close();
  expect(listed).toContain(made);
  expect(report).toMatchObject({ problems: [], unknown: [] });
});

test.each([
  ['its last bytes', (bytes: Uint8Array) => bytes.fill(0xff, -3)],
  ['its length', (bytes: Uint8Array) => bytes.fill(0xff, 0, 4)],
  ['all of it', () => new Uint8Array()],
])('a record of the journal that lost %s costs itself and no other', async (_what, harm) => {
  using dir = tempDir();
  const store = open(dir.path);
  await append(store, [0, 1, 2]);
  const database = new DatabaseSync(join(dir.path, 'journal.db'));
  const row = database.prepare(`SELECT pos, bytes FROM records WHERE time_ms = ? AND kind = 1`);
  const { pos = null, bytes } = row.get(BASE_MS + HOUR_MS) ?? {};
  const damaged = harm(Uint8Array.from(bytes instanceof Uint8Array ? bytes : []));
  database.prepare(`UPDATE records SET bytes = ? WHERE pos = ?`).run(damaged, pos);
  database.close();
  const { problems } = verify({ dataDir: dir.path, disk: nodeDisk, progress: quiet });
  expect(problems).toContain(
    `journal.db: record ${String(pos)} of host ${'0'.repeat(32)} from 2026-06-01T01:00:00.000Z is damaged`,
  );
  await store.close();
  const errors: object[] = [];
  const log = {
    ...silentLogger,
    error: (message: string, fields = {}) => errors.push({ message, ...fields }),
  };
  const restarted = openTestStorage({ dir: dir.path, wallMs: BASE_MS + 12 * HOUR_MS, log });
  const times = [BASE_MS, BASE_MS + 2 * HOUR_MS];
  const rest = ['1', '2'].map((a) => [`m{a="${a}"}`, times, [0, 2]]);
  expect(await everything(restarted)).toEqual(rest);
  await restarted.seal(HOUR_MS);
  expect(await everything(restarted)).toEqual(rest);
  const fromMs = BASE_MS + HOUR_MS;
  const message = 'records of the journal were damaged by the disk and are lost';
  expect(errors).toEqual([{ message, records: 1, fromMs, toMs: fromMs + HOUR_MS }]);
  expect(verify({ dataDir: dir.path, disk: nodeDisk, progress: quiet }).problems).toEqual([]);
  await restarted.close();
});

test('blocks that are gone from the store cost the backup these alone, and an earlier one keeps its copies', async () => {
  using dir = tempDir();
  const [from, to, other] = [join(dir.path, 'from'), join(dir.path, 'to'), join(dir.path, 'other')];
  nodeDisk.makeDir(from);
  const store = open(from);
  await append(store, [0, 1]);
  await store.seal(HOUR_MS);
  const wanted = await everything(store);
  await backUp({ from, to, disk: nodeDisk, nowMs: BASE_MS });
  await store.close();
  const [gone = '', cut = ''] = nodeDisk.list(join(from, 'blocks'));
  nodeDisk.remove(join(from, 'blocks', gone));
  // Another file than that of the earlier backup, which is the same one by a link.
  const bytes = readFileSync(join(from, 'blocks', cut));
  nodeDisk.remove(join(from, 'blocks', cut));
  writeFileSync(join(from, 'blocks', cut), bytes.subarray(0, 50));
  const again = { blocks: 2, linked: 0, copied: 0, harmed: [] };
  expect(await backUp({ from, to, disk: nodeDisk, nowMs: BASE_MS })).toEqual(again);
  const anew = await backUp({ from, to: other, disk: nodeDisk, nowMs: BASE_MS });
  expect(anew.harmed.toSorted()).toEqual([gone, cut]);
  await expect(backUpStore(from, other, plain)).rejects.toThrow(
    '2 block(s) of the store are missing or cut off',
  );
  const told: string[] = [];
  const asJson = { isJson: true, print: (text: string) => told.push(text) };
  await expect(backUpStore(from, other, asJson)).rejects.toThrow('2 block(s)');
  expect(told.map((text) => JSON.parse(text).harmed.toSorted())).toEqual([[gone, cut]]);
  const into = join(dir.path, 'into');
  expect(await restore({ from: other, to: into, disk: nodeDisk })).toEqual({ files: 2, missing: [] });
  const printed: string[] = [];
  const ports = { isJson: true, print: (text: string) => printed.push(text), complain: quiet };
  expect(() => verifyStore(into, ports)).toThrow(gone);
  expect(JSON.parse(printed.join(''))).toMatchObject({ blocks: 2 });
  await restore({ from: to, to: join(dir.path, 'whole'), disk: nodeDisk });
  const whole = open(join(dir.path, 'whole'));
  expect(await everything(whole)).toEqual(wanted);
  await whole.close();
});

test('a backup that finds no room leaves nothing of itself that takes any', async () => {
  using dir = tempDir();
  const from = join(dir.path, 'from');
  const to = join(dir.path, 'to');
  nodeDisk.makeDir(from);
  const store = open(from);
  await append(store, [0]);
  await store.seal(HOUR_MS);
  await backUp({ from, to, disk: nodeDisk, nowMs: BASE_MS });
  const before = nodeDisk.list(to);
  await append(store, [1]);
  await store.seal(HOUR_MS);
  // A disk that knows no links and has no room for what is copied.
  const full: Disk = {
    ...nodeDisk,
    link() {
      throw diskError('link', systemError('EXDEV'));
    },
    open(path, how) {
      const file = nodeDisk.open(path, how);
      if (how !== 'create' || !path.includes('.block')) return file;
      return {
        sizeBytes: 0,
        read: (target, offset) => file.read(target, offset),
        write() {
          throw diskError('write', systemError('ENOSPC'));
        },
        truncate: (size) => file.truncate(size),
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
  await expect(backUp({ from, to, disk: full, nowMs: BASE_MS })).rejects.toThrow('write');
  const left = nodeDisk.list(to).filter((name) => !before.includes(name));
  expect(left).toEqual([]);
  expect(nodeDisk.list(join(to, 'blocks'))).toHaveLength(1);
  expect(verify({ dataDir: to, disk: nodeDisk, progress: quiet }).problems).toEqual([]);
  await store.close();
});
