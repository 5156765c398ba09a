/** Parses /proc/net/dev. Source: proc_pid_net(5). */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import { ParseError, parseNumbers } from '../parse.ts';

/** The kernel's columns in its order: received, then sent. */
export const NETWORK_COUNTERS = [
  'node_network_receive_bytes_total',
  'node_network_receive_packets_total',
  'node_network_receive_errs_total',
  'node_network_receive_drop_total',
  'node_network_receive_fifo_total',
  'node_network_receive_frame_total',
  'node_network_receive_compressed_total',
  'node_network_receive_multicast_total',
  'node_network_transmit_bytes_total',
  'node_network_transmit_packets_total',
  'node_network_transmit_errs_total',
  'node_network_transmit_drop_total',
  'node_network_transmit_fifo_total',
  'node_network_transmit_colls_total',
  'node_network_transmit_carrier_total',
  'node_network_transmit_compressed_total',
] as const satisfies readonly MetricWithLabels<1>[];

/** Devices that everything is told of; the kernel lists them as they were made, those of the hardware first. */
export const DETAILED_DEVICES_MAX = 48;
/** Devices that anything is told of: hosts of very many containers have two for each. */
export const DEVICES_MAX = 200;
/** Lines before the first device. */
export const HEADING_LINES = 2;

export interface NetworkDevice {
  readonly device: string;
  /** One per NETWORK_COUNTERS. */
  readonly counters: readonly number[];
}

/**
 * The network devices of /proc/net/dev in its order. None is a valid answer.
 * @throws ParseError
 */
export function parseNetworkDevices(text: string): readonly NetworkDevice[] {
  checkHeadings(text);
  return text
    .split('\n')
    .slice(HEADING_LINES)
    .filter((line) => line !== '')
    .map(parseNetworkDevice);
}

/** That the text begins with the two lines of headings. @throws ParseError */
export function checkHeadings(text: string): void {
  const first = text.indexOf('\n');
  const second = first === -1 ? -1 : text.indexOf('\n', first + 1);
  const bytes = text.indexOf('|bytes', first);
  if (second === -1 || bytes === -1 || bytes > second) {
    throw new ParseError('parse /proc/net/dev: the two lines of headings are missing');
  }
}

/**
 * One line below the headings. A name may hold colons (`eth0:1`), the numbers do not, and may follow the colon without a space.
 * @throws ParseError
 */
export function parseNetworkDevice(line: string): NetworkDevice {
  const colon = line.lastIndexOf(':');
  const device = line.slice(0, Math.max(0, colon)).trim();
  const counters = parseNumbers(line, { from: colon + 1, end: line.length, what: '/proc/net/dev' });
  if (device === '' || counters.length !== NETWORK_COUNTERS.length) {
    throw new ParseError(`parse /proc/net/dev: ${JSON.stringify(line.slice(0, 80))}`);
  }
  return { device, counters };
}
