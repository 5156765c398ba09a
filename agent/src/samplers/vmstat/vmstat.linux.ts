/** Paging and kills for lack of memory from /proc/vmstat (oom_kill since Linux 4.13). */
import type { Sampler } from '../sampler.ts';
import { parseVmstat, VMSTAT_METRICS } from './vmstat.ts';

export const vmstatSampler: Sampler = {
  name: 'vmstat',
  metrics: VMSTAT_METRICS,
  sample(host, readings) {
    for (const { metric, value } of parseVmstat(host.read('/proc/vmstat').toString('latin1'))) {
      readings.add(metric, value);
    }
  },
};
