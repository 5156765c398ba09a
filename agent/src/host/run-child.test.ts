import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { runChild } from './run-child.ts';

const LIMITS = {
  clock: systemClock,
  timeoutMs: 10_000,
  outputBytesMax: 1_000,
  what: 'run the inventory program',
  hasOwnGroup: true,
};
const NEVER = new AbortController().signal;

function shell(script: string) {
  return { program: '/bin/sh', args: ['-c', script] };
}

describe('runChild', () => {
  it('gives what the program prints, in an environment of its own', async () => {
    const output = await runChild(shell('echo "$PATH $HOME."; pwd'), LIMITS, NEVER);
    expect(output.toString()).toBe('/usr/sbin:/usr/bin:/sbin:/bin .\n/\n');
  });

  it('fails with what a failing program says', async () => {
    await expect(runChild(shell('echo why >&2; exit 3'), LIMITS, NEVER)).rejects.toMatchObject({
      kind: 'io',
      message: 'run the inventory program: ended with 3: why\n',
    });
  });

  it('fails when the program does not exist', async () => {
    await expect(runChild({ program: '/nonexistent', args: [] }, LIMITS, NEVER)).rejects.toMatchObject({
      kind: 'absent',
    });
  });

  it('takes the exit codes that are no failure', async () => {
    const answers = (exitCodes: readonly number[] | 'any') =>
      runChild({ ...shell('echo yes; exit 100'), exitCodes }, LIMITS, NEVER);
    expect((await answers([100])).toString()).toBe('yes\n');
    expect((await answers('any')).toString()).toBe('yes\n');
    await expect(answers([99])).rejects.toMatchObject({ kind: 'io' });
  });

  it('kills a program without a group of its own, too', async () => {
    const limits = { ...LIMITS, hasOwnGroup: false };
    await expect(runChild(shell('exec yes'), limits, NEVER)).rejects.toMatchObject({ kind: 'too_large' });
  });

  it('kills a program that prints too much', async () => {
    await expect(runChild(shell('yes'), LIMITS, NEVER)).rejects.toMatchObject({ kind: 'too_large' });
  });

  it('kills a program that takes too long, and what it has started', async () => {
    using folder = tempDir();
    const pidFile = join(folder.path, 'pid');
    const clock = new FakeClock();
    const script = `sleep 600 & echo $! > ${pidFile}; echo started; wait`;
    const run = runChild(shell(script), { ...LIMITS, clock, timeoutMs: 5_000 }, NEVER);
    const failure = run.catch((error: unknown) => error);
    const pid = await eventually(() => Number(readFileSync(pidFile, 'utf8')));
    await clock.advance(5_000);
    expect(await failure).toMatchObject({ kind: 'timeout' });
    await eventually(() => {
      if (isRunning(pid)) throw new Error(`process ${pid} still runs`);
    });
    expect(clock.timerCount).toBe(0);
  });

  it('kills the program when it is aborted', async () => {
    const controller = new AbortController();
    const run = runChild(shell('sleep 600'), LIMITS, controller.signal);
    controller.abort();
    await expect(run).rejects.toMatchObject({ kind: 'io', message: 'run the inventory program: aborted' });
    await expect(runChild(shell('true'), LIMITS, controller.signal)).rejects.toMatchObject({ kind: 'io' });
  });
});

/** Whether a process runs; one that waits to be collected by its parent does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Tries until `attempt` does not throw and gives something else than 0. */
async function eventually<T>(attempt: () => T): Promise<T> {
  for (let i = 0; i < 500; i++) {
    try {
      const result = attempt();
      if (result !== 0) return result;
    } catch (error) {
      if (i === 499) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('gave up');
}
