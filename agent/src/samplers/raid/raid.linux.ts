/** Software RAID from /proc/mdstat, which is there while the md module is loaded. */
import { readIfPresent } from '../files.ts';
import type { Readings } from '../readings.ts';
import type { Sampler } from '../sampler.ts';
import { parseRaid, RAID_STATES } from './raid.ts';

const PATH = '/proc/mdstat';

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
    const bytes = readIfPresent(host, PATH);
    if (bytes === undefined) return;
    readings.addFrom(PATH, bytes, () => addArrays(readings, bytes));
  },
};

function addArrays(readings: Readings, bytes: Buffer): void {
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
}
