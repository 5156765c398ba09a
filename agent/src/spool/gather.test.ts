import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { Gather } from './gather.ts';

function gathering(spanMs: number) {
  const clock = new FakeClock();
  const startMs = clock.monoMs();
  const left: number[] = [];
  const gather = new Gather({ clock, spanMs, leave: () => left.push(clock.monoMs() - startMs) });
  return { clock, left, gather };
}

describe('Gather', () => {
  it('lets every second one leave when they come twice in a span', async () => {
    const { clock, left, gather } = gathering(2_000);
    for (let i = 0; i < 6; i++) {
      gather.come();
      await clock.advance(1_000);
    }
    expect(left).toEqual([0, 2_000, 4_000]);
  });

  it('lets each leave that comes after a span, or a little earlier', async () => {
    const { clock, left, gather } = gathering(2_000);
    for (let i = 0; i < 3; i++) {
      gather.come();
      await clock.advance(1_500);
    }
    expect(left).toEqual([0, 1_500, 3_000]);
  });

  it('lets the last one leave when no other comes', async () => {
    const { clock, left, gather } = gathering(2_000);
    gather.come();
    await clock.advance(1_000);
    gather.come();
    expect(gather.isWaiting).toBe(true);
    await clock.advance(10_000);
    expect(left).toEqual([0, 2_500]);
    expect(gather.isWaiting).toBe(false);
  });

  it('lets all leave at once without a span', () => {
    const { left, gather } = gathering(0);
    gather.come();
    gather.come();
    expect(left).toEqual([0, 0]);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const { clock, left, gather } = gathering(2_000);
    gather.come();
    gather.come();
    gather.cancel();
    await clock.advance(10_000);
    expect(left).toEqual([0]);
    expect(clock.timerCount).toBe(0);
  });
});
