/** Parses /proc/meminfo. Source: proc_meminfo(5). */
import { MEMORY_METRICS } from '@rollcall/shared/catalogue/memory.ts';
import { ParseError, parseNumber } from '../parse.ts';

export type MemoryMetric = keyof typeof MEMORY_METRICS;

/** One line; `metric` is undefined when the catalogue does not know the key. */
export interface MemoryValue {
  readonly metric: MemoryMetric | undefined;
  readonly value: number;
}

/** A key, its number, and `kB` (which means KiB) unless things are counted. */
const LINE = /^([^:]{1,64}):\s*([0-9]+)( kB)?\s*$/;
const KIB = 1024;

/** The kernel's keys, `kB` included, to metrics: `Active(anon)kB` is `node_memory_Active_anon_bytes`. */
const METRIC_BY_KEY: ReadonlyMap<string, MemoryMetric> = new Map(
  Object.keys(MEMORY_METRICS)
    .filter(isMemoryMetric)
    .map((metric) => {
      const key = metric.slice('node_memory_'.length).replace(/_(anon|file)(?=_bytes$)/, '($1)');
      return [key.endsWith('_bytes') ? `${key.slice(0, -'_bytes'.length)}kB` : key, metric];
    }),
);

/**
 * The values of /proc/meminfo in its order.
 * @throws ParseError when a line is not `key: number` or there is none
 */
export function parseMemory(text: string): readonly MemoryValue[] {
  const result: MemoryValue[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const match = LINE.exec(line);
    if (match === null) throw new ParseError(`parse /proc/meminfo: ${JSON.stringify(line.slice(0, 80))}`);
    const isKib = match[3] !== undefined;
    const value = parseNumber(match[2], '/proc/meminfo') * (isKib ? KIB : 1);
    result.push({ metric: METRIC_BY_KEY.get(`${match[1] ?? ''}${isKib ? 'kB' : ''}`), value });
  }
  if (result.length === 0) throw new ParseError('parse /proc/meminfo: it is empty');
  return result;
}

function isMemoryMetric(name: string): name is MemoryMetric {
  return Object.hasOwn(MEMORY_METRICS, name);
}
