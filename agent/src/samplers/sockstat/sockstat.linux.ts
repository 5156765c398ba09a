/** Sockets in use from /proc/net/sockstat and, with IPv6, /proc/net/sockstat6; size of a page from /proc/self/auxv. */
import { HostError, type Host } from '../../host/host.ts';
import { attempt, readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { parsePageBytes, parseSockstat, SOCKSTAT4_METRICS, SOCKSTAT6_METRICS } from './sockstat.ts';

const SOURCES = [
  { path: '/proc/net/sockstat', metrics: SOCKSTAT4_METRICS },
  { path: '/proc/net/sockstat6', metrics: SOCKSTAT6_METRICS },
] as const;

export function sockstatSampler(): Sampler {
  let pageBytes: number | undefined;
  const readPageBytes = (host: Host): number | undefined => {
    try {
      return parsePageBytes(host.readOnce('/proc/self/auxv'));
    } catch (error) {
      // Without it the memory is told in pages only.
      if (error instanceof HostError) return undefined;
      throw error;
    }
  };
  return {
    name: 'sockstat',
    metrics: SOURCES.flatMap(({ metrics }) => metrics),
    sample(host, readings) {
      pageBytes ??= readPageBytes(host);
      for (const { path, metrics } of SOURCES) {
        attempt(readings, metrics, [], () => {
          const bytes = readIfPresent(host, path);
          if (bytes === undefined) return;
          readings.addFrom(path, bytes, () => {
            for (const { metric, value } of parseSockstat(bytes, pageBytes)) readings.add(metric, value);
          });
        });
      }
    },
  };
}
