/** Bytes that wait in the queues of UDP sockets from /proc/net/udp and, with IPv6, /proc/net/udp6. */
import { sampleErrorCode } from '../failure.ts';
import { readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { parseUdpQueues } from './udp.ts';

const SOURCES = [
  { path: '/proc/net/udp', ip: 'v4' },
  { path: '/proc/net/udp6', ip: 'v6' },
] as const;

export const udpSampler: Sampler = {
  name: 'udp',
  metrics: ['node_udp_queues'],
  sample(host, readings) {
    for (const { path, ip } of SOURCES) {
      try {
        const bytes = readIfPresent(host, path);
        if (bytes === undefined) continue;
        readings.addFrom(path, bytes, () => {
          const { receive, send } = parseUdpQueues(bytes, path);
          readings.add('node_udp_queues', receive, ip, 'rx');
          readings.add('node_udp_queues', send, ip, 'tx');
        });
      } catch (error) {
        const code = sampleErrorCode(error);
        readings.fail('node_udp_queues', code, ip, 'rx');
        readings.fail('node_udp_queues', code, ip, 'tx');
      }
    }
  },
};
