/** Time that tasks ran on and waited for each processor from /proc/schedstat (kernels with CONFIG_SCHEDSTATS). */
import { readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { parseSchedstat } from './schedstat.ts';

export const schedstatSampler: Sampler = {
  name: 'schedstat',
  metrics: [
    'node_schedstat_running_seconds_total',
    'node_schedstat_waiting_seconds_total',
    'node_schedstat_timeslices_total',
  ],
  sample(host, readings) {
    const bytes = readIfPresent(host, '/proc/schedstat');
    if (bytes === undefined) return;
    for (const { cpu, runningSeconds, waitingSeconds, timeslices } of parseSchedstat(
      bytes.toString('latin1'),
    )) {
      readings.add('node_schedstat_running_seconds_total', runningSeconds, cpu);
      readings.add('node_schedstat_waiting_seconds_total', waitingSeconds, cpu);
      readings.add('node_schedstat_timeslices_total', timeslices, cpu);
    }
  },
};
