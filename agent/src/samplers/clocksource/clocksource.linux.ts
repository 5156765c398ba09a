/** Clocks that the kernel could take and does take its time from: /sys/devices/system/clocksource. */
import { listIfPresent, readFact } from '../files.ts';
import { words } from '../parse.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/devices/system/clocksource';
const PREFIX = 'clocksource';

export const clocksourceSampler: Sampler = {
  name: 'clocksource',
  metrics: ['node_time_clocksource_available_info', 'node_time_clocksource_current_info'],
  sample(host, readings) {
    for (const name of listIfPresent(host, FOLDER, /^clocksource[0-9]+$/)) {
      const device = name.slice(PREFIX.length);
      for (const clock of words(readFact(host, `${FOLDER}/${name}/available_clocksource`))) {
        readings.addFacts('node_time_clocksource_available_info', [clock, device]);
      }
      const current = readFact(host, `${FOLDER}/${name}/current_clocksource`);
      if (current !== '') readings.addFacts('node_time_clocksource_current_info', [current, device]);
    }
  },
};
