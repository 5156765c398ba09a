import { expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { FakeHost } from '../host/testing.ts';
import { REMEMBER_DEAR_MS, REMEMBER_MS, remembered } from './remembered.ts';

it('asks again after a minute, whether or not it failed', async () => {
  const clock = new FakeClock();
  const host = new FakeHost();
  const read = remembered(clock, (from) => from.read('/proc/x').toString());
  host.files.set('/proc/x', 'old');
  expect(read(host)).toBe('old');
  host.files.set('/proc/x', { fails: 'denied' });
  await clock.advance(REMEMBER_MS - 1);
  expect(read(host)).toBe('old');
  await clock.advance(1);
  expect(() => read(host)).toThrow('read /proc/x');
  host.files.set('/proc/x', 'new');
  expect(() => read(host)).toThrow('read /proc/x');
  await clock.advance(REMEMBER_MS);
  expect(read(host)).toBe('new');
});

it.each([
  { tookMs: 0, againMs: REMEMBER_MS },
  { tookMs: 2, againMs: REMEMBER_MS },
  { tookMs: 6, againMs: 180_000 },
  { tookMs: 10, againMs: REMEMBER_DEAR_MS },
  { tookMs: 500, againMs: REMEMBER_DEAR_MS },
])('rests after a look of $tookMs ms, though it failed', async ({ tookMs, againMs }) => {
  const clock = new FakeClock();
  const host = new FakeHost();
  const monoMs = clock.monoMs.bind(clock);
  let spentMs = 0;
  clock.monoMs = () => monoMs() + spentMs;
  let looks = 0;
  const look = (): never => {
    looks += 1;
    spentMs += tookMs;
    throw new Error('too many');
  };
  const read = remembered(clock, look, { restsWhenDear: true });
  for (let count = 1; count <= 3; count++) {
    expect(() => read(host)).toThrow('too many');
    await clock.advance(againMs - tookMs - 1);
    expect(() => read(host)).toThrow('too many');
    expect(looks).toBe(count);
    await clock.advance(1);
  }
});
