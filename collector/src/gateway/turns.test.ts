import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TURN_LIMITS, Turns } from './turns.ts';

const { turnsMax, turnBytes, turnMs, idleMs, trickleMs } = TURN_LIMITS;

/** Turns of which all are taken by h0, h1 …, and three that wait: a, b, c. */
function busy(): Turns<string> {
  const turns = new Turns<string>();
  for (let i = 0; i < turnsMax; i++) turns.want(`h${i}`, 0);
  for (const key of ['a', 'b', 'c']) turns.want(key, 0);
  return turns;
}

describe('turns', () => {
  it('begin at once while some are free, and then wait in order', () => {
    const turns = busy();
    expect(turns.holds(`h${turnsMax - 1}`)).toBe(true);
    expect([turns.holds('a'), turns.waits('a'), turns.waitingCount]).toEqual([false, true, 3]);
    turns.leave('h0');
    turns.leave('h1');
    expect(turns.advance(1)).toEqual(['a', 'b']);
    expect([turns.holds('a'), turns.waits('c')]).toEqual([true, true]);
  });

  it('end by bytes, and the holder then waits behind the others', () => {
    const turns = busy();
    turns.spend('h0', turnBytes - 1, 1);
    expect(turns.holds('h0')).toBe(true);
    turns.spend('h0', 1, 1);
    expect(turns.holds('h0')).toBe(false);
    turns.want('h0', 1);
    expect(turns.waits('h0')).toBe(true);
    expect(turns.advance(2)).toEqual(['a']);
  });

  it('end by time and by silence', () => {
    const turns = busy();
    for (let ms = 250; ms < turnMs; ms += 250) {
      for (let i = 0; i < turnsMax; i++) turns.spend(`h${i}`, 1, ms);
      expect(turns.advance(ms)).toEqual([]);
    }
    expect(turns.advance(turnMs)).toEqual(['a', 'b', 'c']);
    turns.spend('b', 1, turnMs + idleMs - 1);
    turns.advance(turnMs + idleMs);
    expect([turns.holds('a'), turns.holds('b')]).toEqual([false, true]);
  });

  it('end when there is nothing more to send, and cost nobody who waits the place', () => {
    const turns = busy();
    turns.finish('h0');
    turns.finish('b');
    expect([turns.holds('h0'), turns.waits('h0')]).toEqual([false, false]);
    expect(turns.advance(1)).toEqual(['a']);
    turns.finish('a');
    expect(turns.advance(1)).toEqual(['b']);
  });

  it('are not jumped by who comes when one has just become free', () => {
    const turns = busy();
    turns.leave('h0');
    turns.want('late', 1);
    expect(turns.advance(1)).toEqual(['a']);
    expect(turns.waits('late')).toBe(true);
  });

  it('give those who wait a trickle, and keep their places', () => {
    const turns = busy();
    expect(turns.takeTrickle('a', trickleMs - 1)).toBe(false);
    expect(turns.takeTrickle('a', trickleMs)).toBe(true);
    expect(turns.takeTrickle('a', trickleMs + 1)).toBe(false);
    expect(turns.takeTrickle('h0', trickleMs)).toBe(false);
    turns.leave('h0');
    expect(turns.advance(1)).toEqual(['a']);
  });

  it('come to everybody who wants one, however the others behave', () => {
    const act = fc.record({
      key: fc.nat(60),
      bytes: fc.integer({ min: 1, max: turnBytes }),
      ms: fc.nat(400),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 300 }), (acts) => {
        const turns = new Turns<number>();
        let nowMs = 0;
        turns.want(-1, nowMs);
        turns.leave(-1);
        for (let key = 0; key < turnsMax; key++) turns.want(key, nowMs);
        turns.want(-1, nowMs);
        for (const { key, bytes, ms } of acts) {
          nowMs += ms;
          turns.want(key, nowMs);
          turns.spend(key, bytes, nowMs);
          turns.advance(nowMs);
        }
        turns.advance(nowMs + turnMs);
        // At most one round of holders stands before the first who waited.
        expect(turns.waits(-1)).toBe(false);
      }),
    );
  });

  /**
   * Forty hosts with backlogs that never end, some of them on slow lines, and a round each 50 ms as the gateway makes it with
   * commits. What is judged is what a host can see: how long it waited, and what share it got.
   */
  function rush(turns: Turns<number>, speeds: readonly number[]) {
    const stepMs = 50;
    const hosts = speeds.map((bytesPerStep) => ({
      bytesPerStep,
      served: 0,
      waitsSinceMs: 0,
      longestWaitMs: 0,
    }));
    for (let nowMs = 0; nowMs < 120_000; nowMs += stepMs) {
      turns.advance(nowMs);
      // Another one is heard first each time: who ends in the same moment has no order of its own.
      const first = Math.floor((nowMs / stepMs) * 7);
      for (let i = 0; i < hosts.length; i++) {
        const key = (first + i) % hosts.length;
        const host = hosts[key];
        if (host === undefined) continue;
        turns.want(key, nowMs);
        if (!turns.holds(key)) {
          host.longestWaitMs = Math.max(host.longestWaitMs, nowMs - host.waitsSinceMs);
          continue;
        }
        host.waitsSinceMs = nowMs;
        host.served += host.bytesPerStep;
        turns.spend(key, host.bytesPerStep, nowMs);
      }
    }
    return hosts;
  }

  it.each([
    ['quick', () => turnBytes / 4],
    ['slow', () => turnBytes / 1_000],
    ['quick and slow', (key: number) => (key % 2 === 0 ? turnBytes / 4 : turnBytes / 1_000)],
  ])('go round among forty hosts that are %s', (_what, speedOf) => {
    const speeds = Array.from({ length: 40 }, (_unused, key) => speedOf(key));
    const hosts = rush(new Turns<number>(), speeds);
    // Everybody in front may take a whole turn, and so many have theirs at a time.
    const waitMsMax = Math.ceil(40 / turnsMax) * (turnMs + 100);
    expect(Math.max(...hosts.map(({ longestWaitMs }) => longestWaitMs))).toBeLessThanOrEqual(waitMsMax);
    for (const speed of new Set(speeds)) {
      const served = hosts.filter(({ bytesPerStep }) => bytesPerStep === speed).map((host) => host.served);
      expect(Math.min(...served) / Math.max(...served)).toBeGreaterThan(0.5);
    }
  });
});
