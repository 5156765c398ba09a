/** Entropy of the random number generator from /proc/sys/kernel/random. */
import { addNumberFile, type NumberFile } from '../files.ts';
import type { Sampler } from '../sampler.ts';

const FILES: readonly NumberFile[] = [
  { metric: 'node_entropy_available_bits', file: '/proc/sys/kernel/random/entropy_avail' },
  { metric: 'node_entropy_pool_size_bits', file: '/proc/sys/kernel/random/poolsize' },
];

export const entropySampler: Sampler = {
  name: 'entropy',
  metrics: FILES.map(({ metric }) => metric),
  sample(host, readings) {
    for (const each of FILES) addNumberFile({ host, readings }, each.file, each, []);
  },
};
