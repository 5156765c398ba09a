/** Neighbours in the ARP table from /proc/net/arp. */
import { readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { parseArp } from './arp.ts';

export const arpSampler: Sampler = {
  name: 'arp',
  metrics: ['node_arp_entries'],
  sample(host, readings) {
    const bytes = readIfPresent(host, '/proc/net/arp');
    if (bytes === undefined) return;
    for (const [device, count] of parseArp(bytes)) readings.add('node_arp_entries', count, device);
  },
};
