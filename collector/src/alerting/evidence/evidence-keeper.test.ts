import { describe, expect, it } from 'vitest';
import type { InventoryChangeSet } from '../../api/types.ts';
import { openState } from '../../state/state.ts';
import { Labels } from '../../storage/labels.ts';
import type { EvaluatedSeries, EvaluateRangePort } from '../ports.ts';
import { hang, World } from '../testing/world.ts';

const SIGNAL = new AbortController().signal;
const DAY_MS = 86_400_000;

/** Two points of each object, one at the beginning of the hour and one at its end. */
const twoPoints: EvaluateRangePort = (_expression, { startMs, endMs }) =>
  Promise.resolve(
    ['web-2', 'web-1'].map((instance) => series(instance, [startMs, endMs], [0.123456789, Number.NaN])),
  );

function series(instance: string, timestamps: number[], values: number[]): EvaluatedSeries {
  return {
    labels: Labels.of({ __name__: 'used', instance, mountpoint: '/var' }),
    timestamps: Float64Array.from(timestamps),
    values: Float64Array.from(values),
  };
}

function changeSet(atMs: number, count = 1): InventoryChangeSet {
  const change = {
    kind: 'changed',
    path: ['packages', 'nginx'],
    before: '1\u202e.26',
    after: { a: 'x'.repeat(500) },
  } as const;
  return {
    section: 'software',
    atMs,
    previousMs: 0,
    changes: Array.from({ length: count }, () => change),
    omitted: 0,
  };
}

function open(options: ConstructorParameters<typeof World>[0] = {}) {
  const asked: { readonly expression: string; readonly spanMs: number }[] = [];
  const world = new World({
    changesOf: () => [changeSet(world.clock.wallMs()), changeSet(world.clock.wallMs() - 2 * DAY_MS)],
    ...options,
    evaluateRange: (expression, span, signal) => {
      asked.push({ expression, spanMs: span.endMs - span.startMs });
      return (options.evaluateRange ?? twoPoints)(expression, span, signal);
    },
  });
  const alerting = world.createAlerting();
  world.setHost('web-1', 'up');
  world.raise.set('web-1 /var', 0.95);
  const first = () => {
    const [incident] = alerting.incidents.list({ status: 'all', hostId: null, limit: 1 });
    return incident === undefined ? undefined : alerting.incidents.get(incident.id);
  };
  return { world, alerting, asked, first };
}

describe('the evidence of an incident', () => {
  it('is the curve of this object and what changed on its host', async () => {
    const { world, alerting, asked, first } = open();
    alerting.start();
    await world.clock.advance(10);
    // What stands for the condition in these tests is a selector.
    expect(asked).toEqual([{ expression: 'raise{instance="web-1"}', spanMs: 59 * 60_000 }]);
    const evidence = first()?.evidence;
    expect(evidence?.history).toMatchObject({ expression: 'raise{instance="web-1"}', stepMs: 60_000 });
    const { history, changes } = evidence ?? {};
    expect(
      history !== undefined && 'values' in history ? history.values.filter((v) => v !== null) : [],
    ).toEqual([0.123457]);
    expect(changes).toMatchObject([
      { section: 'software', what: 'packages › nginx', kind: 'changed', before: '1.26' },
    ]);
    expect(JSON.stringify(changes).length).toBeLessThan(400);
    expect(world.counters.sum('rollcall_alerting_evidence_total', { outcome: 'taken' })).toBe(1);
    await alerting.stop();
  });

  it('has the busiest programs of that minute', async () => {
    const spans: number[] = [];
    const told = { atMs: 5, spanMs: 60_000, programs: [] };
    const { world, alerting, first } = open({
      processesOf: (hostId, { fromMs, toMs }) => {
        spans.push(world.clock.wallMs() - fromMs, toMs - world.clock.wallMs());
        return hostId === '' ? undefined : told;
      },
    });
    alerting.start();
    await world.clock.advance(10);
    expect(first()?.evidence?.processes).toEqual(told);
    expect(spans).toEqual([600_000, 60_000]);
    await alerting.stop();
  });

  it.each([
    ['told nothing', () => undefined, 'not under strain'],
    [
      'cannot be read',
      () => {
        throw new Error('disk I/O error');
      },
      'disk I/O error',
    ],
  ])('says so when the host %s', async (_what, processesOf, problem) => {
    const { world, alerting, first } = open({ processesOf });
    alerting.start();
    await world.clock.advance(10);
    expect(first()?.evidence?.processes).toEqual({ problem: expect.stringContaining(problem) });
    expect(first()?.evidence?.changes).toHaveLength(1);
    await alerting.stop();
  });

  it('is read when it was stored before there were programs in it', async () => {
    const state = openState(':memory:');
    const { world, alerting, first } = open({ state });
    alerting.start();
    await world.clock.advance(10);
    state.connection.exec(`UPDATE incident_evidence SET content = json_remove(content, '$.processes')`);
    expect(first()?.evidence).toMatchObject({ processes: null, changes: [{ section: 'software' }] });
    await alerting.stop();
  });

  it('is bounded', async () => {
    const { world, alerting, first } = open({
      changesOf: () => Array.from({ length: 5 }, () => changeSet(world.clock.wallMs(), 1_000)),
      evaluateRange: (_expression, { startMs }) => {
        const times = Array.from({ length: 1_000 }, (_, i) => startMs - 60_000 + i * 60_000);
        return Promise.resolve([series('web-1', times, times)]);
      },
    });
    alerting.start();
    await world.clock.advance(10);
    const { history, changes } = first()?.evidence ?? {};
    expect(history).toMatchObject({ values: { length: 60 } });
    expect(changes).toHaveLength(30);
    await alerting.stop();
  });

  it.each([
    ['fails', () => Promise.reject(new Error('too many series')), 'too many series'],
    [
      'finds nothing',
      () => Promise.resolve([series('web-2', [1], [1])]),
      'there is no sample in the hour before',
    ],
  ])('says so when the query %s', async (_what, evaluateRange, problem) => {
    const { world, alerting, first } = open({ evaluateRange });
    alerting.start();
    await world.clock.advance(10);
    expect(first()?.evidence?.history).toEqual({ problem });
    expect(first()?.evidence?.changes).toHaveLength(1);
    expect(world.hook.received).toHaveLength(1);
    await alerting.stop();
  });

  it('is given up when the query hangs, and the page has long gone out', async () => {
    const { world, alerting, first } = open({ evaluateRange: (_expression, _span, signal) => hang(signal) });
    alerting.start();
    await world.clock.advance(100);
    expect(world.hook.received).toHaveLength(1);
    expect(first()?.evidence).toBeNull();
    await world.clock.advance(10_000);
    expect(first()?.evidence?.history).toMatchObject({
      problem: expect.stringContaining('no result within'),
    });
    await alerting.stop();
  });

  it('is waited for by a message, but not long', async () => {
    const { world, alerting, first } = open({ evaluateRange: (_expression, _span, signal) => hang(signal) });
    alerting.start();
    await world.clock.advance(10);
    const waiting = alerting.evidenceOf(first()?.id ?? '', SIGNAL);
    await world.clock.advance(2_000);
    expect(await waiting).toBeNull();
    await alerting.stop();
  });

  it('is taken after a restart when the run before did not get to it', async () => {
    const state = openState(':memory:');
    const { world, alerting, first } = open({
      state,
      evaluateRange: (_expression, _span, signal) => hang(signal),
    });
    alerting.start();
    await world.clock.advance(10);
    await alerting.stop();
    expect(first()?.evidence).toBeNull();
    const later = open({ state });
    later.alerting.start();
    await later.world.clock.advance(10);
    expect(later.first()?.evidence?.history).toMatchObject({ stepMs: 60_000 });
    await later.alerting.stop();
  });

  it('is not taken of more incidents than may wait, and says so', async () => {
    const { world, alerting } = open({ limits: { evidenceQueueMax: 3, evidenceConcurrency: 1 } });
    for (let i = 0; i < 10; i++) world.raise.set(`web-1 /disk${i}`, 0.95);
    alerting.start();
    await world.clock.advance(100);
    const problems = alerting.incidents
      .list({ status: 'open', hostId: null, limit: 100 })
      .map(({ id }) => JSON.stringify(alerting.incidents.get(id)?.evidence?.history));
    expect(problems).toHaveLength(11);
    expect(problems.filter((text) => text.includes('more than 3 incidents opened at once'))).toHaveLength(8);
    await alerting.stop();
  });
});
