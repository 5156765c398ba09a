/** What each processor did with packets from /proc/net/softnet_stat. The counters have 32 bits and wrap. */
import { ParseError } from '../parse.ts';
import type { Sampler } from '../sampler.ts';
import { parseSoftnet, SOFTNET_METRICS } from './softnet.ts';

const PATH = '/proc/net/softnet_stat';

export const softnetSampler: Sampler = {
  name: 'softnet',
  metrics: SOFTNET_METRICS,
  sample(host, readings) {
    const text = host.read(PATH).toString('latin1');
    const count = readings.addLines(PATH, text, (from, end, line) => {
      const { cpu, values } = parseSoftnet(text.slice(from, end), line);
      for (const { metric, value } of values) readings.add(metric, value, cpu);
    });
    if (count === 0) throw new ParseError('parse /proc/net/softnet_stat: it is empty');
  },
};
