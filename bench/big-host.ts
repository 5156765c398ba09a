/**
 * A machine with very many disks, mounts and network devices, made up in memory, so that what a tick costs there is the
 * agent's own work and nothing of the kernel's.
 */
import {
  HostError,
  type FileFacts,
  type FilesystemUsage,
  type Host,
  type KernelNames,
} from '../agent/src/host/host.ts';

export interface BigHostSize {
  readonly disks: number;
  readonly mounts: number;
  /** Virtual network devices, as containers have them. */
  readonly devices: number;
}

/** The size that the agent has to bear. */
export const BIG_HOST: BigHostSize = { disks: 200, mounts: 500, devices: 1_000 };

const USAGE: FilesystemUsage = {
  blockBytes: 4_096,
  blocks: 1_000_000,
  blocksFree: 500_000,
  blocksAvailable: 450_000,
  files: 1_000_000,
  filesFree: 900_000,
};
const NAMES: KernelNames = {
  sysname: 'Linux',
  nodename: 'big',
  release: '6.1',
  version: '#1',
  machine: 'x86_64',
};

const ATTRIBUTES: Readonly<Record<string, string>> = {
  addr_assign_type: '3',
  address: '02:00:00:00:00:01',
  broadcast: 'ff:ff:ff:ff:ff:ff',
  carrier: '1',
  carrier_changes: '2',
  carrier_down_count: '1',
  carrier_up_count: '1',
  dev_id: '0x0',
  dormant: '0',
  duplex: 'full',
  flags: '0x1003',
  ifalias: '',
  ifindex: '7',
  iflink: '8',
  link_mode: '0',
  mtu: '1500',
  name_assign_type: '4',
  netdev_group: '0',
  operstate: 'up',
  speed: '10000',
  'statistics/rx_nohandler': '0',
  tx_queue_len: '1000',
  type: '1',
};

/** Every call of `nextTick` makes all counters grow, so that nothing is the same as before. */
export class BigHost implements Host {
  readonly #size: BigHostSize;
  readonly #attributes = new Map<string, Buffer>();
  #tick = 0;
  #disks = Buffer.alloc(0);
  #devices = Buffer.alloc(0);
  readonly #mounts: Buffer;

  constructor(size: BigHostSize) {
    this.#size = size;
    const device = (i: number): string => `/sys/class/net/veth${i}`;
    for (let i = 0; i < size.devices; i++) {
      this.#attributes.set(device(i), Buffer.alloc(0));
      for (const [file, value] of Object.entries(ATTRIBUTES)) {
        this.#attributes.set(`${device(i)}/${file}`, Buffer.from(`${value}\n`));
      }
    }
    this.#mounts = Buffer.from(
      lines(size.mounts, (i) => `${i} 1 8:${i} / /data/${i} rw,relatime - ext4 /dev/mapper/data-${i} rw`),
    );
    this.nextTick();
  }

  nextTick(): void {
    this.#tick += 1;
    const n = this.#tick * 1_000;
    const disk = (i: number): string => `8 ${i} dm-${i} ${numbers(17, n + i)}`;
    const device = (i: number): string => `veth${i}: ${numbers(16, n + i)}`;
    this.#disks = Buffer.from(lines(this.#size.disks, disk));
    const headings = 'Inter-|   Receive\n face |bytes    packets\n';
    this.#devices = Buffer.from(headings + lines(this.#size.devices, device));
  }

  read(path: string): Buffer {
    if (path === '/proc/diskstats') return this.#disks;
    if (path === '/proc/net/dev') return this.#devices;
    if (path === '/proc/1/mountinfo') return this.#mounts;
    const attribute = this.#attributes.get(path);
    if (attribute === undefined) throw new HostError('absent', `read ${path}`);
    return attribute;
  }

  readOnce(path: string): Buffer {
    return this.read(path);
  }

  has(path: string): boolean {
    return this.#attributes.has(path);
  }

  stat(path: string): FileFacts {
    throw new HostError('absent', `stat ${path}`);
  }

  list(path: string): readonly string[] {
    throw new HostError('absent', `list ${path}`);
  }

  readLink(path: string): string {
    throw new HostError('absent', `read the link ${path}`);
  }

  statfs(): Promise<FilesystemUsage> {
    return Promise.resolve(USAGE);
  }

  statfsNow(): FilesystemUsage {
    return USAGE;
  }

  ask(path: string): Promise<Buffer> {
    return Promise.reject(new HostError('absent', path));
  }

  kernelNames(): KernelNames {
    return NAMES;
  }
}

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('');
}

function numbers(count: number, from: number): string {
  return Array.from({ length: count }, (_, i) => from * (i + 1)).join(' ');
}
