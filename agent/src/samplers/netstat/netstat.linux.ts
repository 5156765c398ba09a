/** Counters of IP, ICMP, TCP and UDP from /proc/net/snmp, /proc/net/netstat and, with IPv6, /proc/net/snmp6. */
import { attempt, readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import {
  NETSTAT_FILE_METRICS,
  PairedLines,
  parseSnmp6,
  SNMP6_METRICS,
  SNMP_METRICS,
  type NetstatMetric,
  type NetstatValue,
} from './netstat.ts';

interface Source {
  readonly path: string;
  readonly metrics: readonly NetstatMetric[];
  readonly parse: (text: string) => readonly NetstatValue[];
}

export function netstatSampler(): Sampler {
  const snmp = new PairedLines('/proc/net/snmp');
  const netstat = new PairedLines('/proc/net/netstat');
  const sources: readonly Source[] = [
    { path: '/proc/net/snmp', metrics: SNMP_METRICS, parse: (text) => snmp.parse(text) },
    { path: '/proc/net/netstat', metrics: NETSTAT_FILE_METRICS, parse: (text) => netstat.parse(text) },
    { path: '/proc/net/snmp6', metrics: SNMP6_METRICS, parse: parseSnmp6 },
  ];
  return {
    name: 'netstat',
    metrics: sources.flatMap(({ metrics }) => metrics),
    sample(host, readings) {
      for (const { path, metrics, parse } of sources) {
        attempt(readings, metrics, [], () => {
          const bytes = readIfPresent(host, path);
          if (bytes === undefined) return;
          readings.addFrom(path, bytes, () => {
            for (const { metric, value } of parse(bytes.toString('latin1'))) readings.add(metric, value);
          });
        });
      }
    },
  };
}
