import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { QuickLook } from './quick-look.ts';

const LIMITS = { quickDelayMs: 50, quickPauseMsMin: 500, quickPauseFactor: 20 };

function stage({ tookMs = 1, fails = false } = {}) {
  const clock = new FakeClock();
  const looks: number[] = [];
  const quick = new QuickLook({
    clock,
    log: silentLogger,
    limits: LIMITS,
    look: async () => {
      looks.push(clock.monoMs());
      if (fails) throw new Error('no');
      return tookMs;
    },
  });
  return { clock, looks, quick, startMs: clock.monoMs() };
}

describe('QuickLook', () => {
  it('looks once, soon after many samples', async () => {
    const { clock, looks, quick, startMs } = stage();
    for (let i = 0; i < 100; i++) quick.want();
    await clock.advance(10_000);
    expect(looks).toEqual([startMs + 50]);
  });

  it.each([
    [1, 500],
    [100, 2_000],
  ])('pauses after a look of %i ms for %i ms', async (tookMs, pauseMs) => {
    const { clock, looks, quick, startMs } = stage({ tookMs });
    quick.want();
    await clock.advance(50);
    quick.want();
    await clock.advance(20_000);
    expect(looks).toEqual([startMs + 50, startMs + 50 + pauseMs]);
  });

  it('goes on after a look that failed', async () => {
    const { clock, looks, quick } = stage({ fails: true });
    quick.want();
    await clock.advance(1_000);
    quick.want();
    await clock.advance(1_000);
    expect(looks).toHaveLength(2);
  });

  it('looks no more once it is stopped', async () => {
    const { clock, looks, quick } = stage();
    quick.want();
    quick.stop();
    quick.want();
    await clock.advance(10_000);
    expect(looks).toEqual([]);
  });
});
