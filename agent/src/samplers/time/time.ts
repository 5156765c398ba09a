/** The machine's wall clock at the moment of sampling; the same on every operating system. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Sampler } from '../sampler.ts';

const MS_PER_SECOND = 1_000;

export function timeSampler(clock: Clock): Sampler {
  return {
    name: 'time',
    metrics: ['node_time_seconds'],
    sample(_host, readings) {
      readings.add('node_time_seconds', clock.wallMs() / MS_PER_SECOND);
    },
  };
}
