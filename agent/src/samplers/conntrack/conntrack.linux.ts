/**
 * Connections that the firewall tracks: /proc/sys/net/netfilter and /proc/net/stat/nf_conntrack, which are there while
 * the module is loaded.
 */
import { addNumberFile, attempt, readIfPresent, type NumberFile } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { CONNTRACK_STAT_METRICS, parseConntrack } from './conntrack.ts';

const FILES: readonly NumberFile[] = [
  { metric: 'node_nf_conntrack_entries', file: '/proc/sys/net/netfilter/nf_conntrack_count' },
  { metric: 'node_nf_conntrack_entries_limit', file: '/proc/sys/net/netfilter/nf_conntrack_max' },
];

export const conntrackSampler: Sampler = {
  name: 'conntrack',
  metrics: [...FILES.map(({ metric }) => metric), ...CONNTRACK_STAT_METRICS],
  sample(host, readings) {
    for (const each of FILES) addNumberFile({ host, readings }, each.file, each, []);
    attempt(readings, CONNTRACK_STAT_METRICS, [], () => {
      const bytes = readIfPresent(host, '/proc/net/stat/nf_conntrack');
      if (bytes === undefined) return;
      for (const { metric, value } of parseConntrack(bytes)) readings.add(metric, value);
    });
  },
};
