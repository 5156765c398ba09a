/** Disk counters from /proc/diskstats. */
import type { Sampler } from '../sampler.ts';
import { DISK_METRICS, parseDisk } from './disk.ts';

const PATH = '/proc/diskstats';

export const diskSampler: Sampler = {
  name: 'disk',
  metrics: DISK_METRICS,
  sample(host, readings) {
    const text = host.read(PATH).toString();
    readings.addLines(PATH, text, (from, end) => {
      const disk = parseDisk(text.slice(from, end));
      if (disk === undefined) return;
      for (const { metric, value } of disk.values) readings.add(metric, value, disk.device);
    });
  },
};
