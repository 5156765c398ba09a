import { expect, it } from 'vitest';
import { PushedMetadata } from './metadata.ts';

const entry = (metric: string, help = 'h') => ({ metric, type: 'gauge', help, unit: '' });

it('keeps the newest word on each metric, cleaned, and forgets the oldest beyond its limit', () => {
  const metadata = new PushedMetadata();
  metadata.note(entry(''));
  metadata.note(entry('x'.repeat(513)));
  metadata.note(entry('a', 'old'));
  for (let i = 0; i < 9_999; i++) metadata.note(entry(`m${i}`));
  metadata.note(entry('a', `new\u001b${'y'.repeat(2_000)}`));
  metadata.note(entry('last'));
  const all = new Map(metadata.entries());
  expect([all.size, all.has('m0'), all.has('a'), all.has('last')]).toEqual([10_000, false, true, true]);
  expect(all.get('a')?.help).toMatch(/^newy+/);
  expect(all.get('a')?.help.length).toBeLessThanOrEqual(1_024);
});
