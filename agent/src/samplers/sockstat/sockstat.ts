/** Parses /proc/net/sockstat and sockstat6. Source: proc_pid_net(5), net/ipv4/proc.c of Linux. */
import { SOCKSTAT_METRICS } from '@rollcall/shared/catalogue/sockets.ts';
import { lines, ParseError, parseNumber } from '../parse.ts';

export type SockstatMetric = keyof typeof SOCKSTAT_METRICS;

function isSockstatMetric(name: string): name is SockstatMetric {
  return Object.hasOwn(SOCKSTAT_METRICS, name);
}

const ALL = Object.keys(SOCKSTAT_METRICS).filter(isSockstatMetric);
export const SOCKSTAT6_METRICS = ALL.filter((metric) => /6_/.test(metric));
export const SOCKSTAT4_METRICS = ALL.filter((metric) => !/6_/.test(metric));

export interface SockstatValue {
  readonly metric: SockstatMetric;
  readonly value: number;
}

interface Row {
  readonly metric: SockstatMetric;
  /** The same in bytes, for memory in pages. */
  readonly inBytes: SockstatMetric | undefined;
}

/** By what the kernel writes: `TCP:`, then `inuse`. */
const ROWS = new Map<string, Map<string, Row>>();
for (const metric of ALL) {
  const [, , protocol = '', name = ''] = metric.split('_');
  const inBytes = `${metric}_bytes`;
  const names = ROWS.get(`${protocol}:`) ?? new Map<string, Row>();
  // The metric in bytes is no name of the kernel; it comes behind the one in pages.
  if (!names.has(name)) names.set(name, { metric, inBytes: isSockstatMetric(inBytes) ? inBytes : undefined });
  ROWS.set(`${protocol}:`, names);
}

/**
 * The values of lines such as `TCP: inuse 2 orphan 0 mem 3`. Memory in pages is also given in bytes when the size of a
 * page is known. Names that the catalogue does not have are left out.
 * @throws ParseError when there is none, or a line is not made of pairs
 */
export function parseSockstat(bytes: Buffer, pageBytes: number | undefined): readonly SockstatValue[] {
  const values: SockstatValue[] = [];
  for (const line of lines(bytes)) {
    const pairs = line.split(' ');
    const heading = pairs[0] ?? '';
    if (!heading.endsWith(':') || pairs.length % 2 === 0) {
      throw new ParseError(`parse /proc/net/sockstat: ${JSON.stringify(line.slice(0, 80))}`);
    }
    const names = ROWS.get(heading);
    if (names === undefined) continue;
    for (let i = 1; i < pairs.length; i += 2) {
      const row = names.get(pairs[i] ?? '');
      if (row === undefined) continue;
      const value = parseNumber(pairs[i + 1], '/proc/net/sockstat');
      values.push({ metric: row.metric, value });
      if (row.inBytes !== undefined && pageBytes !== undefined) {
        values.push({ metric: row.inBytes, value: value * pageBytes });
      }
    }
  }
  if (values.length === 0) throw new ParseError('parse /proc/net/sockstat: none of the values known');
  return values;
}

const AT_PAGESZ = 6n;
const ENTRY_BYTES = 16;
const VALUE_OFFSET = 8;

/**
 * Size of a page of memory from /proc/self/auxv: pairs of 64-bit words. Source: getauxval(3).
 * @returns undefined on a 32-bit or big-endian machine, where the pairs look different
 */
export function parsePageBytes(bytes: Buffer): number | undefined {
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    if (bytes.readBigUInt64LE(at) === AT_PAGESZ) return Number(bytes.readBigUInt64LE(at + VALUE_OFFSET));
  }
  return undefined;
}
