/** Parses files below /sys/class/net. Source: Documentation/ABI/testing/sysfs-class-net of Linux. */
import { ParseError, parseHexadecimal, parseInteger } from '../parse.ts';

/** Bytes per second in one megabit per second. */
const BYTES_PER_MEGABIT = 125_000;
const UNKNOWN_SPEED = 2 ** 32 - 1;
const LOOPBACK = 772;

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
