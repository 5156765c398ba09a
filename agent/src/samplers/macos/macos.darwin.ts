/**
 * Readings of macOS: processors and load from the platform, the rest from small programs of the system, which are the
 * documented way to the kernel's counters; each takes a few milliseconds.
 */
import { cpus, loadavg } from 'node:os';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { runChild, type ChildCommand } from '../../host/run-child.ts';
import { sampleErrorCode } from '../failure.ts';
import type { Readings } from '../readings.ts';
import type { Sampler } from '../sampler.ts';
import { plainUnameSampler } from '../uname/uname.ts';
import { parseIoreg, parseMount, parseNetstat, parseSysctl, parseVmStat, type MacMount } from './macos.ts';

/** Every program that is run in a tick. */
const PROGRAMS = {
  vmStat: { program: '/usr/bin/vm_stat', args: [] },
  sysctl: { program: '/usr/sbin/sysctl', args: ['hw.memsize', 'vm.swapusage', 'kern.boottime'] },
  netstat: { program: '/usr/sbin/netstat', args: ['-ibn'] },
  ioreg: { program: '/usr/sbin/ioreg', args: ['-rlw0', '-c', 'IOBlockStorageDriver'] },
  mount: { program: '/sbin/mount', args: [] },
} as const satisfies Readonly<Record<string, ChildCommand>>;

const OUTPUT_BYTES_MAX = 1024 * 1024;
const TIMEOUT_MS = 4_000;
const MS_PER_SECOND = 1_000;

export type MacProgram = keyof typeof PROGRAMS;

/** What a program prints. */
export type RunProgram = (name: MacProgram, signal: AbortSignal) => Promise<string>;

export interface MacOptions {
  readonly clock: Clock;
  readonly mountTimeoutMs: number;
}

/** @param run the programs of the machine without it */
export function macSamplers(
  { clock, mountTimeoutMs }: MacOptions,
  run: RunProgram = runner(clock),
): readonly Sampler[] {
  return [
    cpuSampler,
    loadSampler,
    memorySampler(run),
    diskSampler(run),
    networkSampler(run),
    filesystemSampler(run, { clock, mountTimeoutMs }),
    plainUnameSampler,
  ];
}

function runner(clock: Clock): RunProgram {
  return async (name, signal) => {
    const command = PROGRAMS[name];
    const limits = {
      clock,
      timeoutMs: TIMEOUT_MS,
      outputBytesMax: OUTPUT_BYTES_MAX,
      what: `run ${command.program}`,
      hasOwnGroup: false,
    };
    return (await runChild(command, limits, signal)).toString();
  };
}

/** host_processor_info, by way of the platform; milliseconds. */
const cpuSampler: Sampler = {
  name: 'cpu',
  metrics: ['node_cpu_seconds_total'],
  sample(_host, readings) {
    cpus().forEach(({ times }, i) => {
      const cpu = String(i);
      readings.add('node_cpu_seconds_total', times.user / MS_PER_SECOND, cpu, 'user');
      readings.add('node_cpu_seconds_total', times.nice / MS_PER_SECOND, cpu, 'nice');
      readings.add('node_cpu_seconds_total', times.sys / MS_PER_SECOND, cpu, 'system');
      readings.add('node_cpu_seconds_total', times.idle / MS_PER_SECOND, cpu, 'idle');
    });
  },
};

const loadSampler: Sampler = {
  name: 'load',
  metrics: ['node_load1', 'node_load5', 'node_load15'],
  sample(_host, readings) {
    const [load1 = Number.NaN, load5 = Number.NaN, load15 = Number.NaN] = loadavg();
    readings.add('node_load1', load1);
    readings.add('node_load5', load5);
    readings.add('node_load15', load15);
  },
};

/** Names of vm_stat and what is made of them (node_exporter, collector/meminfo_darwin.go). */
const VM_STAT = [
  ['node_memory_active_bytes', 'active'],
  ['node_memory_inactive_bytes', 'inactive'],
  ['node_memory_wired_bytes', 'wired down'],
  ['node_memory_free_bytes', 'free'],
  ['node_memory_compressed_bytes', 'occupied by compressor'],
  ['node_memory_internal_bytes', 'anonymous pages'],
  ['node_memory_purgeable_bytes', 'purgeable'],
  ['node_memory_swapped_in_bytes_total', 'swapins'],
  ['node_memory_swapped_out_bytes_total', 'swapouts'],
  ['node_memory_MemFree_bytes', 'free'],
] as const;

function memorySampler(run: RunProgram): Sampler {
  return {
    name: 'memory',
    metrics: [
      ...VM_STAT.map(([metric]) => metric),
      'node_memory_total_bytes',
      'node_memory_swap_total_bytes',
      'node_memory_swap_used_bytes',
      'node_memory_MemTotal_bytes',
      'node_memory_MemAvailable_bytes',
      'node_memory_SwapTotal_bytes',
      'node_memory_SwapFree_bytes',
      'node_boot_time_seconds',
    ],
    async sample(_host, readings, signal) {
      const [pages, facts] = await Promise.all([
        run('vmStat', signal).then(parseVmStat),
        run('sysctl', signal).then(parseSysctl),
      ]);
      for (const [metric, name] of VM_STAT) addKnown(readings, metric, pages.get(name));
      const { memoryBytes, swapTotalBytes, swapUsedBytes, bootSeconds } = facts;
      addKnown(readings, 'node_memory_total_bytes', memoryBytes);
      addKnown(readings, 'node_memory_swap_total_bytes', swapTotalBytes);
      addKnown(readings, 'node_memory_swap_used_bytes', swapUsedBytes);
      addKnown(readings, 'node_memory_MemTotal_bytes', memoryBytes);
      // What can be had without swapping: free, and what was not used lately or may be taken away.
      addKnown(readings, 'node_memory_MemAvailable_bytes', sum(pages.get('free'), pages.get('inactive')));
      addKnown(readings, 'node_memory_SwapTotal_bytes', swapTotalBytes);
      const swapFree = sum(swapTotalBytes, swapUsedBytes === undefined ? undefined : -swapUsedBytes);
      addKnown(readings, 'node_memory_SwapFree_bytes', swapFree);
      addKnown(readings, 'node_boot_time_seconds', bootSeconds);
    },
  };
}

function diskSampler(run: RunProgram): Sampler {
  return {
    name: 'disk',
    metrics: [
      'node_disk_reads_completed_total',
      'node_disk_writes_completed_total',
      'node_disk_read_bytes_total',
      'node_disk_written_bytes_total',
      'node_disk_read_time_seconds_total',
      'node_disk_write_time_seconds_total',
    ],
    async sample(_host, readings, signal) {
      for (const disk of parseIoreg(await run('ioreg', signal))) {
        const { device } = disk;
        readings.add('node_disk_reads_completed_total', disk.reads, device);
        readings.add('node_disk_writes_completed_total', disk.writes, device);
        readings.add('node_disk_read_bytes_total', disk.readBytes, device);
        readings.add('node_disk_written_bytes_total', disk.writtenBytes, device);
        readings.add('node_disk_read_time_seconds_total', disk.readSeconds, device);
        readings.add('node_disk_write_time_seconds_total', disk.writeSeconds, device);
      }
    },
  };
}

function networkSampler(run: RunProgram): Sampler {
  return {
    name: 'network',
    metrics: [
      'node_network_receive_packets_total',
      'node_network_receive_errs_total',
      'node_network_receive_bytes_total',
      'node_network_transmit_packets_total',
      'node_network_transmit_errs_total',
      'node_network_transmit_bytes_total',
    ],
    async sample(_host, readings, signal) {
      for (const each of parseNetstat(await run('netstat', signal))) {
        const { device } = each;
        readings.add('node_network_receive_packets_total', each.receivePackets, device);
        readings.add('node_network_receive_errs_total', each.receiveErrors, device);
        readings.add('node_network_receive_bytes_total', each.receiveBytes, device);
        readings.add('node_network_transmit_packets_total', each.transmitPackets, device);
        readings.add('node_network_transmit_errs_total', each.transmitErrors, device);
        readings.add('node_network_transmit_bytes_total', each.transmitBytes, device);
      }
    },
  };
}

function filesystemSampler(run: RunProgram, { clock, mountTimeoutMs }: MacOptions): Sampler {
  const sizes = [
    'node_filesystem_size_bytes',
    'node_filesystem_free_bytes',
    'node_filesystem_avail_bytes',
    'node_filesystem_files',
    'node_filesystem_files_free',
  ] as const;
  return {
    name: 'filesystem',
    metrics: [...sizes, 'node_filesystem_readonly', 'node_filesystem_device_error'],
    async sample(host, readings, signal) {
      const mounts = parseMount(await run('mount', signal));
      const controller = new AbortController();
      const giveUp = (): void => controller.abort();
      signal.addEventListener('abort', giveUp, { once: true });
      const timer = clock.setTimer(mountTimeoutMs, giveUp);
      const ask = ({ mountpoint, isRemote }: MacMount) =>
        host.statfs({ path: Buffer.from(mountpoint), isRemote }, controller.signal);
      try {
        const usages = await Promise.allSettled(mounts.map(ask));
        mounts.forEach(({ device, fstype, mountpoint, isReadonly }, i) => {
          const usage = usages[i];
          const labels = [device, fstype, mountpoint] as const;
          readings.add('node_filesystem_readonly', isReadonly ? 1 : 0, ...labels);
          readings.add('node_filesystem_device_error', usage?.status === 'fulfilled' ? 0 : 1, ...labels);
          if (usage?.status !== 'fulfilled') {
            const code = sampleErrorCode(usage?.reason);
            for (const metric of sizes) readings.fail(metric, code, ...labels);
            return;
          }
          const { blockBytes, blocks, blocksFree, blocksAvailable, files, filesFree } = usage.value;
          const values = [
            blocks * blockBytes,
            blocksFree * blockBytes,
            blocksAvailable * blockBytes,
            files,
            filesFree,
          ];
          sizes.forEach((metric, place) => readings.add(metric, values[place] ?? Number.NaN, ...labels));
        });
      } finally {
        timer.cancel();
        signal.removeEventListener('abort', giveUp);
      }
    },
  };
}

/** A value that the system did not tell is left out. */
function addKnown(
  readings: Readings,
  metric: Parameters<Readings['addLabelled']>[0],
  value: number | undefined,
): void {
  if (value !== undefined) readings.addLabelled(metric, [], value);
}

function sum(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? undefined : left + right;
}
