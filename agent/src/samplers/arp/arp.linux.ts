/** Neighbours in the ARP table from /proc/net/arp. */
import { readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { parseArp } from './arp.ts';

const PATH = '/proc/net/arp';

export const arpSampler: Sampler = {
  name: 'arp',
  metrics: ['node_arp_entries'],
  sample(host, readings) {
    const bytes = readIfPresent(host, PATH);
    if (bytes === undefined) return;
    readings.addFrom(PATH, bytes, () => {
      for (const [device, count] of parseArp(bytes)) readings.add('node_arp_entries', count, device);
    });
  },
};
