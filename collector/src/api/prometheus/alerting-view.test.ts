import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { bookOf } from '../../alerting/rules/book.ts';
import type { RulesView } from '../../alerting/pipeline.ts';
import type { Instance } from '../../alerting/rules/instance.ts';
import { stockRules } from '../../alerting/rules/stock.ts';
import { parseRuleFile } from '../../alerting/rule-files/rule-file.ts';
import type { Incident } from '../types.ts';
import { activeAlerts, ruleGroups } from './alerting-view.ts';

const DOWN: Incident = {
  id: 'i-1',
  rule: 'HostDown',
  kind: 'uptime',
  severity: 'page',
  status: 'open',
  isHeld: true,
  hostId: 'ab',
  hostName: 'web-1',
  title: 'web-1 is down',
  description: 'silent',
  labels: { alertname: 'HostDown', instance: 'web-1' },
  value: null,
  threshold: null,
  openedMs: 5_000,
  resolvedMs: null,
  endReason: null,
  acknowledgement: null,
  deliveries: [],
};

const FILE = `
groups:
- name: web
  interval: 30s
  rules:
  - {record: "a:b", expr: sum(a), labels: {x: "1"}}
  - {alert: Slow, expr: a > 1, for: 1m, labels: {severity: warning}, annotations: {summary: "{{ $value }}"}}
`;

const subject = { key: 'k', labels: Labels.of({ instance: 'web-1' }), host: { id: 'ab', name: 'web-1' } };
const FIRING: Instance = {
  phase: 'firing',
  subject,
  sinceMs: 4_000,
  incidentId: 'i-1',
  goneSinceMonoMs: null,
};
const PENDING: Instance = { phase: 'pending', subject, sinceMs: 3_000, seenMs: 3_500 };

function viewOf(health: ReturnType<RulesView['healthOf']>): RulesView {
  const files = [{ name: 'web.yml', groups: parseRuleFile(FILE, 'web.yml') }];
  const instances: Readonly<Record<string, readonly Instance[]>> = {
    HostDown: [FIRING],
    'web.yml/web/Slow': [PENDING],
  };
  return {
    book: bookOf(stockRules(), files, { intervalMs: 5_000 }),
    healthOf: () => health,
    instancesOf: (id) => instances[id] ?? [],
    problems: [],
  };
}

const GOOD = { error: null, evaluatedMs: 7_000, durationMs: 2 };

describe('alerting for Prometheus clients', () => {
  it('shows what fires with the words of its incident, and what is pending', () => {
    expect(activeAlerts(viewOf(GOOD), [DOWN])).toEqual([
      {
        labels: DOWN.labels,
        annotations: { summary: 'web-1 is down', description: 'silent' },
        state: 'firing',
        activeAtMs: 4_000,
        value: 1,
      },
      {
        labels: { alertname: 'Slow', instance: 'web-1', severity: 'ticket' },
        annotations: {},
        state: 'pending',
        activeAtMs: 3_000,
        // Nobody knows it any more.
        value: NaN,
      },
    ]);
    const [alert] = activeAlerts(viewOf(GOOD), [{ ...DOWN, description: '', value: 7 }]);
    expect(alert).toMatchObject({ annotations: { summary: 'web-1 is down' }, value: 7 });
    expect(alert?.annotations).not.toHaveProperty('description');
  });

  it('shows every group with its rules, their alerts and how they fare', () => {
    const groups = ruleGroups(viewOf(GOOD), { incidents: [DOWN], intervalMs: 5_000 });
    expect(groups.map(({ name, file, intervalMs }) => [name, file, intervalMs])).toEqual([
      ['rollcall-stock', 'built-in', 5_000],
      ['web', 'web.yml', 30_000],
    ]);
    const shown = groups
      .flatMap(({ rules }) => rules)
      .map((rule) => [rule.name, rule.health, rule.kind === 'alerting' && rule.state]);
    expect(shown).toEqual([
      ['HostDown', 'ok', 'firing'],
      ['HostDown', 'ok', 'inactive'],
      ['HostsVanished', 'ok', 'inactive'],
      ['FilesystemAlmostFull', 'ok', 'inactive'],
      ['a:b', 'ok', false],
      ['Slow', 'ok', 'pending'],
    ]);
    expect(groups[1]?.rules[1]).toMatchObject({
      query: 'a > 1',
      labels: { severity: 'warning' },
      annotations: { summary: '{{ $value }}' },
      forMs: 60_000,
    });
    expect(groups[1]).toMatchObject({ evaluationMs: 4, lastEvaluationMs: 7_000 });
  });

  it('says what failed', () => {
    const groups = ruleGroups(viewOf({ ...GOOD, error: 'too slow' }), { incidents: [], intervalMs: 5_000 });
    expect(groups[0]?.rules[0]).toMatchObject({ health: 'err', lastError: 'too slow' });
  });

  it('knows nothing of their health before the first evaluation', () => {
    const [group] = ruleGroups(viewOf(undefined), { incidents: [], intervalMs: 5_000 });
    expect(new Set(group?.rules.map(({ health }) => health))).toEqual(new Set(['unknown']));
    expect(group?.lastEvaluationMs).toBeUndefined();
  });
});
