/**
 * Kernel and host names from uname(2), as they were at most a minute ago; the NIS domain name, which Node.js does not tell,
 * from /proc/sys/kernel.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';

export function unameSampler(clock: Clock): Sampler {
  const facts = remembered(clock, (host) => {
    const domainname = host.readOnce('/proc/sys/kernel/domainname').toString().trim();
    const { machine, nodename, release, sysname, version } = host.kernelNames();
    return [domainname, machine, nodename, release, sysname, version];
  });
  return {
    name: 'uname',
    metrics: ['node_uname_info'],
    sample(host, readings) {
      readings.addFacts('node_uname_info', facts(host));
    },
  };
}
