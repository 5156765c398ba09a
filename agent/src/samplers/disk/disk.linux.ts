/** Disk counters from /proc/diskstats. */
import type { Sampler } from '../sampler.ts';
import { DISK_METRICS, parseDisks } from './disk.ts';

export const diskSampler: Sampler = {
  name: 'disk',
  metrics: DISK_METRICS,
  sample(host, readings) {
    for (const { device, values } of parseDisks(host.read('/proc/diskstats').toString())) {
      for (const { metric, value } of values) readings.add(metric, value, device);
    }
  },
};
