/** Clocks that the kernel could take and does take its time from: /sys/devices/system/clocksource. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { listIfPresent, readFact } from '../files.ts';
import { words } from '../parse.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/devices/system/clocksource';
const PREFIX = 'clocksource';

export function clocksourceSampler(clock: Clock): Sampler {
  const names = remembered(clock, (host) => listIfPresent(host, FOLDER, /^clocksource[0-9]+$/));
  return {
    name: 'clocksource',
    metrics: ['node_time_clocksource_available_info', 'node_time_clocksource_current_info'],
    sample(host, readings) {
      for (const name of names(host)) {
        const device = name.slice(PREFIX.length);
        for (const clock of words(readFact(host, `${FOLDER}/${name}/available_clocksource`))) {
          readings.addFacts('node_time_clocksource_available_info', [clock, device]);
        }
        const current = readFact(host, `${FOLDER}/${name}/current_clocksource`);
        if (current !== '') readings.addFacts('node_time_clocksource_current_info', [current, device]);
      }
    },
  };
}
