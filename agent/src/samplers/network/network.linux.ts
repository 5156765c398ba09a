/**
 * Network counters from /proc/net/dev, one file for all devices. Of a host with very many devices the later ones are told
 * in brief, and the last ones not at all. What else the kernel knows of a device is in `link`.
 */
import type { Sampler } from '../sampler.ts';
import { DETAILED_DEVICES_MAX, DEVICES_MAX, NETWORK_COUNTERS, parseNetworkDevices } from './network.ts';

const ALL = NETWORK_COUNTERS.map((metric, column) => ({ metric, column }));
/** What is told of devices beyond DETAILED_DEVICES_MAX. */
const BRIEF = ALL.filter(({ metric }) => /_(bytes|packets|errs|drop)_total$/.test(metric));

export const networkSampler: Sampler = {
  name: 'network',
  metrics: NETWORK_COUNTERS,
  sample(host, readings) {
    const devices = parseNetworkDevices(host.read('/proc/net/dev').toString());
    devices.slice(0, DEVICES_MAX).forEach(({ device, counters }, place) => {
      const told = place < DETAILED_DEVICES_MAX ? ALL : BRIEF;
      told.forEach(({ metric, column }) => readings.add(metric, counters[column] ?? Number.NaN, device));
    });
    readings.dropOverLimit(Math.max(0, devices.length - DEVICES_MAX) * BRIEF.length);
  },
};
