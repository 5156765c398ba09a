/** What NVMe controllers there are, from /sys/class/nvme. */
import { listIfPresent, readFact } from '../files.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/class/nvme';
/** In the order of the labels behind `device`. */
const FACTS = ['firmware_rev', 'model', 'serial', 'state'] as const;

export const nvmeSampler: Sampler = {
  name: 'nvme',
  metrics: ['node_nvme_info'],
  sample(host, readings) {
    for (const device of listIfPresent(host, FOLDER, /^nvme[0-9]+$/)) {
      const facts = FACTS.map((file) => readFact(host, `${FOLDER}/${device}/${file}`));
      readings.addFacts('node_nvme_info', [device, ...facts]);
    }
  },
};
