/**
 * Network counters from /proc/net/dev; state, link, size and speed from /sys/class/net/<device> (nohandler since Linux
 * 4.6).
 */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import { isAbsent, type Host } from '../../host/host.ts';
import { sampleErrorCode } from '../failure.ts';
import { parseNumber } from '../parse.ts';
import type { Readings } from '../readings.ts';
import type { Sampler } from '../sampler.ts';
import { NETWORK_COUNTERS, parseNetworkDevices, parseSpeed } from './network.ts';

/** A value with a file of its own below /sys/class/net/<device>; undefined when the file says that there is none. */
interface Attribute {
  readonly metric: MetricWithLabels<1>;
  readonly file: string;
  readonly parse: (text: string) => number | undefined;
}

function integer(text: string): number {
  return parseNumber(text.trim(), '/sys/class/net');
}

const ATTRIBUTES: readonly Attribute[] = [
  { metric: 'node_network_up', file: 'operstate', parse: (text) => (text.trim() === 'up' ? 1 : 0) },
  { metric: 'node_network_carrier', file: 'carrier', parse: integer },
  { metric: 'node_network_mtu_bytes', file: 'mtu', parse: integer },
  { metric: 'node_network_speed_bytes', file: 'speed', parse: parseSpeed },
  { metric: 'node_network_receive_nohandler_total', file: 'statistics/rx_nohandler', parse: integer },
];

export const networkSampler: Sampler = {
  name: 'network',
  metrics: [...NETWORK_COUNTERS, ...ATTRIBUTES.map(({ metric }) => metric)],
  sample(host, readings) {
    for (const { device, counters } of parseNetworkDevices(host.read('/proc/net/dev').toString())) {
      NETWORK_COUNTERS.forEach((metric, i) => readings.add(metric, counters[i] ?? Number.NaN, device));
      for (const attribute of ATTRIBUTES) readAttribute(host, readings, device, attribute);
    }
  },
};

/** Adds nothing when the device has no such value: an interface that is down has no link and no speed. */
function readAttribute(host: Host, readings: Readings, device: string, attribute: Attribute): void {
  try {
    const value = attribute.parse(host.read(`/sys/class/net/${device}/${attribute.file}`).toString());
    if (value !== undefined) readings.add(attribute.metric, value, device);
  } catch (error) {
    if (!isAbsent(error)) readings.fail(attribute.metric, sampleErrorCode(error), device);
  }
}
