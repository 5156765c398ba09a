import { describe, expect, it } from 'vitest';
import type { HostState } from '../../api/types.ts';
import { Labels } from '../../storage/labels.ts';
import { PATTERN_LENGTH_MAX } from '../../storage/matcher.ts';
import { DISK_FULL } from '../testing/world.ts';
import type { HostPresence } from '../ports.ts';
import type { FiringInstance } from './instance.ts';
import { indexHosts, observeExpression, type Observation } from './observe.ts';
import { instanceKey, type ExpressionRule } from './rule.ts';

const NOW = 1_000_000;

function host(name: string, state: HostState = 'up', dataAgeMs = 0): HostPresence {
  return { id: `id-${name}`, name, state, sinceMs: 0, newestDataMs: NOW - dataAgeMs };
}

function firing(labels: Readonly<Record<string, string>>, of: HostPresence | null): FiringInstance {
  const set = Labels.of(labels);
  return {
    phase: 'firing',
    subject: { key: instanceKey('DiskFull', set, of?.id ?? null), labels: set, host: of },
    sinceMs: 0,
    incidentId: 'i-1',
    goneSinceMonoMs: null,
  };
}

type Results = Partial<
  Record<'raise' | 'suspects' | 'clear' | 'exists' | 'witness', readonly Record<string, string>[]>
>;

async function observe(
  results: Results,
  hosts: readonly HostPresence[],
  instances: readonly FiringInstance[] = [],
  rule: ExpressionRule = DISK_FULL,
): Promise<Observation & { readonly queries: readonly string[] }> {
  const queries: string[] = [];
  const observation = await observeExpression(rule, {
    hosts: indexHosts(hosts),
    instances,
    nowMs: NOW,
    limits: { dataAgeMsMax: 120_000, suspectHostsMax: 2 },
    query: async (expression) => {
      queries.push(expression);
      const found = Object.entries(results).find(([name]) => name === expression)?.[1] ?? [];
      return found.map((labels, i) => ({ labels: Labels.of(labels), value: i }));
    },
  });
  return { ...observation, queries };
}

describe('observeExpression', () => {
  it('asks one question while nothing is wrong, and the others only when something is watched', async () => {
    expect((await observe({}, [host('a')])).queries).toEqual(['raise']);
    const watched = firing({ instance: 'a' }, host('a'));
    expect((await observe({}, [host('a')], [watched])).queries).toEqual([
      'raise',
      'clear',
      'exists',
      'witness',
    ]);
    expect((await observe({}, [host('a', 'down')], [watched])).queries).toEqual(['raise']);
  });

  it('asks hosts under suspicion alone, nobody without one, and the whole fleet when there are many', async () => {
    const rule: ExpressionRule = { ...DISK_FULL, suspects: 'suspects' };
    const hosts = ['a.b', 'c', 'd'].map((name) => host(name));
    const queries = async (...names: readonly string[]) => {
      const suspects = names.map((instance) => ({ instance }));
      return (await observe({ suspects, raise: [{ instance: 'c' }] }, hosts, [], rule)).queries;
    };
    expect(await queries()).toEqual(['suspects']);
    expect(await queries('a.b', 'a.b', 'c')).toEqual(['suspects', String.raw`raise{instance=~"a\\.b|c"}`]);
    expect(await queries('a.b', 'c', 'd')).toEqual(['suspects', 'raise']);
    expect(await queries('a'.repeat(PATTERN_LENGTH_MAX), 'c')).toEqual(['suspects', 'raise']);
  });

  it('counts label sets that differ only in the metric name or come twice once', async () => {
    const raise = [{ __name__: 'x', instance: 'a' }, { instance: 'a' }, { instance: 'a' }];
    expect((await observe({ raise }, [host('a')])).raised.size).toBe(1);
  });

  it('knows a host by its id after it was renamed', async () => {
    const before = firing({ instance: 'old', mountpoint: '/' }, host('old'));
    const renamed: HostPresence = { ...host('old'), name: 'new' };
    const raised = await observe({ raise: [{ instance: 'new', mountpoint: '/' }] }, [renamed], [before]);
    expect([...raised.raised.keys()]).toEqual([before.subject.key]);
    const clear = await observe({ clear: [{ instance: 'new', mountpoint: '/' }] }, [renamed], [before]);
    expect(clear.sights.get(before.subject.key)).toEqual({ kind: 'cleared', value: 0 });
    const gone = await observe({ witness: [{ instance: 'new' }] }, [renamed], [before]);
    expect(gone.sights.get(before.subject.key)).toEqual({ kind: 'gone' });
  });

  it('prefers raised to cleared, and cleared to gone', async () => {
    const watched = firing({ instance: 'a' }, host('a'));
    const labels = [{ instance: 'a' }];
    const both = await observe({ raise: labels, clear: labels, witness: labels }, [host('a')], [watched]);
    expect(both.raised.size).toBe(1);
    expect(both.sights.size).toBe(0);
    const cleared = await observe({ clear: labels, witness: labels }, [host('a')], [watched]);
    expect(cleared.sights.get(watched.subject.key)?.kind).toBe('cleared');
  });

  it('judges what belongs to no host by the results alone', async () => {
    const site = firing({ site: 'x' }, null);
    expect((await observe({ raise: [{ site: 'x' }] }, [])).raised.size).toBe(1);
    expect((await observe({ clear: [{ site: 'x' }] }, [], [site])).sights.get(site.subject.key)?.kind).toBe(
      'cleared',
    );
    expect((await observe({}, [], [site])).sights.size).toBe(0);
    const gone = await observe({ witness: [{}] }, [], [site]);
    expect(gone.sights.get(site.subject.key)?.kind).toBe('gone');
  });
});

describe('instanceKey', () => {
  it('differs by rule, labels and host, and not by the name of a known host', () => {
    const a = Labels.of({ instance: 'a', mountpoint: '/' });
    const b = Labels.of({ instance: 'b', mountpoint: '/' });
    const keys = [
      instanceKey('R', a, null),
      instanceKey('R', b, null),
      instanceKey('S', a, null),
      instanceKey('R', a, '1'),
      instanceKey('R', a, '2'),
      instanceKey('R', a.omit(new Set(['mountpoint'])), '1'),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(instanceKey('R', a, '1')).toBe(instanceKey('R', b, '1'));
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  });
});
