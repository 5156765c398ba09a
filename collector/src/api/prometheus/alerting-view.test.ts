import { describe, expect, it } from 'vitest';
import { stockRules } from '../../alerting/rules/stock.ts';
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
  deliveries: [],
};

describe('alerting for Prometheus clients', () => {
  it('shows open incidents as firing alerts', () => {
    expect(activeAlerts([DOWN])).toEqual([
      {
        labels: DOWN.labels,
        annotations: { summary: 'web-1 is down', description: 'silent' },
        state: 'firing',
        activeAtMs: 5_000,
        value: 1,
      },
    ]);
  });

  it('shows every rule, with the alerts of the one that fired them', () => {
    const [group] = ruleGroups(stockRules(), { incidents: [DOWN], intervalMs: 5_000, evaluatedMs: 7_000 });
    const shown = group?.rules.map((rule) => [
      rule.name,
      rule.health,
      rule.kind === 'alerting' && rule.state,
    ]);
    expect(shown).toEqual([
      ['HostDown', 'ok', 'firing'],
      ['FilesystemAlmostFull', 'ok', 'inactive'],
    ]);
  });

  it('knows nothing of their health before the first evaluation', () => {
    const [group] = ruleGroups(stockRules(), { incidents: [], intervalMs: 5_000, evaluatedMs: null });
    expect(new Set(group?.rules.map(({ health }) => health))).toEqual(new Set(['unknown']));
  });
});
