import { expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { AgeClock } from './age-clock.ts';
import type { Database } from './database.ts';
import { openState } from './state.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const START_MS = Date.UTC(2026, 5, 1);

/** A collector that starts at a time on its wall clock. */
function start(database: Database, wallMs: number, newestMs?: number) {
  const clock = new FakeClock(wallMs);
  return { clock, ages: new AgeClock({ database, clock, log: fakeLog(), newestMs }) };
}

/** Has the collector running, and asking once a minute as its rounds do. */
async function run({ clock, ages }: ReturnType<typeof start>, forMs: number): Promise<void> {
  for (let atMs = 0; atMs < forMs; atMs += 60_000) {
    await clock.advance(60_000);
    ages.nowMs();
  }
}

it('follows the clock, over restarts and stops of some hours as well', async () => {
  const database = openState(':memory:');
  const first = start(database, START_MS);
  await run(first, HOUR_MS);
  expect(first.ages.nowMs()).toBe(START_MS + HOUR_MS);
  const second = start(database, START_MS + 20 * HOUR_MS);
  expect(second.ages.nowMs()).toBe(START_MS + 20 * HOUR_MS);
  second.clock.stepWall(-10 * HOUR_MS);
  expect([second.ages.nowMs(), second.ages.isInDoubt()]).toEqual([START_MS + 10 * HOUR_MS, false]);
});

it('does not believe a clock that is a year ahead at several starts, nor lets it spoil what was noted', async () => {
  const database = openState(':memory:');
  await run(start(database, START_MS), HOUR_MS);
  for (let i = 0; i < 3; i++) {
    const ahead = start(database, START_MS + YEAR_MS + i * 2 * HOUR_MS);
    await run(ahead, HOUR_MS);
    expect(ahead.ages.isInDoubt()).toBe(true);
    expect(ahead.ages.nowMs()).toBeLessThanOrEqual(START_MS + 2 * HOUR_MS);
  }
  const right = start(database, START_MS + 8 * HOUR_MS);
  expect([right.ages.nowMs(), right.ages.isInDoubt()]).toEqual([START_MS + 8 * HOUR_MS, false]);
});

it('believes a clock that has stood for half a day, as after a long stop, and from then on at once', async () => {
  const database = openState(':memory:');
  await run(start(database, START_MS), HOUR_MS);
  const later = start(database, START_MS + 90 * DAY_MS);
  await run(later, 11 * HOUR_MS);
  expect(later.ages.nowMs()).toBeLessThan(START_MS + DAY_MS);
  await run(later, 2 * HOUR_MS);
  expect([later.ages.nowMs(), later.ages.isInDoubt()]).toEqual([later.clock.wallMs(), false]);
  const next = start(database, later.clock.wallMs() + HOUR_MS);
  expect(next.ages.isInDoubt()).toBe(false);
});

it.each([
  ['is off every night and at weekends', 10, 14, 62],
  ['ends every two minutes', 1 / 30, 0, 0],
])(
  'believes the clock again after half a day in sum, on a machine that %s',
  async (_what, on, off, weekend) => {
    const database = openState(':memory:');
    await run(start(database, START_MS), HOUR_MS);
    let wallMs = START_MS + 14 * DAY_MS;
    let hours = 0;
    for (let life = 0; ; life++) {
      const collector = start(database, wallMs);
      const isInDoubt = collector.ages.isInDoubt();
      if (!isInDoubt) break;
      expect(hours).toBeLessThan(20);
      await run(collector, on * HOUR_MS);
      hours += on;
      wallMs = collector.clock.wallMs() + (life % 5 === 4 ? weekend : off) * HOUR_MS;
      if (!collector.ages.isInDoubt()) break;
    }
    expect(hours).toBeGreaterThan(11);
    const last = start(database, wallMs);
    expect([last.ages.isInDoubt(), last.ages.nowMs()]).toEqual([false, wallMs]);
  },
);

it('believes the clock again on a machine that sleeps every night, whose monotonic clock stands meanwhile', async () => {
  const database = openState(':memory:');
  const collector = start(database, START_MS);
  await run(collector, 10 * HOUR_MS);
  collector.clock.stepWall(62 * HOUR_MS);
  await run(collector, 10 * HOUR_MS);
  expect(collector.ages.isInDoubt()).toBe(true);
  collector.clock.stepWall(14 * HOUR_MS);
  await run(collector, 3 * HOUR_MS);
  expect([collector.ages.isInDoubt(), collector.ages.nowMs()]).toEqual([false, collector.clock.wallMs()]);
});

it('does not count what an earlier process saw of another clock, or of a doubt that is over', async () => {
  const database = openState(':memory:');
  await run(start(database, START_MS), HOUR_MS);
  await run(start(database, START_MS + YEAR_MS), 11 * HOUR_MS);
  const elsewhere = start(database, START_MS + 2 * YEAR_MS);
  await run(elsewhere, 2 * HOUR_MS);
  expect(elsewhere.ages.isInDoubt()).toBe(true);
  await run(start(database, START_MS + 2 * YEAR_MS + 3 * HOUR_MS), 9 * HOUR_MS);
  await run(start(database, START_MS + 20 * HOUR_MS), HOUR_MS);
  const again = start(database, START_MS + 2 * YEAR_MS + DAY_MS);
  await run(again, 2 * HOUR_MS);
  expect(again.ages.isInDoubt()).toBe(true);
});

it('begins to wait anew when the clock steps meanwhile, and stops when it steps back', async () => {
  const database = openState(':memory:');
  const collector = start(database, START_MS);
  await run(collector, HOUR_MS);
  collector.clock.stepWall(YEAR_MS);
  await run(collector, 8 * HOUR_MS);
  collector.clock.stepWall(YEAR_MS);
  await run(collector, 8 * HOUR_MS);
  expect(collector.ages.nowMs()).toBe(START_MS + 17 * HOUR_MS);
  collector.clock.stepWall(-2 * YEAR_MS);
  expect([collector.ages.nowMs(), collector.ages.isInDoubt()]).toEqual([START_MS + 17 * HOUR_MS, false]);
});

it('is never later than a clock that was set back, and does not count from there at once', async () => {
  const database = openState(':memory:');
  await run(start(database, START_MS), HOUR_MS);
  const unset = start(database, 0);
  expect(unset.ages.nowMs()).toBe(0);
  // The machine learns the time.
  unset.clock.stepWall(START_MS + 2 * HOUR_MS);
  expect([unset.ages.nowMs(), unset.ages.isInDoubt()]).toEqual([START_MS + 2 * HOUR_MS, false]);
});

it('takes the newest block, or when hosts were watched, where the time was never noted', () => {
  const database = openState(':memory:');
  expect(start(database, START_MS + YEAR_MS, START_MS).ages.nowMs()).toBe(START_MS);
  database.connection.exec(`INSERT INTO presence_watch (id, watched_ms) VALUES (1, ${START_MS + HOUR_MS})`);
  expect(start(database, START_MS + YEAR_MS, START_MS).ages.nowMs()).toBe(START_MS + HOUR_MS);
  expect(start(openState(':memory:'), START_MS).ages.nowMs()).toBe(START_MS);
});
