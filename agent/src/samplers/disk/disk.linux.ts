/** Disk counters from /proc/diskstats. */
import type { Sampler } from '../sampler.ts';
import { DISK_METRICS, parseDisks } from './disk.ts';

const PATH = '/proc/diskstats';

export const diskSampler: Sampler = {
  name: 'disk',
  metrics: DISK_METRICS,
  sample(host, readings) {
    readings.addFrom(PATH, host.read(PATH), (bytes) => {
      for (const { device, values } of parseDisks(bytes.toString())) {
        for (const { metric, value } of values) readings.add(metric, value, device);
      }
    });
  },
};
