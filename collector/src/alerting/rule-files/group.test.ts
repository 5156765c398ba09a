import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Labels } from '../../storage/labels.ts';
import type { SeriesSamples } from '../../storage/moment-batch.ts';
import { GroupEvaluator } from './group.ts';
import { parseRuleFile } from './rule-file.ts';

const MINUTE = 60_000;

interface World {
  readonly group: GroupEvaluator;
  readonly stored: SeriesSamples[];
  /** Result of every query; an error is thrown. */
  answer: Readonly<Record<string, number>> | AppError;
}

function evaluator(rules: string): World {
  const [group] = parseRuleFile(`groups: [{name: g, rules: [${rules}]}]`, 'g.yml');
  if (group === undefined) throw new Error('no group');
  const stored: SeriesSamples[] = [];
  const world: World = {
    stored,
    answer: {},
    group: new GroupEvaluator(group, {
      query: async () => {
        const { answer } = world;
        if (answer instanceof AppError) throw answer;
        return Object.entries(answer).map(([i, value]) => ({ labels: Labels.of({ i }), value }));
      },
      append: async (series) => void stored.push(...series.slice()),
    }),
  };
  return world;
}

describe('GroupEvaluator', () => {
  it('waits, fires, keeps firing and ends', async () => {
    const world = evaluator('{alert: A, expr: up, for: 1m, keep_firing_for: 2m}');
    const states: (string | undefined)[] = [];
    for (const [i, value] of [1, 1, null, null, null, 1, null, 1].entries()) {
      world.answer = value === null ? {} : { a: value };
      await world.group.evaluate(i * MINUTE);
      states.push(world.group.activeAlerts('A')[0]?.state);
    }
    // A pending alert whose condition ends is gone at once, a firing one after two minutes.
    expect(states).toEqual([
      'pending',
      'firing',
      'firing',
      'firing',
      undefined,
      'pending',
      undefined,
      'pending',
    ]);
  });

  it('stores its state as series and ends those that are gone', async () => {
    const world = evaluator('{alert: A, expr: up}');
    world.answer = { a: 1 };
    await world.group.evaluate(90_000);
    expect(world.stored.map(({ labels, samples }) => `${labels.toString()} ${samples[0]?.value}`)).toEqual([
      'ALERTS{alertname="A", alertstate="firing", i="a"} 1',
      'ALERTS_FOR_STATE{alertname="A", i="a"} 90',
    ]);
    world.stored.length = 0;
    world.answer = {};
    await world.group.evaluate(120_000);
    expect(world.stored.map(({ samples }) => samples)).toEqual([
      [{ timeMs: 120_000, value: NaN, isStale: true }],
      [{ timeMs: 120_000, value: NaN, isStale: true }],
    ]);
  });

  it('keeps its alerts when an evaluation fails, and goes on with the other rules', async () => {
    const world = evaluator('{alert: A, expr: up}, {record: r, expr: up}');
    world.answer = { a: 1 };
    await world.group.evaluate(0);
    world.answer = new AppError('QUERY_TIMEOUT', 'too slow');
    const failures = await world.group.evaluate(MINUTE);
    expect(failures.map(({ rule, reason }) => `${rule.name}: ${reason.message}`)).toEqual([
      'A: too slow',
      'r: too slow',
    ]);
    expect(world.group.activeAlerts('A')).toHaveLength(1);
  });

  it('does not let the texts of an alert ask without end', async () => {
    const asks = Array.from({ length: 25 }, (_, i) => `{{ query "q${i}" | first | value }}`).join('');
    const world = evaluator(`{alert: A, expr: up, annotations: {s: '${asks}'}}`);
    world.answer = { a: 1 };
    expect((await world.group.evaluate(0))[0]?.reason.message).toMatch(/more than 20 queries/);
  });
});
