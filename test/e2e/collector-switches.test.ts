/** How the collector's program starts itself anew with the switches that the engine takes at its start only. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, expect, it } from 'vitest';
import { killAll, startCollector, waitFor } from '../harness/processes.ts';

afterEach(killAll);

const read = (pid: number | undefined, name: string): readonly string[] =>
  readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0');

/** Tells the limits of the event loop and of a thread that is started with limits of its own. */
const THREAD_ON_SIGNAL = `
  import { isMainThread, Worker } from 'node:worker_threads';
  import { getHeapStatistics } from 'node:v8';
  const limit = 'Math.floor(require("node:v8").getHeapStatistics().heap_size_limit / 2 ** 20)';
  if (isMainThread) process.on('SIGUSR2', () => {
    const own = Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20);
    const resourceLimits = { maxOldGenerationSizeMb: 100, maxYoungGenerationSizeMb: 48 };
    new Worker('console.log("limits ' + own + ' " + ' + limit + ')', { eval: true, resourceLimits });
  });
`;

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

it.runIf(process.platform === 'linux').each(['--max-old-space-size=3000', '--max_old_space_size=3000'])(
  'leaves the limit of the heap to who sets it with %s, but for the threads, which have their own',
  async (given) => {
    using dir = tempDir();
    const preload = join(dir.path, 'preload.mjs');
    writeFileSync(preload, THREAD_ON_SIGNAL);
    const options = `NODE_OPTIONS=${given} --import=${preload}`;
    const collector = await startCollector(join(dir.path, 'data'), [], ['env', options]);
    const switches = read(collector.child.pid, 'cmdline').filter((text) => text.startsWith('--max-'));
    expect(switches).toEqual(['--max-semi-space-size=32']);
    collector.child.kill('SIGUSR2');
    const limits = await waitFor(
      'the limits',
      () => /limits (\d+) (\d+)/.exec(collector.output()) ?? undefined,
    );
    expect(Number(limits[1])).toBeGreaterThanOrEqual(3_000);
    expect(Number(limits[2])).toBeLessThan(200);
    expect(await collector.stop()).toBe(0);
  },
);

it('runs on an engine that knows the switch for the growth of heaps, which it sets while it runs', () => {
  // An engine that does not know a switch says nothing, and does nothing.
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  expect(known).toMatch(/^ +--heap-growing-percent /m);
  expect(readFileSync(new URL('../../collector/src/assembly/garbage.ts', import.meta.url), 'utf8')).toContain(
    "'--heap-growing-percent'",
  );
});

it.runIf(process.platform === 'linux')(
  'starts anew also when somebody has set the same nursery',
  async () => {
    using dir = tempDir();
    const shell = 'exec "$0" --max-semi-space-size=32 "$@"';
    const collector = await startCollector(dir.path, [], ['sh', '-c', shell]);
    expect(read(collector.child.pid, 'environ')).toContain('MALLOC_ARENA_MAX=2');
    expect(await collector.stop()).toBe(0);
  },
);
