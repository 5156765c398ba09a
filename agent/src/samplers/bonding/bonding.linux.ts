/** Bonded network devices from /sys/class/net/bonding_masters and the folders it names. */
import { attempt, readFact, readIfPresent } from '../files.ts';
import { words } from '../parse.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/class/net';
const METRICS = ['node_bonding_slaves', 'node_bonding_active'] as const;

export const bondingSampler: Sampler = {
  name: 'bonding',
  metrics: METRICS,
  sample(host, readings) {
    const masters = readIfPresent(host, `${FOLDER}/bonding_masters`);
    if (masters === undefined) return;
    for (const master of words(masters.toString())) {
      attempt(readings, METRICS, [master], () => {
        const slaves = words(host.read(`${FOLDER}/${master}/bonding/slaves`).toString());
        const active = slaves.filter(
          (slave) => readFact(host, `${FOLDER}/${master}/lower_${slave}/bonding_slave/mii_status`) === 'up',
        );
        readings.add('node_bonding_slaves', slaves.length, master);
        readings.add('node_bonding_active', active.length, master);
      });
    }
  },
};
