/** The register: which samplers run on which operating system. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { arpSampler } from './arp/arp.linux.ts';
import { bondingSampler } from './bonding/bonding.linux.ts';
import { btrfsSampler } from './btrfs/btrfs.linux.ts';
import { clocksourceSampler } from './clocksource/clocksource.linux.ts';
import { containersSampler } from './containers/containers.linux.ts';
import { conntrackSampler } from './conntrack/conntrack.linux.ts';
import { cpuSampler } from './cpu/cpu.linux.ts';
import { cpufreqSampler } from './cpufreq/cpufreq.linux.ts';
import { diskSampler } from './disk/disk.linux.ts';
import { edacSampler } from './edac/edac.linux.ts';
import { entropySampler } from './entropy/entropy.linux.ts';
import { filefdSampler } from './filefd/filefd.linux.ts';
import { filesystemSampler } from './filesystem/filesystem.linux.ts';
import { hwmonSampler } from './hwmon/hwmon.linux.ts';
import { linkSampler } from './link/link.linux.ts';
import { loadSampler } from './load/load.linux.ts';
import { macSamplers } from './macos/macos.darwin.ts';
import { memorySampler } from './memory/memory.linux.ts';
import { netstatSampler } from './netstat/netstat.linux.ts';
import { networkSampler } from './network/network.linux.ts';
import { nvmeSampler } from './nvme/nvme.linux.ts';
import { osSampler } from './os/os.linux.ts';
import { powerSampler } from './power/power.linux.ts';
import { pressureSampler } from './pressure/pressure.linux.ts';
import { processesSampler } from './processes/processes.linux.ts';
import type { ProcessWatch } from './processes/watch.ts';
import { raidSampler } from './raid/raid.linux.ts';
import type { Sampler } from './sampler.ts';
import { schedstatSampler } from './schedstat/schedstat.linux.ts';
import { selfSampler, type AgentInfo } from './self/self.linux.ts';
import { selinuxSampler } from './selinux/selinux.linux.ts';
import { sockstatSampler } from './sockstat/sockstat.linux.ts';
import { softnetSampler } from './softnet/softnet.linux.ts';
import { StatFile } from './stat/stat-file.ts';
import { statSampler } from './stat/stat.linux.ts';
import { systemdSampler } from './systemd/systemd.linux.ts';
import { tcpSampler } from './tcp/tcp.linux.ts';
import { textfileSampler } from './textfile/textfile.ts';
import { thermalSampler } from './thermal/thermal.linux.ts';
import { timeSampler } from './time/time.ts';
import { udpSampler } from './udp/udp.linux.ts';
import { unameSampler } from './uname/uname.linux.ts';
import { plainUnameSampler } from './uname/uname.ts';
import { vmstatSampler } from './vmstat/vmstat.linux.ts';
import { powershell, windowsSamplers, type Counters } from './windows/windows.win32.ts';
import { zfsSampler } from './zfs/zfs.linux.ts';

export interface SamplerOptions {
  readonly clock: Clock;
  readonly agent: AgentInfo;
  /** A mount that has not answered by then fails alone; must be less than a sampler gets. */
  readonly mountTimeoutMs: number;
  /** Folder of text files with metrics of others, an absolute path; none is read without it. */
  readonly textfileDir?: string | undefined;
  /** Is shown every look at the processes, where the system has one. */
  readonly watch?: ProcessWatch | undefined;
  /** Is asked on Windows; whoever makes samplers again and again hands on the same one. @default a PowerShell that stays with them */
  readonly counters?: Counters | undefined;
}

/** The samplers of this operating system; on one that is not supported yet, those that need nothing of it. */
export function createSamplers(platform: NodeJS.Platform, options: SamplerOptions): readonly Sampler[] {
  const own = platformSamplers(platform, options);
  return options.textfileDir === undefined ? own : [...own, textfileSampler(options.textfileDir)];
}

function platformSamplers(platform: NodeJS.Platform, options: SamplerOptions): readonly Sampler[] {
  if (platform === 'darwin') return [...macSamplers(options), timeSampler(options.clock)];
  if (platform === 'win32') {
    const { clock, counters = powershell(clock) } = options;
    return [...windowsSamplers(clock, counters), plainUnameSampler, timeSampler(clock)];
  }
  if (platform !== 'linux') return [timeSampler(options.clock)];
  return [...quickSamplers(), ...slowSamplers(options)];
}

/** What is worth a look each second: the load of processors, memory, disks and network. Decisions 0058 and 0095. */
function quickSamplers(): readonly Sampler[] {
  const statFile = new StatFile();
  return [
    cpuSampler(statFile),
    memorySampler,
    statSampler(statFile),
    diskSampler,
    networkSampler,
    pressureSampler,
    schedstatSampler,
  ];
}

/** What moves slowly, or says little about a single second: the kernel itself makes load averages every 5 s only. */
function slowSamplers(options: SamplerOptions): readonly Sampler[] {
  const samplers: readonly Sampler[] = [
    loadSampler,
    softnetSampler,
    vmstatSampler,
    linkSampler(options.clock),
    filefdSampler,
    entropySampler(options.clock),
    netstatSampler(),
    sockstatSampler(),
    conntrackSampler(options.clock),
    arpSampler,
    tcpSampler(options.clock),
    udpSampler,
    selinuxSampler,
    clocksourceSampler(options.clock),
    cpufreqSampler(options.clock),
    thermalSampler(options.clock),
    powerSampler(options.clock),
    raidSampler,
    zfsSampler,
    btrfsSampler(options.clock),
    bondingSampler,
    edacSampler(options.clock),
    nvmeSampler(options.clock),
    hwmonSampler(options.clock),
    processesSampler(options.clock, options.watch),
    systemdSampler(options.clock),
    unameSampler(options.clock),
    osSampler(options.clock),
    timeSampler(options.clock),
    selfSampler(options.agent, options.clock),
    filesystemSampler(options),
    containersSampler(options.clock),
  ];
  return samplers.map((sampler) => ({ ...sampler, pace: 'slow' }));
}
