/** The register: which samplers run on which operating system. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { cpuSampler } from './cpu/cpu.linux.ts';
import { diskSampler } from './disk/disk.linux.ts';
import { filesystemSampler } from './filesystem/filesystem.linux.ts';
import { loadSampler } from './load/load.linux.ts';
import { memorySampler } from './memory/memory.linux.ts';
import { networkSampler } from './network/network.linux.ts';
import { osSampler } from './os/os.linux.ts';
import type { Sampler } from './sampler.ts';
import { selfSampler, type AgentInfo } from './self/self.linux.ts';
import { statSampler } from './stat/stat.linux.ts';
import { timeSampler } from './time/time.ts';
import { unameSampler } from './uname/uname.linux.ts';

export interface SamplerOptions {
  readonly clock: Clock;
  readonly agent: AgentInfo;
  /** A mount that has not answered by then fails alone; must be less than a sampler gets. */
  readonly mountTimeoutMs: number;
}

/** The samplers of this operating system; on one that is not supported yet, those that need nothing of it. */
export function createSamplers(platform: NodeJS.Platform, options: SamplerOptions): readonly Sampler[] {
  if (platform !== 'linux') return [timeSampler(options.clock)];
  return [
    cpuSampler(),
    memorySampler,
    loadSampler,
    statSampler,
    diskSampler,
    networkSampler,
    unameSampler,
    osSampler,
    timeSampler(options.clock),
    selfSampler(options.agent),
    filesystemSampler(options),
  ];
}
