/** What the kernel has counted for the sockets between the fleet and the collector. */
import { spawnSync } from 'node:child_process';

/** IP and TCP headers with timestamps (RFC 791, RFC 9293, RFC 7323). */
const HEADER_BYTES = 20 + 20 + 12;
/** TCP payload of a packet on Ethernet; loopback has packets of 64 KiB. */
const SEGMENT_BYTES = 1_448;

const FIELDS = ['bytes_sent', 'bytes_received', 'segs_out', 'segs_in'] as const;

/**
 * Bytes of IP that all open connections to the port have carried so far, both ways and with every acknowledgement of TCP.
 * Large segments count as the packets that they would be on Ethernet. Source: ss(8), tcp_info of the kernel.
 */
export function wireBytesTo(url: string): number {
  const { stdout } = spawnSync('ss', ['-Htin', `dport = :${new URL(url).port}`], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const sum = Object.fromEntries(FIELDS.map((name) => [name, sumOf(stdout, name)]));
  const payloadBytes = (sum['bytes_sent'] ?? 0) + (sum['bytes_received'] ?? 0);
  const segments = (sum['segs_out'] ?? 0) + (sum['segs_in'] ?? 0);
  return payloadBytes + HEADER_BYTES * (segments + payloadBytes / SEGMENT_BYTES);
}

function sumOf(text: string, name: string): number {
  return [...text.matchAll(new RegExp(`\\b${name}:(\\d+)`, 'g'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}
