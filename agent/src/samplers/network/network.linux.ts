/**
 * Network counters from /proc/net/dev, one file for all devices. Of a host with very many devices the later ones are told
 * in brief, and the last ones not at all. What else the kernel knows of a device is in `link`.
 */
import type { Sampler } from '../sampler.ts';
import {
  checkHeadings,
  DETAILED_DEVICES_MAX,
  DEVICES_MAX,
  HEADING_LINES,
  NETWORK_COUNTERS,
  parseNetworkDevice,
} from './network.ts';

const PATH = '/proc/net/dev';
const ALL = NETWORK_COUNTERS.map((metric, column) => ({ metric, column }));
/** What is told of devices beyond DETAILED_DEVICES_MAX. */
const BRIEF = ALL.filter(({ metric }) => /_(bytes|packets|errs|drop)_total$/.test(metric));

export const networkSampler: Sampler = {
  name: 'network',
  metrics: NETWORK_COUNTERS,
  sample(host, readings) {
    const text = host.read(PATH).toString();
    checkHeadings(text);
    readings.addLines(PATH, text, (from, end, line) => {
      const place = line - HEADING_LINES;
      if (place < 0 || from === end) return;
      if (place >= DEVICES_MAX) {
        readings.dropOverLimit(BRIEF.length);
        return;
      }
      const { device, counters } = parseNetworkDevice(text.slice(from, end));
      for (const { metric, column } of place < DETAILED_DEVICES_MAX ? ALL : BRIEF)
        readings.add(metric, counters[column] ?? Number.NaN, device);
    });
  },
};
