/** The agent's own process from /proc/self/stat, status, limits and fd, and its version. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../../host/host.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { parseStat } from '../stat/stat.ts';
import { parseProcessLimits, parseProcessStat, parseResidentBytes } from './self.ts';

/** Label values of `rollcall_agent_info`, in Node.js's words: `x64`, `linux`. */
export interface AgentInfo {
  readonly version: string;
  readonly arch: string;
  readonly os: string;
}

export function selfSampler(agent: AgentInfo, clock: Clock): Sampler {
  // The kernel makes an entry for each file, which is the dearest thing read here.
  const openFiles = remembered(clock, (host) => host.list('/proc/self/fd').length);
  const limits = remembered(clock, (host) =>
    parseProcessLimits(host.readOnce('/proc/self/limits').toString()),
  );
  const bootSeconds = remembered(clock, readBootSeconds);
  return {
    name: 'self',
    metrics: [
      'rollcall_agent_info',
      'process_cpu_seconds_total',
      'process_open_fds',
      'process_max_fds',
      'process_virtual_memory_bytes',
      'process_virtual_memory_max_bytes',
      'process_resident_memory_bytes',
      'process_start_time_seconds',
    ],
    sample(host, readings) {
      readings.addFacts('rollcall_agent_info', [agent.arch, agent.os, agent.version]);
      const stat = parseProcessStat(host.read('/proc/self/stat').toString());
      readings.add('process_cpu_seconds_total', stat.cpuSeconds);
      readings.add('process_virtual_memory_bytes', stat.virtualBytes);
      const status = host.read('/proc/self/status').toString();
      readings.add('process_resident_memory_bytes', parseResidentBytes(status));
      readings.add('process_open_fds', openFiles(host));
      const { openFiles: openFilesMax, virtualBytes: virtualBytesMax } = limits(host);
      readings.add('process_max_fds', openFilesMax);
      readings.add('process_virtual_memory_max_bytes', virtualBytesMax);
      readings.add('process_start_time_seconds', bootSeconds(host) + stat.startSeconds);
    },
  };
}

function readBootSeconds(host: Host): number {
  const boot = parseStat(host.read('/proc/stat').toString()).find(
    ({ metric }) => metric === 'node_boot_time_seconds',
  );
  return boot?.value ?? Number.NaN;
}
