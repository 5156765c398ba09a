/**
 * File systems of btrfs from /sys/fs/btrfs, a folder each, named by its UUID. What its devices counted as errors is not
 * told there by device (before Linux 5.14 not at all), and the call that tells it is out of reach.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../../host/host.ts';
import { addNumberFile, listIfPresent, readFact } from '../files.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { copiesRatio } from './btrfs.ts';

const FOLDER = '/sys/fs/btrfs';
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const KINDS = ['data', 'metadata', 'system'] as const;
const MODE = /^(?:single|dup|raid\d+(?:c\d)?)$/;
const SECTOR_BYTES = 512;

interface FileSystem {
  readonly uuid: string;
  readonly folder: string;
  readonly label: string;
  readonly devices: readonly string[];
  /** Layouts on the devices in use by kind of data: several while it is converted. */
  readonly modes: Readonly<Record<(typeof KINDS)[number], readonly string[]>>;
}

export function btrfsSampler(clock: Clock): Sampler {
  const fileSystems = remembered(clock, (host) =>
    listIfPresent(host, FOLDER, UUID).map((uuid) => fileSystem(host, uuid)),
  );
  return {
    name: 'btrfs',
    metrics: [
      'node_btrfs_info',
      'node_btrfs_global_rsv_size_bytes',
      'node_btrfs_device_size_bytes',
      'node_btrfs_reserved_bytes',
      'node_btrfs_used_bytes',
      'node_btrfs_size_bytes',
      'node_btrfs_allocation_ratio',
    ],
    sample(host, readings) {
      for (const { uuid, folder, label, devices, modes } of fileSystems(host)) {
        const add = (...[metric, file, labels, times]: NumberRow): void =>
          addNumberFile({ host, readings }, `${folder}/${file}`, { metric, times }, labels);
        readings.addFacts('node_btrfs_info', [label, uuid]);
        add('node_btrfs_global_rsv_size_bytes', 'allocation/global_rsv_size', [uuid], 1);
        for (const device of devices) {
          add('node_btrfs_device_size_bytes', `devices/${device}/size`, [device, uuid], SECTOR_BYTES);
        }
        for (const kind of KINDS) {
          add('node_btrfs_reserved_bytes', `allocation/${kind}/bytes_reserved`, [kind, uuid], 1);
          for (const mode of modes[kind]) {
            const labels = [kind, mode, uuid];
            add('node_btrfs_used_bytes', `allocation/${kind}/${mode}/used_bytes`, labels, 1);
            add('node_btrfs_size_bytes', `allocation/${kind}/${mode}/total_bytes`, labels, 1);
            const ratio = copiesRatio(mode, devices.length);
            if (ratio !== undefined) readings.addLabelled('node_btrfs_allocation_ratio', labels, ratio);
          }
        }
      }
    },
  };
}

type BtrfsMetric =
  | 'node_btrfs_global_rsv_size_bytes'
  | 'node_btrfs_device_size_bytes'
  | 'node_btrfs_reserved_bytes'
  | 'node_btrfs_used_bytes'
  | 'node_btrfs_size_bytes';
type NumberRow = readonly [metric: BtrfsMetric, file: string, labels: readonly string[], times: number];

function fileSystem(host: Host, uuid: string): FileSystem {
  const folder = `${FOLDER}/${uuid}`;
  const modesOf = (kind: string): readonly string[] =>
    listIfPresent(host, `${folder}/allocation/${kind}`, MODE);
  return {
    uuid,
    folder,
    label: readFact(host, `${folder}/label`),
    devices: listIfPresent(host, `${folder}/devices`, /./),
    modes: { data: modesOf('data'), metadata: modesOf('metadata'), system: modesOf('system') },
  };
}
