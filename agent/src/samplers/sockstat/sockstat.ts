/** Parses /proc/net/sockstat and sockstat6. Source: proc_pid_net(5), net/ipv4/proc.c of Linux. */
import { SOCKSTAT_METRICS } from '@rollcall/shared/catalogue/sockets.ts';
import { lines, ParseError, parseNumber, words } from '../parse.ts';

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

/**
 * The values of lines such as `TCP: inuse 2 orphan 0 mem 3`. Memory in pages is also given in bytes when the size of a
 * page is known. Names that the catalogue does not have are left out.
 * @throws ParseError when there is none, or a line is not made of pairs
 */
export function parseSockstat(bytes: Buffer, pageBytes: number | undefined): readonly SockstatValue[] {
  const values: SockstatValue[] = [];
  for (const line of lines(bytes)) {
    const [heading = '', ...pairs] = words(line);
    if (!/^[A-Za-z0-9]+:$/.test(heading) || pairs.length % 2 !== 0) {
      throw new ParseError(`parse /proc/net/sockstat: ${JSON.stringify(line.slice(0, 80))}`);
    }
    for (let i = 0; i < pairs.length; i += 2) {
      const metric = `node_sockstat_${heading.slice(0, -1)}_${pairs[i]}`;
      if (!isSockstatMetric(metric)) continue;
      const value = parseNumber(pairs[i + 1], '/proc/net/sockstat');
      values.push({ metric, value });
      const inBytes = `${metric}_bytes`;
      if (isSockstatMetric(inBytes) && pageBytes !== undefined) {
        values.push({ metric: inBytes, value: value * pageBytes });
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
