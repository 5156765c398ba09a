/** Interrupts, context switches, forks, tasks and boot time from /proc/stat. */
import type { Sampler } from '../sampler.ts';
import { parseStat, STAT_METRICS } from './stat.ts';
import { StatFile } from './stat-file.ts';

/** @param file that the sampler of processors has read in the same tick */
export function statSampler(file = new StatFile()): Sampler {
  return {
    name: 'stat',
    metrics: STAT_METRICS,
    sample(host, readings) {
      for (const { metric, value } of parseStat(file.readAfter(host))) readings.add(metric, value);
    },
  };
}
