/** Our incidents and rules in the shapes of Prometheus' `/alerts` and `/rules`. */
import type { RulesView } from '../../alerting/pipeline.ts';
import type { GroupStep } from '../../alerting/rules/book.ts';
import type { LoadedRule } from '../../alerting/rules/load.ts';
import { alertLabels, type Rule } from '../../alerting/rules/rule.ts';
import type { Incident } from '../types.ts';
import type { ActiveAlert, AlertingRule, RecordingRule, RuleGroup } from './rules.ts';

/** What a rule about presence says, as far as PromQL can. */
const PRESENCE_QUERY = 'rollcall_host_state{state="down"} == 1';
/** What comes closest to it; that hosts vanished within one window is no query. */
const OUTAGE_QUERY = 'count(rollcall_host_state{state=~"suspect|down"} == 1) > 0';

/** Open incidents as firing alerts, and before them what is pending. */
export function activeAlerts(view: RulesView, incidents: readonly Incident[]): readonly ActiveAlert[] {
  return rulesOf(view).flatMap((rule) => alertsOf(rule, view, incidents));
}

/** The collector's own rules as one group, then the groups of the rule files. */
export function ruleGroups(
  view: RulesView,
  { incidents, intervalMs }: { readonly incidents: readonly Incident[]; readonly intervalMs: number },
): readonly RuleGroup[] {
  const own: RuleGroup = {
    name: 'rollcall-stock',
    file: 'built-in',
    intervalMs,
    limit: 0,
    ...timingOf(
      view,
      view.book.rules.map(({ rule }) => rule.id),
    ),
    rules: view.book.rules.map((loaded) => alertingRule(loaded, view, incidents)),
  };
  const ofFiles = view.book.groups.map((group): RuleGroup => ({
    name: group.name,
    file: group.file,
    intervalMs: group.intervalMs,
    limit: group.limit,
    ...timingOf(
      view,
      group.steps.map(({ id }) => id),
    ),
    rules: group.steps.map((step) => ruleOfStep(step, view, incidents)),
  }));
  return [own, ...ofFiles];
}

function rulesOf({ book }: RulesView): readonly LoadedRule[] {
  const steps = book.groups.flatMap(({ steps }) => steps);
  return [...book.rules, ...steps.flatMap((step) => (step.kind === 'alerting' ? [step.loaded] : []))];
}

function ruleOfStep(
  step: GroupStep,
  view: RulesView,
  incidents: readonly Incident[],
): AlertingRule | RecordingRule {
  if (step.kind === 'alerting') return alertingRule(step.loaded, view, incidents);
  const labels = Object.fromEntries(step.rule.labels.map(({ name, source }) => [name, source]));
  return {
    kind: 'recording',
    name: step.rule.name,
    query: step.rule.expr,
    labels,
    ...stateOf(view, step.id),
  };
}

function alertingRule(loaded: LoadedRule, view: RulesView, incidents: readonly Incident[]): AlertingRule {
  const { rule } = loaded;
  const alerts = alertsOf(loaded, view, incidents);
  const isFiring = alerts.some(({ state }) => state === 'firing');
  return {
    kind: 'alerting',
    name: rule.name,
    query: queryOf(rule),
    labels: rule.source === 'file' ? textsOf(rule.labelTexts) : { ...rule.labels, severity: rule.severity },
    annotations:
      rule.source === 'file'
        ? textsOf(rule.annotations)
        : { summary: rule.title, description: rule.description },
    state: isFiring ? 'firing' : alerts.length > 0 ? 'pending' : 'inactive',
    forMs: rule.forMs,
    keepFiringForMs: rule.source === 'file' ? rule.keepFiringForMs : 0,
    alerts,
    ...stateOf(view, rule.id),
  };
}

function queryOf(rule: Rule): string {
  switch (rule.source) {
    case 'presence':
      return PRESENCE_QUERY;
    case 'outage':
      return OUTAGE_QUERY;
    case 'expression':
      return rule.raise;
    case 'file':
      return rule.expr;
  }
}

function alertsOf(
  { rule }: LoadedRule,
  view: RulesView,
  incidents: readonly Incident[],
): readonly ActiveAlert[] {
  const byId = new Map(incidents.map((incident) => [incident.id, incident]));
  return view.instancesOf(rule.id).map((instance) => {
    const incident = instance.phase === 'firing' ? byId.get(instance.incidentId) : undefined;
    return {
      labels: incident?.labels ?? alertLabels(rule, instance.subject.labels),
      annotations: incident === undefined ? {} : textsOfIncident(incident),
      state: instance.phase,
      activeAtMs: instance.sinceMs,
      // What is pending has been seen, and nobody kept the value; what fires without one is a state, which is 1.
      value: instance.phase === 'pending' ? NaN : (incident?.value ?? 1),
    };
  });
}

/** As annotations, of which Prometheus has no empty ones. */
function textsOfIncident({ title, description }: Incident): Record<string, string> {
  return { summary: title, ...(description === '' ? {} : { description }) };
}

function textsOf(
  texts: readonly { readonly name: string; readonly source: string }[],
): Record<string, string> {
  return Object.fromEntries(texts.map(({ name, source }) => [name, source]));
}

function stateOf(view: RulesView, id: string) {
  const health = view.healthOf(id);
  return {
    health: health === undefined ? 'unknown' : health.error === null ? 'ok' : 'err',
    ...(health === undefined || health.error === null ? {} : { lastError: health.error }),
    evaluationMs: health?.durationMs ?? 0,
    lastEvaluationMs: health?.evaluatedMs,
  } as const;
}

function timingOf(view: RulesView, ids: readonly string[]) {
  const known = ids.map((id) => view.healthOf(id)).filter((health) => health !== undefined);
  return {
    evaluationMs: known.reduce((sum, { durationMs }) => sum + durationMs, 0),
    lastEvaluationMs:
      known.length === 0 ? undefined : Math.max(...known.map(({ evaluatedMs }) => evaluatedMs)),
  };
}
