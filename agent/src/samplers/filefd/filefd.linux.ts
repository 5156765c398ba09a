/** Open files of the whole machine from /proc/sys/fs/file-nr. */
import type { Sampler } from '../sampler.ts';
import { parseOpenFiles } from './filefd.ts';

export const filefdSampler: Sampler = {
  name: 'filefd',
  metrics: ['node_filefd_allocated', 'node_filefd_maximum'],
  sample(host, readings) {
    const { allocated, maximum } = parseOpenFiles(host.read('/proc/sys/fs/file-nr').toString('latin1'));
    readings.add('node_filefd_allocated', allocated);
    readings.add('node_filefd_maximum', maximum);
  },
};
