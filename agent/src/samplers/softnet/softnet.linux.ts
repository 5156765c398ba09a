/** What each processor did with packets from /proc/net/softnet_stat. The counters have 32 bits and wrap. */
import type { Sampler } from '../sampler.ts';
import { parseSoftnet, SOFTNET_METRICS } from './softnet.ts';

const PATH = '/proc/net/softnet_stat';

export const softnetSampler: Sampler = {
  name: 'softnet',
  metrics: SOFTNET_METRICS,
  sample(host, readings) {
    readings.addFrom(PATH, host.read(PATH), (bytes) => {
      for (const { cpu, values } of parseSoftnet(bytes)) {
        for (const { metric, value } of values) readings.add(metric, value, cpu);
      }
    });
  },
};
