/** Kernel and host names from uname(2); the NIS domain name, which Node.js does not tell, from /proc/sys/kernel. */
import type { Sampler } from '../sampler.ts';

export const unameSampler: Sampler = {
  name: 'uname',
  metrics: ['node_uname_info'],
  sample(host, readings) {
    const domainname = host.read('/proc/sys/kernel/domainname').toString().trim();
    const { machine, nodename, release, sysname, version } = host.kernelNames();
    readings.addFacts('node_uname_info', [domainname, machine, nodename, release, sysname, version]);
  },
};
