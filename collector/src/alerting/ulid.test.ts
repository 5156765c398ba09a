import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { createUlid } from './ulid.ts';

describe('createUlid', () => {
  it('encodes the time of the specification example', () => {
    const clock = new FakeClock(1_469_918_176_385);
    expect(createUlid(clock, () => 0)()).toBe('01ARYZ6S410000000000000000');
  });

  it('rises within a millisecond, across a carry and when the clock steps back', () => {
    const clock = new FakeClock();
    const next = createUlid(clock, () => 0.999);
    const ids = [next(), next(), next()];
    clock.stepWall(-60_000);
    ids.push(next());
    clock.stepWall(120_000);
    ids.push(next());
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  });
});
