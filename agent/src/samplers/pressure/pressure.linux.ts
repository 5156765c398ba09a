/** Time that tasks waited for resources from /proc/pressure (since Linux 4.20; irq since 6.1). */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import { attempt, readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { parsePressure } from './pressure.ts';

interface Resource {
  readonly name: string;
  readonly waiting: MetricWithLabels<0> | undefined;
  /** undefined where the number means nothing: one processor is never short of all. */
  readonly stalled: MetricWithLabels<0> | undefined;
}

const RESOURCES: readonly Resource[] = [
  { name: 'cpu', waiting: 'node_pressure_cpu_waiting_seconds_total', stalled: undefined },
  {
    name: 'io',
    waiting: 'node_pressure_io_waiting_seconds_total',
    stalled: 'node_pressure_io_stalled_seconds_total',
  },
  {
    name: 'memory',
    waiting: 'node_pressure_memory_waiting_seconds_total',
    stalled: 'node_pressure_memory_stalled_seconds_total',
  },
  { name: 'irq', waiting: undefined, stalled: 'node_pressure_irq_stalled_seconds_total' },
];

function metricsOf({ waiting, stalled }: Resource): MetricWithLabels<0>[] {
  return [waiting, stalled].filter((metric) => metric !== undefined);
}

export const pressureSampler: Sampler = {
  name: 'pressure',
  metrics: RESOURCES.flatMap(metricsOf),
  sample(host, readings) {
    for (const resource of RESOURCES) {
      attempt(readings, metricsOf(resource), [], () => {
        const path = `/proc/pressure/${resource.name}`;
        const bytes = readIfPresent(host, path);
        if (bytes === undefined) return;
        readings.addFrom(path, bytes, () => {
          const { waitingSeconds, stalledSeconds } = parsePressure(bytes.toString('latin1'), path);
          const { waiting, stalled } = resource;
          if (waiting !== undefined && waitingSeconds !== undefined) readings.add(waiting, waitingSeconds);
          if (stalled !== undefined && stalledSeconds !== undefined) readings.add(stalled, stalledSeconds);
        });
      });
    }
  },
};
