/** Names of the kernel and the host, where the platform tells all there is. */
import type { Sampler } from '../sampler.ts';

/** What node_exporter says where there is no such domain. */
const NO_DOMAIN = '(none)';

export const plainUnameSampler: Sampler = {
  name: 'uname',
  metrics: ['node_uname_info'],
  sample(host, readings) {
    const { machine, nodename, release, sysname, version } = host.kernelNames();
    readings.addFacts('node_uname_info', [NO_DOMAIN, machine, nodename, release, sysname, version]);
  },
};
