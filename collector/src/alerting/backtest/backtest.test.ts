import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { createQueryEngine } from '../../query/query.ts';
import { parseSeries, parseValues } from '../../query/parse/series-notation.ts';
import { openScratchStorage } from '../../storage/open.ts';
import { parseRuleFile } from '../rule-files/rule-file.ts';
import { backtest, BACKTEST_LIMITS } from './backtest.ts';

const MINUTE_MS = 60_000;
const FROM_MS = Date.UTC(2026, 0, 1);

/** What rules would have done with series in promtool's notation, one value a minute. */
async function tryOn(
  series: Readonly<Record<string, string>>,
  rules: string,
  { minutes = 60, fromMs = FROM_MS } = {},
) {
  const storage = openScratchStorage();
  for (const [name, values] of Object.entries(series)) {
    const samples = parseValues(values).flatMap((value, i) =>
      typeof value === 'number' ? [{ timeMs: FROM_MS + i * MINUTE_MS, value }] : [],
    );
    await storage.append([{ labels: parseSeries(name), samples }]);
  }
  const engine = createQueryEngine({ storage, clock: new FakeClock() });
  const groups = parseRuleFile(`groups: [{name: g, rules: [${rules}]}]`, 'r.yml');
  const times = { fromMs, toMs: fromMs + minutes * MINUTE_MS, stepMs: MINUTE_MS };
  return backtest({ groups, ...times }, engine, new AbortController().signal);
}

/** Alerts as `instance start-end`, in minutes. */
async function spans(...parameters: Parameters<typeof tryOn>): Promise<readonly string[]> {
  const { rules } = await tryOn(...parameters);
  const minute = (timeMs: number | null) => (timeMs === null ? '' : (timeMs - FROM_MS) / MINUTE_MS);
  return rules.flatMap(({ alerts }) =>
    alerts.map(({ labels, startMs, endMs }) => `${labels['instance']} ${minute(startMs)}-${minute(endMs)}`),
  );
}

describe('backtest', () => {
  it('finds the alerts with their hold time, and those that go on', async () => {
    const series = {
      'load{instance="a"}': '1x9 9x9 1x9',
      'load{instance="b"}': '1x20 9x40',
      'load{instance="c"}': '1x20 9x2 1x40',
    };
    expect(await spans(series, '{alert: A, expr: load > 5, for: 5m}')).toEqual(['a 15-20', 'b 26-']);
    expect(await spans(series, '{alert: A, expr: load > 5, for: 5m, keep_firing_for: 3m}')).toEqual([
      'a 15-23',
      'b 26-',
    ]);
  });

  it('lets an alert stay between two levels, with which it reads its own state', async () => {
    const series = { 'load{instance="a"}': '4x9 6x9 4x9 2x9', 'load{instance="b"}': '4x40' };
    const rule =
      '{alert: A, expr: "load > 5 or load > 3 and on (instance) ALERTS{alertname=\\"A\\", alertstate=\\"firing\\"}"}';
    expect(await spans(series, rule)).toEqual(['a 10-30']);
  });

  it('computes what the file records, as if it had always been recorded', async () => {
    const series = { 'load{instance="a"}': '1x9 9x9 1x20' };
    const record =
      '{record: "i:load:twice", expr: load * 2}, {record: "i:load:more", expr: "i:load:twice + 1"}';
    expect(await spans(series, `${record}, {alert: A, expr: "i:load:more > 18"}`)).toEqual(['a 10-20']);
    expect(await spans(series, `${record}, {alert: A, expr: "max_over_time(i:load:more[5m]) > 18"}`)).toEqual(
      ['a 10-24'],
    );
    expect(await spans(series, `${record}, {alert: A, expr: "i:load:more offset 10m > 18"}`)).toEqual([
      'a 20-30',
    ]);
    const { rules } = await tryOn(series, `${record}, {alert: A, expr: 'i:load:more{instance="a"} > 18'}`);
    expect(rules[0]?.notes).toEqual([expect.stringMatching(/^reads a part of i:load:more/)]);
  });

  it('estimates pages a week, and tells the values that were seen', async () => {
    const series = { 'load{instance="a"}': '1x9 7 9 8 1x9 7 1x50' };
    const { rules, pagesPerWeek } = await tryOn(
      series,
      '{alert: A, expr: load > 5, labels: {severity: page}}',
      { minutes: 7 * 24 * 6 },
    );
    expect(rules[0]?.alerts[0]).toMatchObject({ valueMin: 7, valueMax: 9, labels: { instance: 'a' } });
    expect(rules[0]).toMatchObject({ severity: 'page', alertCount: 2, perWeek: 20 });
    expect(pagesPerWeek).toBe(20);
  });

  it('goes on over the borders of its queries', async () => {
    const minutes = BACKTEST_LIMITS.stepsPerQuery * 2 + 10;
    const series = { 'load{instance="a"}': `1x9 9x${BACKTEST_LIMITS.stepsPerQuery} 1x600` };
    expect(await spans(series, '{alert: A, expr: load > 5, for: 5m}', { minutes })).toEqual([
      `a 15-${BACKTEST_LIMITS.stepsPerQuery + 11}`,
    ]);
  });

  it('says which rule cannot be evaluated, and tries the others', async () => {
    const series = { 'load{instance="a"}': '9x60', 'load{instance="a",x="1"}': '9x60' };
    const { rules } = await tryOn(
      series,
      '{alert: A, expr: load + on (instance) load > 1}, {alert: B, expr: load > 1}',
    );
    expect(rules.map(({ alertCount }) => alertCount)).toEqual([0, 2]);
    expect(rules[0]?.notes).toEqual([expect.stringMatching(/^cannot be evaluated: /)]);
  });

  it.each([
    [{ fromMs: 2, toMs: 1, stepMs: 1_000 }, 'BAD_REQUEST'],
    [{ fromMs: 1, toMs: 1e6, stepMs: 0 }, 'BAD_REQUEST'],
    [{ fromMs: Number.NaN, toMs: 1, stepMs: 1_000 }, 'BAD_REQUEST'],
    [{ fromMs: 0, toMs: 1e9, stepMs: 1_000 }, 'LIMIT_EXCEEDED'],
  ])('refuses %j', async (times, code) => {
    const groups = parseRuleFile('groups: [{name: g, rules: [{alert: A, expr: up}]}]', 'r.yml');
    const engine = createQueryEngine({ storage: openScratchStorage(), clock: new FakeClock() });
    await expect(backtest({ groups, ...times }, engine, new AbortController().signal)).rejects.toMatchObject({
      code,
    });
  });

  it('ends when nobody waits any more', async () => {
    const groups = parseRuleFile('groups: [{name: g, rules: [{alert: A, expr: up}]}]', 'r.yml');
    const engine = createQueryEngine({ storage: openScratchStorage(), clock: new FakeClock() });
    const times = { fromMs: 0, toMs: 1e6, stepMs: 1_000 };
    await expect(backtest({ groups, ...times }, engine, AbortSignal.abort())).rejects.toThrow(
      /abort|cancel/i,
    );
  });
});
