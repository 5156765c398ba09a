/**
 * The agent's own process from /proc/self/status, and once a minute from stat, limits and fd; its processor time from
 * getrusage(2), because the kernel looks through all threads and memory for one line of /proc/self/stat.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../../host/host.ts';
import { ownCpuSeconds } from '../../host/own-process.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { parseStat } from '../stat/stat.ts';
import { parseMemoryBytes, parseProcessLimits, parseStartSeconds } from './self.ts';

/** Label values of `rollcall_agent_info`, in Node.js's words: `x64`, `linux`. */
export interface AgentInfo {
  readonly version: string;
  readonly arch: string;
  readonly os: string;
}

/** @param cpuSeconds processor time that this process has used */
export function selfSampler(agent: AgentInfo, clock: Clock, cpuSeconds = ownCpuSeconds): Sampler {
  // The kernel makes an entry for each file, which is the dearest thing read here.
  const openFiles = remembered(clock, (host) => host.list('/proc/self/fd').length);
  const limits = remembered(clock, (host) =>
    parseProcessLimits(host.readOnce('/proc/self/limits').toString()),
  );
  const startSeconds = remembered(
    clock,
    (host) => readBootSeconds(host) + parseStartSeconds(host.readOnce('/proc/self/stat').toString()),
  );
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
      const status = host.read('/proc/self/status').toString('latin1');
      readings.add('process_cpu_seconds_total', cpuSeconds());
      readings.add('process_virtual_memory_bytes', parseMemoryBytes(status, 'VmSize'));
      readings.add('process_resident_memory_bytes', parseMemoryBytes(status, 'VmRSS'));
      readings.add('process_open_fds', openFiles(host));
      const { openFiles: openFilesMax, virtualBytes: virtualBytesMax } = limits(host);
      readings.add('process_max_fds', openFilesMax);
      readings.add('process_virtual_memory_max_bytes', virtualBytesMax);
      readings.add('process_start_time_seconds', startSeconds(host));
    },
  };
}

function readBootSeconds(host: Host): number {
  const boot = parseStat(host.read('/proc/stat').toString()).find(
    ({ metric }) => metric === 'node_boot_time_seconds',
  );
  return boot?.value ?? Number.NaN;
}
