import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { tempDir } from './temp-dir.ts';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

describe('FakeClock', () => {
  it('fires in the order of time, then of setting, at the time that was asked for', async () => {
    const clock = new FakeClock(0);
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name}@${clock.wallMs()}`);
    clock.setTimer(20, note('b'));
    clock.setTimer(10, note('a'));
    clock.setTimer(20, note('c'));
    clock.setTimer(21, note('later'));
    await clock.advance(20);
    expect(fired).toEqual(['a@10', 'b@20', 'c@20']);
    expect(clock.timerCount).toBe(1);
  });

  it('fires what a callback sets when it falls into the same span', async () => {
    const clock = new FakeClock(0);
    let count = 0;
    const again = (): void => {
      count++;
      clock.setTimer(10, again);
    };
    clock.setTimer(10, again);
    await clock.advance(100);
    expect(count).toBe(10);
  });

  it('lets promises settle before it moves on', async () => {
    const clock = new FakeClock(0);
    const seen: number[] = [];
    const work = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await new Promise<void>((resolve) => void clock.setTimer(5, resolve));
        seen.push(clock.wallMs());
      }
    };
    const done = work();
    await clock.advance(100);
    await done;
    expect(seen).toEqual([5, 10, 15]);
  });

  it('does not fire what was cancelled, and cancelling twice is harmless', async () => {
    const clock = new FakeClock();
    let hasFired = false;
    const timer = clock.setTimer(5, () => (hasFired = true));
    timer.cancel();
    timer.cancel();
    await clock.advance(10);
    expect(hasFired).toBe(false);
  });

  it('steps the wall clock alone', () => {
    const clock = new FakeClock(1_000);
    const before = { monoMs: clock.monoMs(), bootMs: clock.bootMs() };
    clock.stepWall(-500);
    expect(clock.wallMs()).toBe(500);
    expect({ monoMs: clock.monoMs(), bootMs: clock.bootMs() }).toEqual(before);
  });
});

describe('tempDir', () => {
  it('goes away with what is in it', () => {
    let path = '';
    {
      using folder = tempDir();
      path = folder.path;
      writeFileSync(join(path, 'x'), '');
      expect(existsSync(path)).toBe(true);
    }
    expect(existsSync(path)).toBe(false);
  });
});
