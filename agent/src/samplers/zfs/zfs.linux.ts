/** The cache of ZFS from /proc/spl/kstat/zfs/arcstats, which is there while the module is loaded. */
import { readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { parseArcStats, ZFS_CACHE_METRICS } from './zfs.ts';

const PATH = '/proc/spl/kstat/zfs/arcstats';

export const zfsSampler: Sampler = {
  name: 'zfs',
  metrics: ZFS_CACHE_METRICS,
  sample(host, readings) {
    const bytes = readIfPresent(host, PATH);
    if (bytes === undefined) return;
    readings.addFrom(PATH, bytes, () => {
      for (const { metric, value } of parseArcStats(bytes.toString('latin1'))) readings.add(metric, value);
    });
  },
};
