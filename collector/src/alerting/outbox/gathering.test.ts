import { describe, expect, it } from 'vitest';
import { PLAIN } from '../routing/routing.ts';
import { Gathering } from './gathering.ts';

const LIMITS = { stormPerMinuteMax: 2, stormWaitPageMs: 10_000, stormWaitOtherMs: 30_000 };

/** When a notification placed at `nowMs` is sent, and in which group. */
function placed(gathering: Gathering, nowMs: number, waitMs = 0, severity: 'page' | 'ticket' = 'page') {
  const delivery = { ...PLAIN, groupKey: 'g', groupWaitMs: waitMs };
  const { notBeforeMs, groupKey } = gathering.place('ops', delivery, { severity, nowMs });
  return [notBeforeMs, groupKey];
}

describe('Gathering', () => {
  it('lets a group wait from its first on, and begins anew after that', () => {
    const gathering = new Gathering(LIMITS);
    expect(placed(gathering, 0, 5_000)).toEqual([5_000, 'g']);
    expect(placed(gathering, 3_000, 5_000)).toEqual([5_000, 'g']);
    expect(gathering.takeEnded(4_999)).toBe(false);
    expect(placed(gathering, 5_000, 5_000)).toEqual([10_000, 'g']);
    expect(gathering.takeEnded(5_000)).toBe(true);
    expect(gathering.takeEnded(5_000)).toBe(false);
    expect(gathering.takeEnded(10_000)).toBe(true);
  });

  it('sends at once until a minute holds too many, then gathers', () => {
    const gathering = new Gathering(LIMITS);
    expect([placed(gathering, 0), placed(gathering, 0)]).toEqual([
      [undefined, 'g'],
      [undefined, 'g'],
    ]);
    expect(placed(gathering, 1_000, 0, 'ticket')).toEqual([31_000, 'storm']);
    // A page does not wait for a ticket's digest to be due.
    expect(placed(gathering, 2_000)).toEqual([12_000, 'storm']);
    expect(placed(gathering, 3_000, 0, 'ticket')).toEqual([12_000, 'storm']);
    expect(placed(gathering, 60_000)).toEqual([undefined, 'g']);
  });

  it('counts each receiver for itself', () => {
    const gathering = new Gathering(LIMITS);
    placed(gathering, 0);
    placed(gathering, 0);
    const other = gathering.place('chat', PLAIN, { severity: 'page', nowMs: 0 });
    expect(other.notBeforeMs).toBeUndefined();
  });

  it('takes up what waits from an earlier run, and forgets the future when the clock steps back', () => {
    const gathering = new Gathering(LIMITS, [{ receiver: 'ops', groupKey: 'g', endsMs: 7_000 }]);
    expect(placed(gathering, 0, 60_000)).toEqual([7_000, 'g']);
    for (let i = 0; i < 3; i++) placed(gathering, 1_000_000);
    expect(placed(gathering, 1_000)).toEqual([undefined, 'g']);
  });
});
