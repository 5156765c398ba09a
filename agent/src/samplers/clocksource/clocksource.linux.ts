/** Clocks that the kernel could take and does take its time from: /sys/devices/system/clocksource. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../../host/host.ts';
import { listIfPresent, readFact } from '../files.ts';
import { words } from '../parse.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/devices/system/clocksource';
const PREFIX = 'clocksource';

interface ClockSource {
  readonly device: string;
  readonly available: readonly string[];
  /** Empty when it could not be read. */
  readonly current: string;
}

export function clocksourceSampler(clock: Clock): Sampler {
  const sources = remembered(clock, readSources);
  return {
    name: 'clocksource',
    metrics: ['node_time_clocksource_available_info', 'node_time_clocksource_current_info'],
    sample(host, readings) {
      for (const { device, available, current } of sources(host)) {
        for (const name of available) {
          readings.addFacts('node_time_clocksource_available_info', [name, device]);
        }
        if (current !== '') readings.addFacts('node_time_clocksource_current_info', [current, device]);
      }
    },
  };
}

function readSources(host: Host): readonly ClockSource[] {
  return listIfPresent(host, FOLDER, /^clocksource[0-9]+$/).map((name) => ({
    device: name.slice(PREFIX.length),
    available: words(readFact(host, `${FOLDER}/${name}/available_clocksource`)),
    current: readFact(host, `${FOLDER}/${name}/current_clocksource`),
  }));
}
