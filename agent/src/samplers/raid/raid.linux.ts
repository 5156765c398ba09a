/** Software RAID from /proc/mdstat, which is there while the md module is loaded. */
import { readIfPresent } from '../files.ts';
import type { Sampler } from '../sampler.ts';
import { parseRaid, RAID_STATES } from './raid.ts';

export const raidSampler: Sampler = {
  name: 'raid',
  metrics: [
    'node_md_disks',
    'node_md_disks_required',
    'node_md_state',
    'node_md_blocks',
    'node_md_blocks_synced',
  ],
  sample(host, readings) {
    const bytes = readIfPresent(host, '/proc/mdstat');
    if (bytes === undefined) return;
    for (const array of parseRaid(bytes)) {
      const { device } = array;
      readings.add('node_md_disks', array.disksActive, device, 'active');
      readings.add('node_md_disks', array.disksFailed, device, 'failed');
      readings.add('node_md_disks', array.disksSpare, device, 'spare');
      readings.add('node_md_disks_required', array.disksRequired, device);
      for (const state of RAID_STATES) {
        readings.add('node_md_state', array.state === state ? 1 : 0, device, state);
      }
      readings.add('node_md_blocks', array.blocks, device);
      readings.add('node_md_blocks_synced', array.blocksSynced, device);
    }
  },
};
