/**
 * Every metric that Rollcall makes, as data. Agents emit nothing else but what text files of their machine say, so a typing
 * error cannot become a metric.
 * Names, labels and types are node_exporter's wherever it has the metric, and cAdvisor's for containers.
 */
import { CONTAINER_METRICS } from './containers.ts';
import { DARWIN_METRICS } from './darwin.ts';
import type { MetricDefinition } from './definition.ts';
import { HARDWARE_METRICS } from './hardware.ts';
import { KERNEL_METRICS } from './kernel.ts';
import { MEMORY_METRICS } from './memory.ts';
import { SELF_METRICS } from './self.ts';
import { SOCKET_METRICS } from './sockets.ts';
import { SYSTEM_METRICS } from './system.ts';
import { WINDOWS_METRICS } from './windows.ts';

export const METRICS = {
  ...SYSTEM_METRICS,
  ...MEMORY_METRICS,
  ...KERNEL_METRICS,
  ...SOCKET_METRICS,
  ...HARDWARE_METRICS,
  ...CONTAINER_METRICS,
  ...SELF_METRICS,
  ...DARWIN_METRICS,
  ...WINDOWS_METRICS,
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;

/** The metrics with exactly this many labels. */
export type MetricWithLabels<Count extends number> = {
  [Name in MetricName]: (typeof METRICS)[Name]['labels']['length'] extends Count ? Name : never;
}[MetricName];

/** Whether the catalogue has a metric of this name. */
export function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}

/** Names of the series in which the alerts of rules stand. */
const RULE_METRICS: ReadonlySet<string> = new Set(['ALERTS', 'ALERTS_FOR_STATE']);

/** Whether only the collector may make samples of this name: an agent that did would speak in its place. */
export function isMadeByCollector(name: string): boolean {
  return RULE_METRICS.has(name) || (isMetricName(name) && METRICS[name].madeBy === 'collector');
}

/** The row of a metric. */
export function metricDefinition(name: MetricName): MetricDefinition {
  return METRICS[name];
}
