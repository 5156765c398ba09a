import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostState } from '../api/types.ts';
import { availabilityOf, SPANS_MAX } from './availability.ts';
import { correct } from './presence-history.ts';

const entry = (atMs: number, state: HostState, reason = state) => ({ atMs, state, reason });
const RANGE = { fromMs: 1_000, toMs: 2_000 };

describe('availability', () => {
  it('counts silence as down, and neither planned work nor ignorance', () => {
    const entries = [
      entry(500, 'up'),
      entry(1_400, 'suspect'),
      entry(1_430, 'down'),
      entry(1_500, 'planned'),
      entry(1_700, 'unknown'),
      entry(1_800, 'up'),
    ];
    const { spans, ...sums } = availabilityOf(entries, RANGE);
    expect(sums).toEqual({
      upMs: 600,
      downMs: 100,
      plannedMs: 200,
      unknownMs: 100,
      availableRatio: 6 / 7,
      omittedSpans: 0,
    });
    expect(spans[0]).toEqual({ fromMs: 1_000, toMs: 1_400, state: 'up', reason: 'up' });
    expect(spans.at(-1)).toEqual({ fromMs: 1_800, toMs: 2_000, state: 'up', reason: 'up' });
  });

  it('knows nothing of the time before the first record, and of a host without any', () => {
    expect(availabilityOf([entry(1_900, 'up')], RANGE)).toMatchObject({ unknownMs: 900, upMs: 100 });
    expect(availabilityOf([], RANGE)).toMatchObject({ unknownMs: 1_000, availableRatio: null });
  });

  it('gives the newest spans of a host that comes and goes, and sums of all', () => {
    const entries = Array.from({ length: SPANS_MAX + 20 }, (_, i) => entry(i, i % 2 === 0 ? 'up' : 'down'));
    const { spans, omittedSpans, upMs, downMs } = availabilityOf(entries, {
      fromMs: 0,
      toMs: SPANS_MAX + 20,
    });
    expect([spans.length, omittedSpans]).toEqual([SPANS_MAX, 20]);
    expect(upMs + downMs).toBe(SPANS_MAX + 20);
  });

  it('counts no moment twice when a clock was set back', () => {
    const entries = [entry(900, 'up'), entry(1_600, 'down'), entry(1_200, 'up'), entry(1_700, 'planned')];
    expect(availabilityOf(entries, RANGE)).toMatchObject({ upMs: 700, downMs: 0, plannedMs: 300 });
  });

  it('accounts for every millisecond once, and evidence never lowers it (property)', () => {
    const states = fc.constantFrom<HostState>('unknown', 'up', 'suspect', 'down', 'planned');
    const times = fc.integer({ min: 0, max: 3_000 });
    const evidences = fc.array(
      fc.tuple(times, times, fc.constantFrom('records' as const, 'uptime' as const)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(times, states)), evidences, (raw, spans) => {
        const entries = raw.map(([atMs, state]) => entry(atMs, state)).sort((a, b) => a.atMs - b.atMs);
        const evidence = spans.map(([a, b, proof]) => {
          return { fromMs: Math.min(a, b), toMs: Math.max(a, b), proof };
        });
        const seen = availabilityOf(entries, RANGE);
        const corrected = availabilityOf(correct(entries, evidence, RANGE.toMs), RANGE);
        for (const { upMs, downMs, plannedMs, unknownMs } of [seen, corrected])
          expect(upMs + downMs + plannedMs + unknownMs).toBe(1_000);
        expect(corrected.upMs).toBeGreaterThanOrEqual(seen.upMs);
        expect(corrected.downMs).toBeLessThanOrEqual(seen.downMs);
      }),
    );
  });
});
