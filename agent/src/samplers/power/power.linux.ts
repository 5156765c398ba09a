/** Mains and batteries from /sys/class/power_supply. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { addNumberFile, listIfPresent, readFact } from '../files.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { POWER_SUPPLY_FACTS, POWER_SUPPLY_FILES } from './power.ts';

const FOLDER = '/sys/class/power_supply';

export function powerSampler(clock: Clock): Sampler {
  const names = remembered(clock, (host) => listIfPresent(host, FOLDER, /./));
  return {
    name: 'power',
    metrics: [...POWER_SUPPLY_FILES.map(({ metric }) => metric), 'node_power_supply_info'],
    sample(host, readings) {
      for (const name of names(host)) {
        const folder = `${FOLDER}/${name}`;
        const facts = POWER_SUPPLY_FACTS.map((file) =>
          file === undefined ? name : readFact(host, `${folder}/${file}`),
        );
        readings.addFacts('node_power_supply_info', facts);
        for (const each of POWER_SUPPLY_FILES) {
          addNumberFile({ host, readings }, `${folder}/${each.file}`, each, [name]);
        }
      }
    },
  };
}
