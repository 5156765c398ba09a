/** Temperatures and cooling of the kernel's thermal zones: /sys/class/thermal. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { addNumberFile, listIfPresent, readFact } from '../files.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/class/thermal';
const MILLIDEGREES_PER_DEGREE = 1_000;

export function thermalSampler(clock: Clock): Sampler {
  const zones = remembered(clock, (host) => listIfPresent(host, FOLDER, /^thermal_zone[0-9]+$/));
  const devices = remembered(clock, (host) => listIfPresent(host, FOLDER, /^cooling_device[0-9]+$/));
  return {
    name: 'thermal',
    metrics: ['node_thermal_zone_temp', 'node_cooling_device_cur_state', 'node_cooling_device_max_state'],
    sample(host, readings) {
      const source = { host, readings };
      for (const name of zones(host)) {
        const labels = [readFact(host, `${FOLDER}/${name}/type`), name.slice('thermal_zone'.length)];
        const row = { metric: 'node_thermal_zone_temp', per: MILLIDEGREES_PER_DEGREE } as const;
        addNumberFile(source, `${FOLDER}/${name}/temp`, row, labels);
      }
      for (const name of devices(host)) {
        const folder = `${FOLDER}/${name}`;
        const labels = [name.slice('cooling_device'.length), readFact(host, `${folder}/type`)];
        addNumberFile(source, `${folder}/cur_state`, { metric: 'node_cooling_device_cur_state' }, labels);
        addNumberFile(source, `${folder}/max_state`, { metric: 'node_cooling_device_max_state' }, labels);
      }
    },
  };
}
