import { expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { FakeHost } from '../host/testing.ts';
import { REMEMBER_MS, remembered } from './remembered.ts';

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
