import { expect, it } from 'vitest';
import { createMatcher } from '../../matcher.ts';
import { KnownMatches, newMatch, seriesOf, type FoundHost, type KnownMatch } from './known-matches.ts';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';

const named = (name: string) => [createMatcher('__name__', '=', name)];

it('knows matchers by what they say, and forgets all of them with another version', () => {
  const matches = new KnownMatches();
  const first = matches.of(named('a'), '1');
  expect(matches.of(named('a'), '1')).toBe(first);
  expect(matches.of([createMatcher('__name__', '=~', 'a')], '1')).not.toBe(first);
  expect(matches.size).toBe(2);
  expect(matches.of(named('a'), '2')).not.toBe(first);
  expect(matches.size).toBe(1);
});

it('forgets what was not asked for longest when there are too many, or they hold too much', () => {
  const matches = new KnownMatches();
  const first = matches.of(named('m0'), '1');
  const second = matches.of(named('m1'), '1');
  for (let i = 2; i < 3_000; i++) matches.of(named(`m${i}`), '1');
  expect(matches.of(named('m0'), '1')).toBe(first);
  matches.of(named('one more'), '1');
  expect(matches.size).toBe(3_000);
  expect(matches.of(named('m0'), '1')).toBe(first);
  expect(matches.of(named('m1'), '1')).not.toBe(second);
  matches.of(named('m400'), '1').weight = 1_000_000;
  matches.of(named('another'), '1');
  expect(matches.size).toBe(1);
});

it('shares label sets between matches, until a host may have another name', () => {
  const schema = gaugeSchema('disk', { free: ['a', 'b'], used: ['a', 'b'] });
  const matches = new KnownMatches();
  const host = { agentId: 'x', lanes: new Map() };
  const found = (name: string, version: string, instance = 'h') => {
    const by = matches.of(named(name), version);
    const identity = [['instance', instance]] as const;
    const match = by.matching.host(identity);
    if (match === undefined) throw new Error('a host must fit');
    return seriesOf(schema, { by, host, identity, match, part: undefined, labels: undefined }).labels;
  };
  const all = found('free', '1');
  const again = found('free', '1');
  expect(again[0]).toBe(all[0]);
  expect(matches.of(named('free'), '1').weight).toBe(2 * (3 / 4 + 2 / 16));
  expect(found('used', '1')[0]).not.toBe(all[0]);
  expect(found('free', '2', 'renamed')[0]?.get('instance')).toBe('renamed');
});

it('makes the labels of a host and schema once, and counts them', () => {
  const schema = gaugeSchema('disk', { free: ['a', 'b'], used: ['a', 'b'] });
  const by: KnownMatch = newMatch(named('free'));
  const match = by.matching.host([['instance', 'h']]);
  if (match === undefined) throw new Error('a host must fit');
  const found: FoundHost = {
    by,
    host: { agentId: 'x', lanes: new Map() },
    identity: [['instance', 'h']],
    match,
    part: undefined,
    labels: undefined,
  };
  const { indices, labels } = seriesOf(schema, found);
  expect(indices).toHaveLength(2);
  expect(labels.map((one) => [one.metricName, one.get('instance')])).toEqual([
    ['free', 'h'],
    ['free', 'h'],
  ]);
  expect(seriesOf(schema, found).labels).toBe(labels);
  expect(by.weight).toBe(3 / 4 + 2);
});
