/**
 * TCP sockets by state from /proc/net/tcp and, with IPv6, /proc/net/tcp6. That takes about 1 µs per socket, and the kernel
 * walks over its whole table for each of the two, 5 ms on a machine with 24 GiB and hardly a connection. So it is done once a
 * minute at most, and every 5 minutes where it takes 10 ms; the counts stay the same in between, and \`sockstat\` and \`netstat\`
 * tell meanwhile how many there are. A machine with more than some 25,000 sockets of a kind has too long a file, which is told
 * as a failure.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../../host/host.ts';
import { readIfPresent } from '../files.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { TcpCounts } from './tcp.ts';

const PATHS = ['/proc/net/tcp', '/proc/net/tcp6'] as const;

export function tcpSampler(clock: Clock): Sampler {
  const counted = remembered(clock, countSockets, { restsWhenDear: true });
  return {
    name: 'tcp',
    metrics: ['node_tcp_connection_states'],
    sample(host, readings) {
      const counts = counted(host);
      if (counts === undefined) return;
      for (const [state, count] of counts.entries()) readings.add('node_tcp_connection_states', count, state);
    },
  };
}

/** undefined when the kernel has no TCP. */
function countSockets(host: Host): TcpCounts | undefined {
  const counts = new TcpCounts();
  let isThere = false;
  for (const path of PATHS) {
    const bytes = readIfPresent(host, path);
    if (bytes === undefined) continue;
    counts.add(bytes.toString('latin1'), path);
    isThere = true;
  }
  return isThere ? counts : undefined;
}
