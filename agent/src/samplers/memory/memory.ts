/** Parses /proc/meminfo. Source: proc_meminfo(5). */
import { MEMORY_METRICS } from '@rollcall/shared/catalogue/memory.ts';
import { ParseError, parseNumbers } from '../parse.ts';

export type MemoryMetric = keyof typeof MEMORY_METRICS;

/** One line; `metric` is undefined when the catalogue does not know the key. */
export interface MemoryValue {
  readonly metric: MemoryMetric | undefined;
  readonly value: number;
}

/** Longer keys are none of the kernel's. */
const KEY_LENGTH_MAX = 64;
const KIB_SUFFIX = ' kB';
const KIB = 1024;

const BYTES_SUFFIX = '_bytes';
/** The kernel's keys of lines in `kB` to metrics: `Active(anon)` is `node_memory_Active_anon_bytes`. */
const BYTES_BY_KEY = metricsByKey((name) => name.endsWith(BYTES_SUFFIX));
/** Those of lines that count things. */
const COUNT_BY_KEY = metricsByKey((name) => !name.endsWith(BYTES_SUFFIX));

function metricsByKey(isMeant: (name: string) => boolean): ReadonlyMap<string, MemoryMetric> {
  const metrics = Object.keys(MEMORY_METRICS).filter(isMemoryMetric).filter(isMeant);
  return new Map(metrics.map((metric) => [keyOf(metric), metric]));
}

function keyOf(metric: MemoryMetric): string {
  const name = metric.slice('node_memory_'.length).replace(/_(anon|file)(?=_bytes$)/, '($1)');
  return name.endsWith(BYTES_SUFFIX) ? name.slice(0, -BYTES_SUFFIX.length) : name;
}

/**
 * The values of /proc/meminfo in its order.
 * @throws ParseError when a line is not `key: number` or there is none
 */
export function parseMemory(text: string): readonly MemoryValue[] {
  const result: MemoryValue[] = [];
  for (let from = 0; from < text.length;) {
    const newline = text.indexOf('\n', from);
    const end = newline === -1 ? text.length : newline;
    if (end > from) result.push(parseLine(text, from, end));
    from = end + 1;
  }
  if (result.length === 0) throw new ParseError('parse /proc/meminfo: it is empty');
  return result;
}

/** A key, a colon, spaces, a number, and `kB` (which means KiB) unless things are counted. */
function parseLine(text: string, from: number, end: number): MemoryValue {
  const colon = text.indexOf(':', from);
  if (colon <= from || colon >= end || colon - from > KEY_LENGTH_MAX) {
    throw new ParseError(
      `parse /proc/meminfo: ${JSON.stringify(text.slice(from, Math.min(end, from + 80)))}`,
    );
  }
  const isKib = text.startsWith(KIB_SUFFIX, end - KIB_SUFFIX.length);
  const numbers = { from: colon + 1, end: isKib ? end - KIB_SUFFIX.length : end, what: '/proc/meminfo' };
  const [value, ...others] = parseNumbers(text, numbers);
  if (value === undefined || others.length > 0)
    throw new ParseError(
      `parse /proc/meminfo: ${JSON.stringify(text.slice(from, Math.min(end, from + 80)))}`,
    );
  const key = text.slice(from, colon);
  return isKib
    ? { metric: BYTES_BY_KEY.get(key), value: value * KIB }
    : { metric: COUNT_BY_KEY.get(key), value };
}

function isMemoryMetric(name: string): name is MemoryMetric {
  return Object.hasOwn(MEMORY_METRICS, name);
}
