import { describe, expect, it } from 'vitest';
import { GroupSchedule, pacedByHold } from './schedule.ts';

const group = (key: string, { file = 'a.yml', intervalMs = 60_000 } = {}) => ({ key, file, intervalMs });

/** The times from 0 to `untilMs`, in steps of a second, at which the group was due. */
function dueTimes(schedule: GroupSchedule, paced: ReturnType<typeof group>, untilMs: number): number[] {
  const times: number[] = [];
  for (let nowMs = 0; nowMs <= untilMs; nowMs += 1_000) if (schedule.isDue(paced, nowMs)) times.push(nowMs);
  return times;
}

describe('GroupSchedule', () => {
  it('gives a group its first turn at once, and then one per interval', () => {
    const times = dueTimes(new GroupSchedule(), group('a/g'), 600_000);
    expect(times[0]).toBe(0);
    expect(times).toHaveLength(11);
    const gaps = times.slice(2).map((time, i) => time - (times[i + 1] ?? 0));
    expect(new Set(gaps)).toEqual(new Set([60_000]));
  });

  it('keeps the groups of one file in step, and spreads files', () => {
    const schedule = new GroupSchedule();
    const later = (paced: ReturnType<typeof group>) => dueTimes(schedule, paced, 120_000)[1];
    expect(later(group('a/g'))).toBe(later(group('a/h')));
    const starts = Array.from({ length: 20 }, (_, i) => later(group(`${i}`, { file: `${i}.yml` })));
    expect(new Set(starts).size).toBeGreaterThan(10);
  });

  it('does not make up for turns that were missed', () => {
    const schedule = new GroupSchedule();
    expect(schedule.isDue(group('a'), 0)).toBe(true);
    expect(schedule.isDue(group('a'), 10_000_000)).toBe(true);
    expect(schedule.isDue(group('a'), 10_000_000)).toBe(false);
  });

  it('gives a group its turn again that came to nothing', () => {
    const schedule = new GroupSchedule();
    schedule.isDue(group('a'), 0);
    expect(schedule.isDue(group('a'), 1)).toBe(false);
    schedule.retry(group('a'));
    expect([schedule.isDue(group('a'), 1), schedule.isDue(group('a'), 1)]).toEqual([true, false]);
  });

  it('gives a group that was forgotten its first turn anew', () => {
    const schedule = new GroupSchedule();
    schedule.isDue(group('a'), 0);
    schedule.isDue(group('b'), 0);
    schedule.retain([group('b')]);
    expect([schedule.isDue(group('a'), 1), schedule.isDue(group('b'), 1)]).toEqual([true, false]);
  });
});

describe('pacedByHold', () => {
  const limits = { evaluationIntervalMs: 5_000, looksPerHold: 10, lookPauseMsMax: 60_000 };
  const cases: readonly (readonly [name: string, forMs: number, intervalMs: number | undefined])[] = [
    ['looks each time without a hold time', 0, undefined],
    ['looks each time while a part of the hold time is shorter than that', 50_000, undefined],
    ['looks ten times within the hold time', 300_000, 30_000],
    ['waits no longer for a long one', 86_400_000, 60_000],
  ];
  it.each(cases)('%s', (_, forMs, intervalMs) => {
    expect(pacedByHold({ id: 'A', forMs }, limits)?.intervalMs).toBe(intervalMs);
  });
});
