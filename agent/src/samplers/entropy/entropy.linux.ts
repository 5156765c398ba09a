/** Entropy of the random number generator from /proc/sys/kernel/random. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { addNumberFile, rememberedNumbers, type NumberFile } from '../files.ts';
import type { Sampler } from '../sampler.ts';

const AVAILABLE: NumberFile = {
  metric: 'node_entropy_available_bits',
  file: '/proc/sys/kernel/random/entropy_avail',
};
const POOL_SIZE: NumberFile = {
  metric: 'node_entropy_pool_size_bits',
  file: '/proc/sys/kernel/random/poolsize',
};

export function entropySampler(clock: Clock): Sampler {
  const addPoolSize = rememberedNumbers(clock, [POOL_SIZE]);
  return {
    name: 'entropy',
    metrics: [AVAILABLE.metric, POOL_SIZE.metric],
    sample(host, readings) {
      addNumberFile({ host, readings }, AVAILABLE.file, AVAILABLE, []);
      addPoolSize(host, readings);
    },
  };
}
