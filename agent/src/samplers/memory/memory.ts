/** Parses /proc/meminfo. Source: proc_meminfo(5). */
import { MEMORY_METRICS } from '@rollcall/shared/catalogue/memory.ts';
import { ParseError, parseNumber } from '../parse.ts';

export type MemoryMetric = keyof typeof MEMORY_METRICS;

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

/** What a line says; `metric` is undefined when the catalogue does not know the key. */
export interface MemoryValue {
  readonly metric: MemoryMetric | undefined;
  readonly value: number;
}

/**
 * The value of a line of /proc/meminfo: a key, a colon, spaces, a number, and `kB` (which means KiB) unless things are counted.
 * @param from where the line begins in `text`, and `end` where its line break stands
 * @throws ParseError when the line is something else
 */
export function parseMemory(text: string, from: number, end: number): MemoryValue {
  const colon = text.indexOf(':', from);
  if (colon <= from || colon >= end || colon - from > KEY_LENGTH_MAX) {
    throw new ParseError(
      `parse /proc/meminfo: ${JSON.stringify(text.slice(from, Math.min(end, from + 80)))}`,
    );
  }
  const isKib = text.startsWith(KIB_SUFFIX, end - KIB_SUFFIX.length);
  const number = text.slice(colon + 1, isKib ? end - KIB_SUFFIX.length : end).trim();
  const value = parseNumber(number, '/proc/meminfo');
  const key = text.slice(from, colon);
  return isKib
    ? { metric: BYTES_BY_KEY.get(key), value: value * KIB }
    : { metric: COUNT_BY_KEY.get(key), value };
}

function isMemoryMetric(name: string): name is MemoryMetric {
  return Object.hasOwn(MEMORY_METRICS, name);
}
