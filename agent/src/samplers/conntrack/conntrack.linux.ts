/**
 * Connections that the firewall tracks: /proc/sys/net/netfilter and /proc/net/stat/nf_conntrack, which are there while
 * the module is loaded.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { addNumberFile, attempt, readIfPresent, rememberedNumbers, type NumberFile } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { CONNTRACK_STAT_METRICS, parseConntrack } from './conntrack.ts';

const PATH = '/proc/net/stat/nf_conntrack';

const ENTRIES: NumberFile = {
  metric: 'node_nf_conntrack_entries',
  file: '/proc/sys/net/netfilter/nf_conntrack_count',
};
const LIMIT: NumberFile = {
  metric: 'node_nf_conntrack_entries_limit',
  file: '/proc/sys/net/netfilter/nf_conntrack_max',
};

export function conntrackSampler(clock: Clock): Sampler {
  const addLimit = rememberedNumbers(clock, [LIMIT]);
  return {
    name: 'conntrack',
    metrics: [ENTRIES.metric, LIMIT.metric, ...CONNTRACK_STAT_METRICS],
    sample(host, readings) {
      addNumberFile({ host, readings }, ENTRIES.file, ENTRIES, []);
      addLimit(host, readings);
      attempt(readings, CONNTRACK_STAT_METRICS, [], () => {
        const bytes = readIfPresent(host, PATH);
        if (bytes === undefined) return;
        readings.addFrom(PATH, bytes, () => {
          for (const { metric, value } of parseConntrack(bytes)) readings.add(metric, value);
        });
      });
    },
  };
}
