/** Memory from /proc/meminfo (MemAvailable since Linux 3.14). */
import { isMetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { MEMORY_METRICS } from '@rollcall/shared/catalogue/memory.ts';
import type { Sampler } from '../sampler.ts';
import { parseMemory } from './memory.ts';

export const memorySampler: Sampler = {
  name: 'memory',
  metrics: Object.keys(MEMORY_METRICS).filter(isMetricName),
  sample(host, readings) {
    parseMemory(host.read('/proc/meminfo').toString('latin1'), (metric, value) => {
      if (metric === undefined) readings.dropUnknown();
      else readings.add(metric, value);
    });
  },
};
