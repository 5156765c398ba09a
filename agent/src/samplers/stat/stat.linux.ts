/** Interrupts, context switches, forks, tasks and boot time from /proc/stat. */
import type { Sampler } from '../sampler.ts';
import { parseStat, STAT_METRICS } from './stat.ts';

export const statSampler: Sampler = {
  name: 'stat',
  metrics: STAT_METRICS,
  sample(host, readings) {
    for (const { metric, value } of parseStat(host.read('/proc/stat').toString()))
      readings.add(metric, value);
  },
};
