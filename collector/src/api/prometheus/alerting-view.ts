/** Our incidents and rules in the shapes of Prometheus' `/alerts` and `/rules`. */
import type { Rule } from '../../alerting/rules/rule.ts';
import type { Incident } from '../types.ts';
import type { ActiveAlert, RuleGroup } from './rules.ts';

/** What a rule about presence says, as far as PromQL can. */
const PRESENCE_QUERY = 'rollcall_host_state{state="down"} == 1';

/** Open incidents as firing alerts. */
export function activeAlerts(incidents: readonly Incident[]): readonly ActiveAlert[] {
  return incidents.map((incident) => ({
    labels: incident.labels,
    annotations: { summary: incident.title, description: incident.description },
    state: 'firing',
    activeAtMs: incident.openedMs,
    value: incident.value ?? 1,
  }));
}

/** The rules as one group, each with the alerts that it has fired. */
export function ruleGroups(
  rules: readonly Rule[],
  evaluation: {
    readonly incidents: readonly Incident[];
    readonly intervalMs: number;
    /** `null` before the first time. */
    readonly evaluatedMs: number | null;
  },
): readonly RuleGroup[] {
  const lastEvaluationMs = evaluation.evaluatedMs ?? undefined;
  const timing = { evaluationMs: 0, lastEvaluationMs };
  return [
    {
      name: 'rollcall-stock',
      file: 'built-in',
      intervalMs: evaluation.intervalMs,
      limit: 0,
      ...timing,
      rules: rules.map((rule) => {
        const alerts = activeAlerts(evaluation.incidents.filter((incident) => incident.rule === rule.name));
        return {
          kind: 'alerting',
          name: rule.name,
          query: rule.source === 'presence' ? PRESENCE_QUERY : rule.raise,
          labels: { ...rule.labels, severity: rule.severity },
          annotations: { summary: rule.title, description: rule.description },
          health: lastEvaluationMs === undefined ? 'unknown' : 'ok',
          state: alerts.length > 0 ? 'firing' : 'inactive',
          forMs: rule.forMs,
          keepFiringForMs: 0,
          alerts,
          ...timing,
        };
      }),
    },
  ];
}
