/** Whether SELinux is enabled and enforces, from /sys/fs/selinux/enforce, which is there when it is. */
import { addNumberFile } from '../files.ts';
import type { Sampler } from '../sampler.ts';

const ENFORCE = '/sys/fs/selinux/enforce';

export const selinuxSampler: Sampler = {
  name: 'selinux',
  metrics: ['node_selinux_enabled', 'node_selinux_current_mode'],
  sample(host, readings) {
    readings.add('node_selinux_enabled', host.has(ENFORCE) ? 1 : 0);
    addNumberFile({ host, readings }, ENFORCE, { metric: 'node_selinux_current_mode' }, []);
  },
};
