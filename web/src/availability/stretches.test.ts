import { expect, test } from 'vitest';
import type { AvailabilitySpan, HostState } from '../../../collector/src/api/types.ts';
import {
  describeReasons,
  describeStretches,
  formatAvailable,
  formatLasted,
  spanOf,
  stretchesOf,
} from './stretches.ts';

/** One second for each word, `state reason`. */
function spans(...words: readonly (readonly [HostState, string])[]): {
  readonly spans: readonly AvailabilitySpan[];
} {
  return {
    spans: words.map(([state, reason], i) => ({ fromMs: i * 1000, toMs: (i + 1) * 1000, state, reason })),
  };
}

test('neighbours of one kind are one stretch, with each reason once', () => {
  const stretches = stretchesOf(
    spans(
      ['up', 'welcomed'],
      ['up', 'heard'],
      ['suspect', 'disconnected'],
      ['down', 'grace_over'],
      ['up', 'records'],
      ['up', 'uptime'],
      ['up', 'records'],
      ['planned', 'bye_reboot'],
      ['unknown', 'collector_gone'],
      ['up', 'welcomed'],
    ),
  );
  expect(stretches.map(({ kind, fromMs, toMs }) => `${kind} ${fromMs}-${toMs}`)).toEqual([
    'up 0-2000',
    'down 2000-4000',
    'cut 4000-7000',
    'planned 7000-8000',
    'unknown 8000-9000',
    'up 9000-10000',
  ]);
  expect(stretches.map(describeReasons)).toEqual([
    'welcomed, heard',
    'lost the connection, stayed away',
    'its readings of that time came later, its uptime reaches back over it',
    'restarted',
    'the collector was not running',
    'welcomed',
  ]);
});

test('stretches with a hole between them stay apart', () => {
  const down = { state: 'down', reason: 'grace_over' } as const;
  const found = stretchesOf({
    spans: [
      { ...down, fromMs: 0, toMs: 1 },
      { ...down, fromMs: 2, toMs: 3 },
    ],
  });
  expect(found).toHaveLength(2);
});

test('says in a sentence what was not up', () => {
  const told = (...words: readonly (readonly [HostState, string])[]) =>
    describeStretches(stretchesOf(spans(...words)));
  expect(told()).toBe('Nothing is known.');
  expect(told(['up', 'welcomed'])).toBe('Up all the time.');
  expect(told(['down', 'a'], ['up', 'b'], ['suspect', 'c'], ['planned', 'd'])).toBe(
    'Down 2 times for 2 s; planned once for 1 s.',
  );
});

test.each([
  [null, '–'],
  [1, '100%'],
  [0.999999999, '99.999%'],
  [0.99884, '99.884%'],
  [0.57, '57.000%'],
  [0.65531, '65.531%'],
  [0, '0.000%'],
])('a share of %s reads %s', (ratio, text) => {
  expect(formatAvailable(ratio)).toBe(text);
});

test.each([
  [0, '–'],
  [3, '1 s'],
  [60_000, '1 min'],
])('a length of %i ms reads %s', (spanMs, text) => {
  expect(formatLasted(spanMs)).toBe(text);
});

test('takes thirty days for a span that it does not know', () => {
  expect(['24h', '7d', '30d', 'x', undefined].map((id) => spanOf(id).label)).toEqual([
    '24 h',
    '7 d',
    '30 d',
    '30 d',
    '30 d',
  ]);
});
