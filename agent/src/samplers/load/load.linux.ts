/** Load averages from /proc/loadavg. */
import type { Sampler } from '../sampler.ts';
import { parseLoad } from './load.ts';

export const loadSampler: Sampler = {
  name: 'load',
  metrics: ['node_load1', 'node_load5', 'node_load15'],
  sample(host, readings) {
    const load = parseLoad(host.read('/proc/loadavg').toString());
    readings.add('node_load1', load.over1Minute);
    readings.add('node_load5', load.over5Minutes);
    readings.add('node_load15', load.over15Minutes);
  },
};
