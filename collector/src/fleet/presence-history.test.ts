import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openState } from '../state/state.ts';
import { correct, PresenceHistory, type Evidence, type PresenceEntry } from './presence-history.ts';

const STORY: readonly PresenceEntry[] = [
  { atMs: 0, state: 'up', reason: 'welcomed' },
  { atMs: 100, state: 'suspect', reason: 'disconnected' },
  { atMs: 130, state: 'down', reason: 'grace_over' },
  { atMs: 500, state: 'up', reason: 'welcomed' },
];

/** `at state reason` of each entry. */
function told(evidence: readonly Evidence[], entries = STORY, toMs = 1_000): readonly string[] {
  return correct(entries, evidence, toMs).map(({ atMs, state, reason }) => `${atMs} ${state} ${reason}`);
}

const records = (fromMs: number, toMs: number): Evidence => ({ fromMs, toMs, proof: 'records' });
const uptime = (fromMs: number, toMs: number): Evidence => ({ fromMs, toMs, proof: 'uptime' });

describe('a corrected history', () => {
  it('is what was seen when nothing proves anything else', () => {
    expect(told([])).toEqual([
      '0 up welcomed',
      '100 suspect disconnected',
      '130 down grace_over',
      '500 up welcomed',
    ]);
  });

  it('has a host that was only cut off as up all the time', () => {
    expect(told([records(90, 500)])).toEqual([
      '0 up welcomed',
      '100 up records',
      '130 up records',
      '500 up welcomed',
    ]);
  });

  it('keeps down what nothing speaks for: the machine stood still, then booted, then was cut off', () => {
    expect(told([records(90, 150), uptime(400, 500)])).toEqual([
      '0 up welcomed',
      '100 up records',
      '130 up records',
      '150 down grace_over',
      '400 up uptime',
      '500 up welcomed',
    ]);
  });

  it('takes spans that overlap in any order, and one that ends beyond the range', () => {
    expect(told([uptime(300, 500), records(100, 350), records(120, 140)])).toEqual([
      '0 up welcomed',
      '100 up records',
      '130 up records',
      '350 up uptime',
      '500 up welcomed',
    ]);
    expect(told([records(150, 9_999)], STORY.slice(0, 3), 400)).toEqual([
      '0 up welcomed',
      '100 suspect disconnected',
      '130 down grace_over',
      '150 up records',
    ]);
  });

  it('reads each proof once, however many entries there are', () => {
    const entries = Array.from({ length: 2_000 }, (_, index) => ({
      atMs: index * 10,
      state: 'down' as const,
      reason: 'grace_over',
    }));
    let readCount = 0;
    const evidence = entries.map(({ atMs }) => {
      const proof = { ...records(atMs + 2, atMs + 5) };
      return Object.defineProperty(proof, 'toMs', { get: () => (readCount++, atMs + 5) });
    });
    expect(correct(entries, evidence, 20_000)).toHaveLength(6_000);
    expect(readCount).toBeLessThan(20_000);
  });

  it('says of every moment what was seen, or up where there is proof', () => {
    const state = fc.constantFrom('up' as const, 'suspect' as const, 'down' as const, 'unknown' as const);
    const stories = fc.array(fc.tuple(fc.nat(50), state), { minLength: 1, maxLength: 8 });
    const spans = fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 30 }), fc.boolean()), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(stories, spans, (story, proofs) => {
        const entries = story
          .map(([atMs, seen]) => ({ atMs, state: seen, reason: 'seen' }))
          .sort((left, right) => left.atMs - right.atMs);
        const evidence = proofs.map(([fromMs, length, isRecords]) =>
          isRecords ? records(fromMs, fromMs + length) : uptime(fromMs, fromMs + length),
        );
        const corrected = correct(entries, evidence, 100);
        const at = (list: readonly PresenceEntry[], ms: number) =>
          list.findLast(({ atMs }) => atMs <= ms)?.state;
        for (let ms = entries[0]?.atMs ?? 0; ms < 100; ms++) {
          const isProven = evidence.some(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
          expect(at(corrected, ms)).toBe(isProven ? 'up' : at(entries, ms));
        }
        const times = corrected.map(({ atMs }) => atMs);
        expect(times).toEqual([...times].sort((left, right) => left - right));
      }),
    );
  });
});

describe('PresenceHistory', () => {
  it('writes nothing of a host that is no more, and is not held up by it', () => {
    const database = openState(':memory:');
    const history = new PresenceHistory(database, 0);
    history.note('gone', 1, 'unknown', 'revoked');
    history.prove('gone', records(1, 2));
    history.write(5);
    expect(history.hasUnwritten).toBe(false);
    expect(database.connection.prepare('SELECT watched_ms FROM presence_watch').get()).toEqual({
      watched_ms: 5,
    });
    expect(history.read('gone', { fromMs: 0, toMs: 10 }).seen).toEqual([]);
  });

  it('counts what finds no room while the database does not write', () => {
    const history = new PresenceHistory(openState(':memory:'), 0);
    for (let i = 0; i < 100_002; i++) history.note('host', i, 'up', 'welcomed');
    expect([history.takeDropped(), history.takeDropped()]).toEqual([{ dropped: 2 }, { dropped: 0 }]);
  });
});
