import { expect, it } from 'vitest';
import { diskContract } from './disk-contract.ts';
import { FakeDisk, ProcessDied } from './fake-disk.ts';

diskContract(() => {
  const disk = new FakeDisk();
  disk.makeDir('/data');
  return { disk, dir: '/data', [Symbol.dispose]: () => {} };
});

/** A file with a synced part and another one, in a folder of which only the parent is synced. */
async function written(): Promise<FakeDisk> {
  const disk = new FakeDisk();
  disk.makeDir('/a');
  await disk.syncDir('/');
  const file = disk.open('/a/b', 'create');
  file.write(Buffer.from('safe'), 0);
  await file.sync();
  await disk.syncDir('/a');
  file.write(Buffer.from('perhaps'), 4);
  disk.open('/a/c', 'create').close();
  return disk;
}

it('keeps everything when the process dies', async () => {
  const disk = await written();
  disk.die();
  expect(() => disk.list('/a')).toThrow(ProcessDied);
  disk.restart();
  expect(disk.readFile('/a/b', 99).toString()).toBe('safeperhaps');
});

it('keeps what was synced, and the rest by chance, when the power is lost', async () => {
  const results = new Set<string>();
  for (const chance of [0, 0.2, 0.4, 0.6, 0.8, 0.999]) {
    const disk = await written();
    disk.losePower(() => chance);
    const text = disk.readFile('/a/b', 99).toString();
    expect(text.startsWith('safe')).toBe(true);
    results.add(`${text} ${disk.list('/a').join(' ')}`);
  }
  expect(results.size).toBeGreaterThan(3);
});
