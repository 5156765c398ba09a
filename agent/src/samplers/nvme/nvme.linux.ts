/** What NVMe controllers there are, from /sys/class/nvme. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { listIfPresent, readFact } from '../files.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/class/nvme';
/** In the order of the labels behind `device`. */
const FACTS = ['firmware_rev', 'model', 'serial', 'state'] as const;

export function nvmeSampler(clock: Clock): Sampler {
  const names = remembered(clock, (host) => listIfPresent(host, FOLDER, /^nvme[0-9]+$/));
  return {
    name: 'nvme',
    metrics: ['node_nvme_info'],
    sample(host, readings) {
      for (const device of names(host)) {
        const facts = FACTS.map((file) => readFact(host, `${FOLDER}/${device}/${file}`));
        readings.addFacts('node_nvme_info', [device, ...facts]);
      }
    },
  };
}
