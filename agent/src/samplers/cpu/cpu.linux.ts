/** Processor times from /proc/stat (guest columns since Linux 2.6.24 and 2.6.33). */
import type { Sampler } from '../sampler.ts';
import { StatFile } from '../stat/stat-file.ts';
import { CPU_MODES, CpuCounters, GUEST_MODES, parseCpuTimes, USER_HZ } from './cpu.ts';

export function cpuSampler(file = new StatFile()): Sampler {
  const counters = new CpuCounters();
  return {
    name: 'cpu',
    metrics: ['node_cpu_seconds_total', 'node_cpu_guest_seconds_total'],
    sample(host, readings) {
      for (const { cpu, jiffies } of counters.hold(parseCpuTimes(file.read(host)))) {
        let column = 0;
        for (const mode of CPU_MODES)
          readings.add('node_cpu_seconds_total', (jiffies[column++] ?? 0) / USER_HZ, cpu, mode);
        for (const mode of GUEST_MODES)
          readings.add('node_cpu_guest_seconds_total', (jiffies[column++] ?? 0) / USER_HZ, cpu, mode);
      }
    },
  };
}
