/** Memory from /proc/meminfo (MemAvailable since Linux 3.14). */
import { isMetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { MEMORY_METRICS } from '@rollcall/shared/catalogue/memory.ts';
import { ParseError } from '../parse.ts';
import type { Sampler } from '../sampler.ts';
import { parseMemory } from './memory.ts';

const PATH = '/proc/meminfo';

export const memorySampler: Sampler = {
  name: 'memory',
  metrics: Object.keys(MEMORY_METRICS).filter(isMetricName),
  sample(host, readings) {
    const text = host.read(PATH).toString('latin1');
    const count = readings.addLines(PATH, text, (from, end) => {
      if (from === end) return;
      const { metric, value } = parseMemory(text, from, end);
      if (metric === undefined) readings.dropUnknown();
      else readings.add(metric, value);
    });
    if (count === 0) throw new ParseError('parse /proc/meminfo: it is empty');
  },
};
