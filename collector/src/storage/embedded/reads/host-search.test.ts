import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, it } from 'vitest';
import { gaugeSchema, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { createMatcher, type Matcher, type MatchOperator } from '../../matcher.ts';
import { Catalogue } from '../catalogue.ts';
import { HostSearch } from './host-search.ts';
import type { Identity } from './matching.ts';
import { Pace } from './pace.ts';

const NAMES = ['c', 'a', 'b'];

function fleet() {
  const catalogue = new Catalogue();
  const identities = new Map<string, Identity>(NAMES.map((name) => [name, [['instance', name]]]));
  const looks: string[] = [];
  const version = { now: 0 };
  const use = (agentId: string, metric: string, timeMs = 1_000): void => {
    const schema = gaugeSchema(metric, { [metric]: [] });
    const schemaNumber = metric.length;
    const blocks = [valuesBlock(schemaNumber, schema, [1])];
    catalogue.add({ pos: 1, laneId: agentId.charCodeAt(0), agentId, epochId: 'e', timeMs, blocks });
  };
  for (const name of NAMES) use(name, 'load');
  const search = new HostSearch(catalogue, {
    identityOf(agentId) {
      looks.push(agentId);
      return identities.get(agentId);
    },
    identitiesVersion: () => version.now,
  });
  const find = async (...matchers: readonly Matcher[]): Promise<readonly string[]> => {
    const pace = new Pace({
      clock: new FakeClock(),
      turnMs: 10,
      yieldToLoop: () => Promise.resolve(),
      signal: new AbortController().signal,
    });
    const found = await search.inCatalogue(search.known(matchers), pace);
    return found.map(({ identity }) => identity[0]?.[1] ?? '');
  };
  return { catalogue, identities, looks, version, use, search, find };
}

const named = (value: string, operator: MatchOperator = '=') => createMatcher('__name__', operator, value);

it('looks the labels of hosts up once for all matchers, and again when one has others', async () => {
  const { find, looks, identities, version, use } = fleet();
  expect(await find(named('load'))).toEqual(['a', 'b', 'c']);
  expect(await find(named('load', '=~'))).toEqual(['a', 'b', 'c']);
  expect(await find(named('load'), createMatcher('instance', '!=', 'b'))).toEqual(['a', 'c']);
  expect(looks).toHaveLength(3);
  identities.set('c', [['instance', 'B']]);
  version.now++;
  expect(await find(named('load'))).toEqual(['B', 'a', 'b']);
  identities.set('d', [['instance', 'd']]);
  use('d', 'load');
  expect(await find(named('load'))).toEqual(['B', 'a', 'b', 'd']);
});

it('knows whether anybody has a metric of a name', () => {
  const { search, use, catalogue } = fleet();
  expect(search.hasMetric([named('load')])).toBe(true);
  expect(search.hasMetric([named('load'), createMatcher('instance', '=', 'nobody')])).toBe(true);
  expect(search.hasMetric([createMatcher('instance', '=', 'a')])).toBe(true);
  expect(search.hasMetric([named('lo.+', '=~')])).toBe(true);
  expect(search.hasMetric([named('lo.+', '=~'), named('load', '!=')])).toBe(false);
  expect(search.hasMetric([named('load'), named('x.*', '=~')])).toBe(false);
  expect(search.hasMetric([named('late')])).toBe(false);
  use('b', 'latest', 3_000);
  expect(search.hasMetric([named('latest')])).toBe(true);
  catalogue.prune(2_000);
  expect(search.hasMetric([named('latest')])).toBe(true);
  expect(search.hasMetric([named('load')])).toBe(false);
});

it('weighs hosts without label sets less', async () => {
  const { search, find } = fleet();
  await find(named('load'));
  expect(search.known([named('load')]).weight).toBe(3 / 4);
});
