/** Parses /proc/net/dev and files below /sys/class/net. Source: proc_pid_net(5), Documentation/ABI/testing/sysfs-class-net. */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import { ParseError, parseHexadecimal, parseInteger, parseNumber, words } from '../parse.ts';

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

/** Bytes per second in one megabit per second. */
const BYTES_PER_MEGABIT = 125_000;
const UNKNOWN_SPEED = 2 ** 32 - 1;
const LOOPBACK = 772;
const HEADER_LINES = 2;

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
  const lines = text.split('\n');
  if (lines.length <= HEADER_LINES || !(lines[1] ?? '').includes('|bytes')) {
    throw new ParseError('parse /proc/net/dev: the two lines of headings are missing');
  }
  return lines
    .slice(HEADER_LINES)
    .filter((line) => line !== '')
    .map(parseLine);
}

/** A name may hold colons (`eth0:1`), the numbers do not, and may follow the colon without a space. */
function parseLine(line: string): NetworkDevice {
  const colon = line.lastIndexOf(':');
  const device = line.slice(0, Math.max(0, colon)).trim();
  const numbers = words(line.slice(colon + 1));
  if (device === '' || numbers.length !== NETWORK_COUNTERS.length) {
    throw new ParseError(`parse /proc/net/dev: ${JSON.stringify(line.slice(0, 80))}`);
  }
  return { device, counters: numbers.map((number) => parseNumber(number, '/proc/net/dev')) };
}

/**
 * The speed of a link in bytes per second from `speed`, which is in Mbit/s.
 * @returns undefined when the kernel does not know: it says -1, older ones the same as a number without a sign
 * @throws ParseError
 */
export function parseSpeed(bytes: Buffer): number | undefined {
  const megabits = parseInteger(bytes, '/sys/class/net speed');
  return megabits < 0 || megabits === UNKNOWN_SPEED ? undefined : megabits * BYTES_PER_MEGABIT;
}

/** A number written as `0x1003`. @throws ParseError */
export function parseFlags(bytes: Buffer): number {
  const text = bytes.toString('latin1').trim();
  if (!text.startsWith('0x')) throw new ParseError('parse /sys/class/net: a number without 0x');
  return parseHexadecimal(text.slice('0x'.length), '/sys/class/net');
}

/** IFF_UP of netdevice(7): somebody switched the interface on, whether or not it has a link. */
export function isSwitchedOn(flags: number): boolean {
  return flags % 2 === 1;
}

/** ARPHRD_LOOPBACK of if_arp.h. */
export function isLoopback(protocolType: number): boolean {
  return protocolType === LOOPBACK;
}
