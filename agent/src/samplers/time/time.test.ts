import { expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { FakeHost } from '../../host/testing.ts';
import { readLines } from '../testing.ts';
import { timeSampler } from './time.ts';

it('tells the wall clock in seconds, also after a step', async () => {
  const clock = new FakeClock(1_700_000_000_123);
  expect(await readLines(timeSampler(clock), new FakeHost())).toEqual(['node_time_seconds 1700000000.123']);
  clock.stepWall(-1_000);
  expect(await readLines(timeSampler(clock), new FakeHost())).toEqual(['node_time_seconds 1699999999.123']);
});
