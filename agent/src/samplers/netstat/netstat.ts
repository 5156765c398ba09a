/** Parses /proc/net/snmp, /proc/net/netstat and /proc/net/snmp6. Source: proc_pid_net(5), RFC 1213. */
import { NETSTAT_METRICS } from '@rollcall/shared/catalogue/sockets.ts';
import { ParseError, parseKeyed, parseNumber } from '../parse.ts';

export type NetstatMetric = keyof typeof NETSTAT_METRICS;

export interface NetstatValue {
  readonly metric: NetstatMetric;
  readonly value: number;
}

const PREFIX = 'node_netstat_';

function isNetstatMetric(name: string): name is NetstatMetric {
  return Object.hasOwn(NETSTAT_METRICS, name);
}

const ALL = Object.keys(NETSTAT_METRICS).filter(isNetstatMetric);

/** The file that a metric stands in, by its protocol. */
function metricsOf(protocol: RegExp): readonly NetstatMetric[] {
  return ALL.filter((metric) => protocol.test(metric.slice(PREFIX.length)));
}

export const SNMP_METRICS = metricsOf(/^(Ip|Icmp|Tcp|Udp|UdpLite)_/);
export const NETSTAT_FILE_METRICS = metricsOf(/^(TcpExt|IpExt)_/);
export const SNMP6_METRICS = metricsOf(/^[A-Za-z]+6_/);

/** Which words of a line of numbers are wanted; kept while the line of names stays the same. */
interface Columns {
  readonly names: string;
  readonly wanted: readonly { readonly index: number; readonly metric: NetstatMetric }[];
}

/**
 * Reads files made of pairs of lines: `Tcp: name name …`, then `Tcp: number number …`. The names are looked up once, not
 * in each tick. One per file.
 */
export class PairedLines {
  readonly #what: string;
  readonly #columns = new Map<string, Columns>();

  /** @param what the file, for messages */
  constructor(what: string) {
    this.#what = what;
  }

  /**
   * The values in the order of the file.
   * @throws ParseError when the lines do not pair, or there is none
   */
  parse(text: string): readonly NetstatValue[] {
    const values: NetstatValue[] = [];
    let from = 0;
    while (from < text.length) {
      const namesEnd = endOfLine(text, from);
      const numbersEnd = endOfLine(text, namesEnd + 1);
      const colon = text.indexOf(': ', from);
      const protocol = text.slice(from, colon);
      const numbersFrom = namesEnd + 1 + protocol.length + 2;
      if (colon === -1 || colon > namesEnd || !text.startsWith(`${protocol}: `, namesEnd + 1)) {
        throw new ParseError(`parse ${this.#what}: ${JSON.stringify(text.slice(from, from + 80))}`);
      }
      const wanted = this.#wanted(protocol, text.slice(colon + 2, namesEnd));
      if (wanted.length > 0) this.#pick(wanted, text.slice(numbersFrom, numbersEnd), values);
      from = numbersEnd + 1;
    }
    if (values.length === 0) throw new ParseError(`parse ${this.#what}: none of the values known`);
    return values;
  }

  #wanted(protocol: string, names: string): Columns['wanted'] {
    const known = this.#columns.get(protocol);
    if (known?.names === names) return known.wanted;
    const wanted = names.split(' ').flatMap((name, index) => {
      const metric = `${PREFIX}${protocol}_${name}`;
      return isNetstatMetric(metric) ? [{ index, metric }] : [];
    });
    this.#columns.set(protocol, { names, wanted });
    return wanted;
  }

  /** Walks over the numbers up to the last one wanted. */
  #pick(wanted: Columns['wanted'], numbers: string, values: NetstatValue[]): void {
    let word = 0;
    let from = 0;
    for (const { index, metric } of wanted) {
      while (word < index) {
        const space = numbers.indexOf(' ', from);
        if (space === -1) throw new ParseError(`parse ${this.#what}: no number for ${metric}`);
        from = space + 1;
        word += 1;
      }
      const space = numbers.indexOf(' ', from);
      const number = numbers.slice(from, space === -1 ? numbers.length : space);
      values.push({ metric, value: parseNumber(number, this.#what) });
    }
  }
}

function endOfLine(text: string, from: number): number {
  const newline = text.indexOf('\n', from);
  return newline === -1 ? text.length : newline;
}

/** `Udp6InErrors` is `node_netstat_Udp6_InErrors`. */
const SNMP6_KEYS: ReadonlyMap<string, NetstatMetric> = new Map(
  SNMP6_METRICS.map((metric) => [metric.slice(PREFIX.length).replace('_', ''), metric]),
);

/**
 * The values of /proc/net/snmp6, which has one a line.
 * @throws ParseError when there is none, or one is not a number
 */
export function parseSnmp6(text: string): readonly NetstatValue[] {
  const values = parseKeyed(text, SNMP6_KEYS, '/proc/net/snmp6');
  if (values.length === 0) throw new ParseError('parse /proc/net/snmp6: none of the values known');
  return values;
}
