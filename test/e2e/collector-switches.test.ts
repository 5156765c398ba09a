/** How the collector's program starts itself anew with the switches that the engine takes at its start only. */
import { readFileSync } from 'node:fs';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, expect, it } from 'vitest';
import { killAll, startCollector } from '../harness/processes.ts';

afterEach(killAll);

const read = (pid: number | undefined, name: string): readonly string[] =>
  readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0');

it.runIf(process.platform === 'linux')(
  'runs with a small nursery and few arenas, in the process that was started, and still stops cleanly',
  async () => {
    using dir = tempDir();
    // The last one wins: what somebody sets stays.
    const collector = await startCollector(dir.path, [], ['env', 'MALLOC_TRIM_THRESHOLD_=4096']);
    const { pid } = collector.child;
    expect(read(pid, 'cmdline')).toContain('--max-semi-space-size=32');
    expect(read(pid, 'environ')).toEqual(
      expect.arrayContaining(['MALLOC_ARENA_MAX=2', 'MALLOC_TRIM_THRESHOLD_=4096']),
    );
    expect(await collector.stop()).toBe(0);
  },
);

it.runIf(process.platform === 'linux')('leaves the limit of the heap to who sets it', async () => {
  using dir = tempDir();
  const collector = await startCollector(dir.path, [], ['env', 'NODE_OPTIONS=--max-old-space-size=3000']);
  const switches = read(collector.child.pid, 'cmdline').filter((text) => text.startsWith('--max-'));
  expect(switches).toEqual(['--max-semi-space-size=32']);
  expect(await collector.stop()).toBe(0);
});
