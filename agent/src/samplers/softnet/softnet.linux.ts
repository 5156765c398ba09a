/** What each processor did with packets from /proc/net/softnet_stat. The counters have 32 bits and wrap. */
import type { Sampler } from '../sampler.ts';
import { parseSoftnet, SOFTNET_METRICS } from './softnet.ts';

export const softnetSampler: Sampler = {
  name: 'softnet',
  metrics: SOFTNET_METRICS,
  sample(host, readings) {
    for (const { cpu, values } of parseSoftnet(host.read('/proc/net/softnet_stat'))) {
      for (const { metric, value } of values) readings.add(metric, value, cpu);
    }
  },
};
