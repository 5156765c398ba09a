/**
 * Network counters from /proc/net/dev, one file for all devices. Of a host with very many devices the later ones are told
 * in brief, and the last ones not at all. What else the kernel knows of a device is in `link`.
 */
import type { Sampler } from '../sampler.ts';
import { DETAILED_DEVICES_MAX, DEVICES_MAX, NETWORK_COUNTERS, parseNetworkDevices } from './network.ts';

const ALL = [...NETWORK_COUNTERS.keys()];
/** Places of the counters that are told of devices beyond DETAILED_DEVICES_MAX. */
const BRIEF = ALL.filter((i) => /_(bytes|packets|errs|drop)_total$/.test(NETWORK_COUNTERS[i] ?? ''));

export const networkSampler: Sampler = {
  name: 'network',
  metrics: NETWORK_COUNTERS,
  sample(host, readings) {
    const devices = parseNetworkDevices(host.read('/proc/net/dev').toString());
    for (const [place, { device, counters }] of devices.entries()) {
      if (place >= DEVICES_MAX) break;
      for (const i of place < DETAILED_DEVICES_MAX ? ALL : BRIEF) {
        const metric = NETWORK_COUNTERS[i];
        if (metric !== undefined) readings.add(metric, counters[i] ?? Number.NaN, device);
      }
    }
    readings.dropOverLimit(Math.max(0, devices.length - DEVICES_MAX) * BRIEF.length);
  },
};
